// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	start := at(0)
	end := start.Add(5 * time.Minute)
	w := trace.Window{Start: start, End: end}

	assert.Equal(t, 5*time.Minute, w.Duration())
	assert.Equal(t, "2026-01-21T14:12:34Z/2026-01-21T14:17:34Z", w.String())
	for _, inside := range []time.Time{start, start.Add(1), end.Add(-1), end} {
		assert.True(t, w.Contains(inside), "%v", inside)
	}
	for _, outside := range []time.Time{start.Add(-1), end.Add(1), {}} {
		assert.False(t, w.Contains(outside), "%v", outside)
	}
}

func TestWindowIsWrittenInUTC(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("elsewhere", 2*3600)
	w := trace.Window{Start: at(0).In(zone), End: at(1_000_000).In(zone)}
	assert.Equal(t, "2026-01-21T14:12:34Z/2026-01-21T14:12:34.001Z", w.String())
}

func TestWindowWithoutTimeIsEmpty(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		length time.Duration
		empty  bool
	}{
		"a nanosecond": {1, false},
		"an instant":   {0, true},
		"backwards":    {-1, true},
	} {
		assert.Equal(t, c.empty, trace.Window{Start: at(0), End: at(0).Add(c.length)}.Empty(), name)
	}
	assert.True(t, trace.Window{}.Empty())
}
