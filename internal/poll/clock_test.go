// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSkewIsBelievedWhenItIsToldForAMinute(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	const s, h = time.Second, time.Hour
	for name, tt := range map[string]struct {
		// told is what is told every ten seconds.
		told []time.Duration
		want time.Duration
	}{
		"a small difference":       {[]time.Duration{-s, s, 0, -s, s, 0, -s, s}, 0},
		"told for a minute":        {[]time.Duration{-h, -h, -h, -h + s, -h, -h, -h}, -h},
		"told too short":           {[]time.Duration{-h, -h, -h, -h, -h, -h}, 0},
		"one right header between": {[]time.Duration{-h, -h, -h, 0, -h, -h, -h, -h}, 0},
		"two kinds of wrong":       {[]time.Duration{-h, h, -h, h, -h, h, -h, h, -h}, 0},
		"and back again":           {[]time.Duration{h, h, h, h, h, h, h, 0, 0, 0, 0, 0, 0, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var k skew
			for i, told := range tt.told {
				k.tell(told, at.Add(time.Duration(i)*10*s))
			}
			assert.Equal(t, tt.want, k.ahead())
			k.forget()
			assert.Zero(t, k.ahead())
		})
	}
}
