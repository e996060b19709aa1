// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
)

// clockAt is a time of the day on which the schedule is tested.
func clockAt(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("15:04:05.999999999", text)
	require.NoError(t, err)
	return time.Date(2026, time.November, 22, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
}

func TestTheFirstTickIsAtOnce(t *testing.T) {
	t.Parallel()
	for now, want := range map[string]string{
		"10:03:20":           "10:03:20",
		"10:03:20.999999999": "10:03:20",
		"10:05:00":           "10:05:00",
		"00:00:00":           "00:00:00",
	} {
		s := &schedule{plan: plan.Config{Interval: 5 * time.Minute}}
		assert.Equal(t, clockAt(t, want), s.start(clockAt(t, now)), now)
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		interval time.Duration
		offset   time.Duration
		start    string
		// looks are the times at which the clock is looked at, each with the tick that is due then, if one is.
		looks [][2]string
	}{
		"are aligned after the first": {5 * time.Minute, 0, "10:03:20", [][2]string{
			{"10:03:20", ""}, {"10:04:59.999999999", ""}, {"10:05:00", "10:05:00"}, {"10:05:00.5", ""}, {"10:10:00", "10:10:00"},
		}},
		"come once": {5 * time.Minute, 0, "10:05:00", [][2]string{
			{"10:05:00", ""}, {"10:05:01", ""}, {"10:10:02", "10:10:00"}, {"10:10:02", ""}, {"10:14:59", ""},
		}},
		"that were missed are merged into the latest": {5 * time.Minute, 0, "10:00:00", [][2]string{
			{"10:17:30", "10:15:00"}, {"10:17:31", ""}, {"10:20:00", "10:20:00"},
		}},
		"follow a clock that is set forward": {5 * time.Minute, 0, "10:00:00", [][2]string{
			{"13:02:00", "13:00:00"}, {"13:02:01", ""}, {"13:05:00", "13:05:00"},
		}},
		"go on from where a clock is set back to": {5 * time.Minute, 0, "10:02:00", [][2]string{
			{"10:05:00", "10:05:00"}, {"08:03:00", ""}, {"08:04:59", ""}, {"08:05:00", "08:05:00"}, {"08:10:00", "08:10:00"},
		}},
		"do not come twice when a clock is set back a little": {5 * time.Minute, 0, "10:05:00", [][2]string{
			{"10:10:01", "10:10:00"}, {"10:10:00.5", ""}, {"10:14:00", ""}, {"10:15:00", "10:15:00"},
		}},
		"come a second time when a clock is set back past them": {5 * time.Minute, 0, "10:05:00", [][2]string{
			{"10:10:01", "10:10:00"}, {"10:09:59", ""}, {"10:10:00", "10:10:00"},
		}},
		"start late when a clock is set back right after the start": {5 * time.Minute, 0, "10:03:20", [][2]string{
			{"10:03:15", ""}, {"10:03:20", ""}, {"10:05:00", "10:05:00"},
		}},
		"count from the full hour": {12 * time.Minute, 0, "10:00:00", [][2]string{
			{"10:12:00", "10:12:00"}, {"10:50:00", "10:48:00"}, {"10:59:59", ""}, {"11:00:00", "11:00:00"},
		}},
		"may be an hour apart":  {time.Hour, 0, "10:30:00", [][2]string{{"10:59:59", ""}, {"11:00:00", "11:00:00"}, {"11:59:59", ""}}},
		"may be a second apart": {time.Second, 0, "10:00:00.7", [][2]string{{"10:00:00.9", ""}, {"10:00:01", "10:00:01"}, {"10:00:02.3", "10:00:02"}}},
		"may be spread": {5 * time.Minute, 70 * time.Second, "10:01:10", [][2]string{
			{"10:05:00", ""}, {"10:06:09.9", ""}, {"10:06:10", "10:06:10"}, {"10:17:00", "10:16:10"}, {"10:21:10", "10:21:10"},
		}},
		"need not be of minutes": {450 * time.Second, 0, "10:00:00", [][2]string{{"10:07:29", ""}, {"10:07:30", "10:07:30"}, {"10:15:00", "10:15:00"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &schedule{plan: plan.Config{Interval: c.interval, Offset: c.offset}}
			s.start(clockAt(t, c.start))
			for _, look := range c.looks {
				now := clockAt(t, look[0])
				assert.Equal(t, look[1] != "", s.isDue(now), look[0])
				tick, ok := s.due(now)
				assert.Equal(t, look[1] != "", ok, look[0])
				if ok && look[1] != "" {
					assert.Equal(t, clockAt(t, look[1]), tick, look[0])
				}
			}
		})
	}
}

// pass lets d pass on the clock of the bubble.
func pass(d time.Duration) { <-time.After(d) }

func TestWaitReturnsWhenATickIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pass(3*time.Minute + 20*time.Second)
		hour := time.Now().UTC().Truncate(time.Hour)
		s := &schedule{plan: plan.Config{Interval: 5 * time.Minute}}
		assert.Equal(t, hour.Add(200*time.Second), s.start(wallClock()))

		for i := 1; i <= 13; i++ {
			tick, ok := s.wait(t.Context())
			require.True(t, ok)
			assert.Equal(t, hour.Add(time.Duration(i)*5*time.Minute), tick)
			assert.Equal(t, tick, wallClock(), "neither early nor late")
		}

		// Work that takes longer than the interval is followed by one tick, at once.
		hour = wallClock()
		pass(17 * time.Minute)
		tick, ok := s.wait(t.Context())
		require.True(t, ok)
		assert.Equal(t, hour.Add(15*time.Minute), tick)
		assert.Equal(t, hour.Add(17*time.Minute), wallClock())
		tick, ok = s.wait(t.Context())
		require.True(t, ok)
		assert.Equal(t, hour.Add(20*time.Minute), tick)
		assert.Equal(t, tick, wallClock())
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{plan: plan.Config{Interval: time.Hour}}
		began := s.start(wallClock())
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
		defer cancel()
		_, ok := s.wait(ctx)
		assert.False(t, ok)
		assert.Equal(t, began.Add(12*time.Minute), wallClock())
	})
}

// looks is a context that notes when it is looked at, which is whenever the clock is.
type looks struct {
	context.Context
	at []time.Time
}

func (l *looks) Done() <-chan struct{} {
	l.at = append(l.at, wallClock())
	return l.Context.Done()
}

// A timer does not notice that the wall clock jumps or that the machine slept.
func TestTheClockIsLookedAtOftenEnoughToSeeItJump(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{plan: plan.Config{Interval: time.Hour}}
		s.start(wallClock())
		ctx := &looks{Context: t.Context()}
		_, ok := s.wait(ctx)
		require.True(t, ok)
		require.Greater(t, len(ctx.at), 2)
		for i := range len(ctx.at) - 1 {
			assert.LessOrEqual(t, ctx.at[i+1].Sub(ctx.at[i]), maxSleep)
		}
		assert.Less(t, len(ctx.at), 1000, "but it need not be looked at all the time")
	})
}

func TestTheWallClockIsInUTCAndHasNoMonotonicTime(t *testing.T) {
	t.Parallel()
	now := wallClock()
	assert.Equal(t, time.UTC, now.Location())
	assert.Equal(t, now.Round(0), now)
	assert.NotContains(t, now.String(), "m=")
}
