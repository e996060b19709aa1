// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package memtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPeakSeesWhatIsFreedAgain(t *testing.T) {
	const most = 64 << 20
	var kept []byte
	peak := Peak(func() {
		for n := 1 << 20; n <= most; n *= 2 {
			kept = make([]byte, n)
			kept[n-1] = 1
		}
		kept = nil
	})
	assert.Greater(t, peak, int64(most-1<<20))
	assert.Less(t, peak, int64(4*most))
	assert.Nil(t, kept)
}
