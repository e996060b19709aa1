// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// between makes the receiver read a date range every so often.
func between(start, end string, every time.Duration) func(*Config) {
	return func(c *Config) {
		c.DateRange = configoptional.Some(DateRange{Start: start, End: end})
		c.PollInterval = every
		c.RateLimit = RateLimit{Interval: time.Minute}
	}
}

// asked are the windows of all first pages that were asked for, and when.
func (w *world) asked() (windows []trace.Window, at []time.Time) {
	for _, request := range w.sim.Requests() {
		if !request.Start.IsZero() && !request.Continued {
			windows = append(windows, trace.Window{Start: request.Start.UTC(), End: request.End.UTC()})
			at = append(at, request.Time)
		}
	}
	return windows, at
}

// punctual is a tenant whose rows are visible at once and never change.
func punctual(t *testing.T, rowsPerDay int, history time.Duration, scenario func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1, Traffic: traffic.Config{
			RowsPerDay: rowsPerDay, From: time.Now().Add(-history), Seed: 7, Delays: traffic.NoDelays(), StatusChanges: -1,
		}})
		require.NoError(t, err)
		scenario(t, newWorld(t, sim))
	})
}

func TestEveryTickAsksForItsWindowAndNothingElse(t *testing.T) {
	punctual(t, 500_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().UTC()
		time.Sleep(3300 * time.Millisecond)
		w.start(between("-30s", "-10s", 10*time.Second))
		time.Sleep(5 * time.Minute)
		w.stop()
		windows, at := w.asked()
		require.Len(t, windows, 31)
		for i, window := range windows {
			tick := began.Add(time.Duration(i) * 10 * time.Second)
			assert.Equal(t, trace.Window{Start: tick.Add(-30 * time.Second), End: tick.Add(-10 * time.Second)}, window)
			if i > 0 {
				assert.WithinDuration(t, tick, at[i], time.Second)
			}
		}
		w.check(began.Add(-30*time.Second), began.Add(4*time.Minute+50*time.Second))
		assert.Positive(t, w.rows)
		assert.Zero(t, w.logs.FilterMessageSnippet("date_range").Len(), "the windows tile")
	})
}

func TestMissedTicksAreReadAfterTheFirst(t *testing.T) {
	punctual(t, 100_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().UTC()
		w.start(between("-2m@m", "-1m@m", time.Minute))
		time.Sleep(10*time.Minute + 30*time.Second)
		w.kill()
		time.Sleep(40 * time.Minute)
		restarted := time.Now().UTC()
		before, _ := w.asked()
		w.start(between("-2m@m", "-1m@m", time.Minute))
		time.Sleep(10*time.Minute + 30*time.Second)
		w.stop()
		windows, _ := w.asked()
		latest := restarted.Truncate(time.Minute)
		assert.Equal(t, trace.Window{Start: latest.Add(-2 * time.Minute), End: latest.Add(-time.Minute)}, windows[len(before)], "the latest first")
		assert.Equal(t, trace.Window{Start: began.Add(9 * time.Minute), End: latest.Add(-2 * time.Minute)}, windows[len(before)+1], "then all others at once")
		w.check(began.Add(-2*time.Minute), time.Now().Add(-2*time.Minute))
	})
}

func TestWindowThatFailsIsReadWithTheNextTick(t *testing.T) {
	punctual(t, 100_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().UTC()
		w.start(between("-10m", "-5m", 5*time.Minute))
		time.Sleep(time.Minute)
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.ServerError, For: 12 * time.Minute}))
		time.Sleep(30 * time.Minute)
		w.stop()
		w.check(began.Add(-10*time.Minute), began.Add(25*time.Minute))
	})
}

func TestDateRangeWithAClockThatIsAheadOfTheServices(t *testing.T) {
	for name, test := range map[string]struct {
		start, end string
		every      time.Duration
		ahead      time.Duration
	}{
		"a little":       {"-10s", "now", 10 * time.Second, 5 * time.Second},
		"by the window":  {"-5m", "now", 5 * time.Minute, time.Minute},
		"by much more":   {"-30s", "-10s", 10 * time.Second, 5 * time.Minute},
		"by less than 0": {"-5m", "now", 5 * time.Minute, -2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			punctual(t, 100_000, time.Hour, func(t *testing.T, w *world) {
				began := time.Now().UTC()
				kind := fault.ClockBehind
				if test.ahead < 0 {
					kind = fault.ClockAhead
				}
				require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: kind, Skew: test.ahead.Abs()}))
				w.start(between(test.start, test.end, test.every))
				time.Sleep(40 * time.Minute)
				w.stop()
				w.check(began.Add(max(0, -test.ahead)), began.Add(30*time.Minute))
			})
		})
	}
}

func TestWindowsThatDoNotTileAreWarnedOf(t *testing.T) {
	punctual(t, 1000, time.Hour, func(t *testing.T, w *world) {
		w.start(between("-30s", "-20s", 30*time.Second))
		time.Sleep(time.Second)
		w.stop()
		said := w.logs.FilterMessageSnippet("date_range leaves mail out").All()
		require.Len(t, said, 1)
		assert.InDelta(t, 40.0, said[0].ContextMap()["minutes_per_hour_not_read"], 1e-9)
	})
}

func TestFixedTimesAreReadOnceThroughKillsAndRestarts(t *testing.T) {
	punctual(t, 30_000, 30*time.Hour, func(t *testing.T, w *world) {
		now := time.Now()
		from, to := now.Add(-25*time.Hour), now.Add(-2*time.Hour)
		stretch := between(from.Format(time.RFC3339), to.Format(time.RFC3339), time.Minute)
		once := func(c *Config) {
			stretch(c)
			c.PageSize = new(100)
			c.RateLimit = RateLimit{Requests: 60, Interval: time.Minute}
		}
		w.start(once)
		time.Sleep(2 * time.Minute)
		require.NotEmpty(t, w.state().Unread)
		w.kills++
		w.storage.dead.Store(true)
		w.sink.live(false)
		w.stop()
		w.start(once)
		time.Sleep(time.Hour)
		assert.Empty(t, w.state().Unread)
		w.stop()
		w.check(from, to)
		assert.LessOrEqual(t, w.sink.repeats(), 100, "a page")

		requests := len(w.sim.Requests())
		w.start(once)
		time.Sleep(time.Hour)
		w.stop()
		assert.LessOrEqual(t, len(w.sim.Requests()), requests+1, "it has been read; only the time is asked for once an hour")
		w.start(func(c *Config) {
			between(from.Add(-time.Hour).Format(time.RFC3339), to.Format(time.RFC3339), time.Minute)(c)
		})
		time.Sleep(time.Hour)
		w.stop()
		assert.Greater(t, len(w.sim.Requests()), requests, "another stretch")
	})
}

func TestModesChangedOverRestarts(t *testing.T) {
	punctual(t, 50_000, time.Hour, func(_ *testing.T, w *world) {
		began := time.Now().UTC()
		w.start(func(c *Config) { c.RevisitAges = nil; c.InitialLookback = 10 * time.Minute })
		time.Sleep(20 * time.Minute)
		w.stop()
		w.start(between("-10m", "now", 5*time.Minute))
		time.Sleep(20*time.Minute + time.Second)
		w.stop()
		w.start(between(began.Add(-50*time.Minute).Format(time.RFC3339), began.Add(-40*time.Minute).Format(time.RFC3339), 5*time.Minute))
		time.Sleep(10 * time.Minute)
		w.stop()
		w.start(func(c *Config) { c.RevisitAges = nil; c.InitialLookback = 10 * time.Minute })
		time.Sleep(20 * time.Minute)
		w.stop()
		w.check(began.Add(-10*time.Minute), began.Add(40*time.Minute))
		w.check(began.Add(-50*time.Minute), began.Add(-40*time.Minute))
	})
}

func TestDateRangeAtATick(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		r        DateRange
		want     trace.Window
		absolute bool
	}{
		"snapped":              {DateRange{Start: "-3h@h", End: "-2h@h"}, trace.Window{Start: now.Add(-210 * time.Minute), End: now.Add(-150 * time.Minute)}, false},
		"up to now":            {DateRange{Start: "-5m"}, trace.Window{Start: now.Add(-5 * time.Minute), End: now}, false},
		"an end in the future": {DateRange{Start: "-5m", End: "+1h"}, trace.Window{Start: now.Add(-5 * time.Minute), End: now}, false},
		"fixed": {
			DateRange{Start: "1763802000", End: "2026-11-22T10:00:00Z"},
			trace.Window{Start: time.Unix(1763802000, 0).UTC(), End: now.Add(-30 * time.Minute)},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &Config{DateRange: configoptional.Some(test.r)}
			r := cfg.planRange()
			assert.Equal(t, test.want, r.At(now))
			assert.Equal(t, test.absolute, r.Absolute != "")
		})
	}
	assert.Nil(t, (&Config{}).planRange())
	assert.Equal(t, plan.MaxWindow, plan.Config{}.LongestWindow())
}
