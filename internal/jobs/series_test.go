// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestASeriesIsBounded(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, time.March, 2, 10, 0, 0, 0, time.UTC)
	s := newSeries(time.Hour)
	for n := range 1000 {
		s.add(begin.Add(time.Duration(n)*time.Minute), Minute{Jobs: 1})
		assert.LessOrEqual(t, len(s.minutes), 60)
	}
	s.add(begin.AddDate(-1, 0, 0), Minute{Jobs: 1})
	assert.Len(t, s.minutes, 1, "what a clock set back leaves in the future is dropped")
	assert.EqualValues(t, MaxMinutes, newSeries(365*24*time.Hour).length)
}
