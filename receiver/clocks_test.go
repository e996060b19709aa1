// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// epoch is when the clock of each bubble starts.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func sleepUntil(at time.Time) { time.Sleep(time.Until(at)) }

// boot runs a phase of a machine's life with a clock of its own. What is stored and what was delivered survives.
func boot(t *testing.T, last *world, from time.Time, phase func(w *world)) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1, Traffic: traffic.Config{
			RowsPerDay: 2000, From: from, Seed: 7, Delays: traffic.NoDelays(), StatusChanges: -1,
		}})
		require.NoError(t, err)
		w = newWorld(t, sim)
		if last != nil {
			w.storage, w.sink = last.storage, last.sink
		}
		phase(w)
	})
	return w
}

// unreachable is a way to a service that this machine does not trust as long as its clock is wrong.
var unreachable = tripper(func(*http.Request) (*http.Response, error) {
	return nil, errors.New("x509: certificate has expired or is not yet valid")
})

func TestABootWithAClockInThePastReopensNothing(t *testing.T) {
	from := epoch.Add(15 * 24 * time.Hour)
	w := boot(t, nil, from, func(w *world) {
		sleepUntil(epoch.Add(20 * 24 * time.Hour))
		w.start(nil)
		sleepUntil(epoch.Add(26 * 24 * time.Hour))
		w.stop()
	})
	rows := w.sink.rows()
	w = boot(t, w, from, func(w *world) {
		w.startVia(unreachable, nil)
		time.Sleep(2 * time.Minute)
		w.stop()
	})
	w = boot(t, w, from, func(w *world) {
		sleepUntil(epoch.Add(26*24*time.Hour + 5*time.Minute))
		w.start(nil)
		time.Sleep(6 * time.Hour)
		w.stop()
	})
	assert.Zero(t, w.sink.repeats())
	assert.Less(t, w.sink.rows(), rows+2000, "mail that nobody asked for")
}

func TestABootWithAClockInTheFutureGivesNothingUp(t *testing.T) {
	for name, way := range map[string]http.RoundTripper{"unreachable": unreachable, "reachable": nil} {
		t.Run(name, func(t *testing.T) {
			end, back := epoch.Add(3*24*time.Hour), epoch.Add(13*24*time.Hour)
			w := boot(t, nil, epoch, func(w *world) {
				sleepUntil(epoch.Add(2 * 24 * time.Hour))
				w.start(nil)
				sleepUntil(end)
				w.stop()
			})
			w = boot(t, w, epoch, func(w *world) {
				sleepUntil(back.Add(100 * 24 * time.Hour))
				through := way
				if through == nil {
					require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.ClockBehind, Skew: 100 * 24 * time.Hour}))
					through = simulator.Transport(w.sim)
				}
				w.startVia(through, nil)
				time.Sleep(2 * time.Minute)
				w.stop()
				assert.Less(t, len(w.sim.Requests()), 300, "ten days, and no more")
			})
			boot(t, w, epoch, func(w *world) {
				sleepUntil(back.Add(5 * time.Minute))
				w.start(nil)
				time.Sleep(40 * time.Hour)
				w.stop()
				w.check(end, back)
				assert.Zero(t, w.logs.FilterMessageSnippet("a gap").Len())
			})
		})
	}
}

func TestAFirstStartWithAWrongClockBeginsWhereTheRightOneWould(t *testing.T) {
	for name, skew := range map[string]time.Duration{
		"ahead by days": 26 * 24 * time.Hour, "ahead by an hour": time.Hour, "a little ahead": 5 * time.Second, "behind": -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			boot(t, nil, epoch, func(w *world) {
				sleepUntil(epoch.Add(50 * 24 * time.Hour))
				kind, now := fault.ClockBehind, time.Now().Add(-skew)
				if skew < 0 {
					kind = fault.ClockAhead
				}
				require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: kind, Skew: skew.Abs()}))
				w.start(func(c *Config) { c.RevisitAges = nil })
				time.Sleep(10 * time.Hour)
				w.stop()
				until := now.Add(9 * time.Hour)
				for row, status := range w.sim.Visible(now.Add(-time.Hour+2*time.Minute), until, until) {
					if row.Received.Before(until.Add(-4*time.Hour)) && row.Received.After(now) {
						assert.NotEmpty(t, w.sink.delivered(row), "%s %s", row.Received, status)
						break
					}
				}
				for row := range w.sim.Rows(epoch, now.Add(-2*time.Hour)) {
					require.Empty(t, w.sink.delivered(row), "mail that nobody asked for: %s", row.Received)
				}
				assert.Zero(t, w.sink.repeats())
			})
		})
	}
}

func TestDatesOfErrorsMoveNothing(t *testing.T) {
	for name, skew := range map[string]time.Duration{"far ahead": 100 * 24 * time.Hour, "far behind": -100 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, err := simulator.New(simulator.Config{
					Traffic: traffic.Config{RowsPerDay: 2000, From: time.Now().Add(-20 * 24 * time.Hour), Seed: 7, StatusChanges: -1},
				})
				require.NoError(t, err)
				w := newWorld(t, sim)
				began := time.Now()
				w.start(func(c *Config) { c.InitialLookback = 18 * 24 * time.Hour })
				time.Sleep(4 * time.Minute)
				require.NoError(t, sim.Faults().Set(
					fault.Rule{Kind: fault.Forbidden, For: 11 * time.Minute},
					fault.Rule{Kind: fault.WrongDate, Skew: skew, For: 11 * time.Minute},
				))
				time.Sleep(40 * time.Hour)
				w.stop()
				w.check(began.Add(-18*24*time.Hour+time.Hour), began)
				assert.Zero(t, w.logs.FilterMessageSnippet("a gap").Len())
			})
		})
	}
}

func TestAnswersWithAWrongDateRepeatNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("reads too many rows for the race detector")
	}
	for name, skew := range map[string]time.Duration{
		"an hour behind": -time.Hour, "ten days behind": -10 * 24 * time.Hour, "an hour ahead": time.Hour, "a hundred days ahead": 100 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 2_000, time.Hour, func(t *testing.T, w *world) {
				began := time.Now()
				w.start(nil)
				time.Sleep(4 * 24 * time.Hour)
				require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.WrongDate, Skew: skew, For: 11 * time.Minute}))
				time.Sleep(40 * time.Hour)
				w.stop()
				w.check(began, began.Add(4*24*time.Hour+5*time.Hour))
				assert.Zero(t, w.logs.FilterMessageSnippet("a gap").Len())
			})
		})
	}
}
