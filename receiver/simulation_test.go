// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// TestAMonthOfMail runs a tenant's mail of thirty days through receivers on a fake clock, with restarts, kills and a fault
// in every hundredth request, and compares what was delivered with what a perfect reader would have seen.
func TestAMonthOfMail(t *testing.T) {
	// What is remembered for the comparison is much and lives long.
	percent := debug.SetGCPercent(800)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	days := 30
	switch {
	case raceEnabled:
		days = 2
	case testing.Short():
		days = 4
	}
	synctest.Test(t, func(t *testing.T) { runForDays(t, days) })
}

func runForDays(t *testing.T, days int) {
	began := time.Now()
	end := began.Add(time.Duration(days) * 24 * time.Hour)
	sim, err := simulator.New(simulator.Config{Traffic: traffic.Config{RowsPerDay: 50_000, From: began, To: end, Seed: 1}})
	require.NoError(t, err)
	require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.Chaos, Probability: 0.01}))
	world := newWorld(t, sim)

	random := rand.New(rand.NewPCG(1, 1))
	for time.Now().Before(end) {
		world.start(nil)
		time.Sleep(time.Duration(random.IntN(72)) * time.Hour / 2)
		if random.IntN(2) == 0 {
			world.kill()
		} else {
			world.stop()
		}
		time.Sleep(time.Duration(random.IntN(180)) * time.Minute)
	}
	world.start(nil)
	time.Sleep(35 * time.Hour)
	world.stop()

	world.check(began, end)
	t.Logf("%d rows, %d of them delivered, %d repeated by %d kills, %d requests", world.rows, world.sink.rows(), world.sink.repeats(),
		world.kills, len(sim.Requests()))
}

// simulate runs a scenario with a tenant of so many rows a day, whose mail reaches so far back, on a fake clock.
func simulate(t *testing.T, rowsPerDay int, history time.Duration, scenario func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{
			Traffic: traffic.Config{RowsPerDay: rowsPerDay, From: time.Now().Add(-history), Seed: 7}, Quota: -1,
		})
		require.NoError(t, err)
		scenario(t, newWorld(t, sim))
	})
}

func TestSettingsChangedOverARestart(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"fewer ages":    func(c *Config) { c.RevisitAges = c.RevisitAges[2:] },
		"more ages":     func(c *Config) { c.RevisitAges = append([]time.Duration{2 * time.Minute}, c.RevisitAges...) },
		"a longer wait": func(c *Config) { c.MinAge = 4 * time.Minute },
		"another tick":  func(c *Config) { c.PollInterval = time.Minute },
		"short pages":   func(c *Config) { c.PageSize = new(100) },
		"more lookback": func(c *Config) { c.InitialLookback = 48 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 3_000, time.Hour, func(_ *testing.T, w *world) {
				began := time.Now().Add(-time.Hour)
				w.start(nil)
				time.Sleep(5 * time.Hour)
				w.stop()
				w.start(change)
				time.Sleep(5 * time.Hour)
				w.stop()
				until := time.Now()
				w.start(nil)
				time.Sleep(33 * time.Hour)
				w.stop()
				w.check(began, until)
			})
		})
	}
}

func TestAfterThreeDaysDownTheNewestMailComesFirst(t *testing.T) {
	simulate(t, 5_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().Add(-time.Hour)
		w.start(nil)
		time.Sleep(time.Hour)
		w.stop()
		time.Sleep(72 * time.Hour)
		back := time.Now()
		w.start(nil)
		time.Sleep(time.Minute)
		live := false
		for row, status := range w.sim.Visible(back.Add(-5*time.Minute), back, back) {
			live = true
			assert.Contains(t, w.sink.delivered(row), string(status))
		}
		assert.True(t, live)
		time.Sleep(35 * time.Hour)
		w.stop()
		w.check(began, back)
	})
}

func TestWhatTheServiceNoLongerKeepsIsReported(t *testing.T) {
	simulate(t, 200, time.Hour, func(t *testing.T, w *world) {
		w.start(nil)
		time.Sleep(time.Hour)
		w.stop()
		time.Sleep(100 * 24 * time.Hour)
		w.start(nil)
		time.Sleep(4 * time.Hour)
		w.stop()
		gaps := w.logs.FilterMessageSnippet("a gap").All()
		require.NotEmpty(t, gaps)
		kept := time.Now().Add(-89 * 24 * time.Hour)
		for row := range w.sim.Rows(kept, time.Now().Add(-26*time.Hour)) {
			if len(w.sink.delivered(row)) == 0 {
				t.Fatalf("lost: received %s", row.Received)
			}
		}
	})
}

func TestNothingIsLostWhileThePipelineRefuses(t *testing.T) {
	simulate(t, 5_000, time.Hour, func(_ *testing.T, w *world) {
		began := time.Now().Add(-time.Hour)
		w.start(nil)
		time.Sleep(time.Hour)
		w.sink.refuse(errors.New("queue is full"))
		time.Sleep(30 * time.Minute)
		w.sink.refuse(nil)
		time.Sleep(34 * time.Hour)
		w.stop()
		w.check(began, began.Add(2*time.Hour))
	})
}

func TestNothingIsLostWhileTheStorageFails(t *testing.T) {
	simulate(t, 5_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().Add(-time.Hour)
		w.start(nil)
		time.Sleep(time.Hour)
		w.storage.broken.Store(true)
		time.Sleep(time.Hour)
		assert.InDelta(t, 6, w.logs.FilterMessageSnippet("cannot be stored").Len(), 1, "once, and a reminder every ten minutes")
		w.storage.broken.Store(false)
		time.Sleep(time.Hour)
		w.stop()
		w.start(nil)
		time.Sleep(34 * time.Hour)
		w.stop()
		w.check(began, began.Add(3*time.Hour))
	})
}

func TestBackfillDoesNotDelayLiveMail(t *testing.T) {
	simulate(t, 200_000, 5*24*time.Hour, func(t *testing.T, w *world) {
		w.start(func(c *Config) {
			c.InitialLookback = 5 * 24 * time.Hour
			c.PollInterval = 10 * time.Second
			c.RevisitAges = nil
			c.PageSize = new(100)
			c.RateLimit = RateLimit{Requests: 30, Interval: 10 * time.Second}
		})
		time.Sleep(10 * time.Minute)
		for range 20 {
			time.Sleep(10 * time.Second)
			now := time.Now()
			assert.Less(t, now.Sub(plan.LiveUpTo(w.state())), 25*time.Second)
		}
		assert.NotEmpty(t, w.state().Unread, "the backfill goes on")
		w.stop()
		requests := w.sim.Requests()
		for i := range requests {
			if i >= 30 {
				assert.Greater(t, requests[i].Time.Sub(requests[i-30].Time), 10*time.Second)
			}
		}
	})
}

// TestLiveMailDoesNotWaitBehindRevisitsThatWaitForTheQuota polls more often than the quota allows with its revisits.
func TestLiveMailDoesNotWaitBehindRevisitsThatWaitForTheQuota(t *testing.T) {
	simulate(t, 20_000, time.Hour, func(t *testing.T, w *world) {
		w.start(func(c *Config) {
			c.PollInterval = 10 * time.Second
			c.InitialLookback = time.Minute
			c.RevisitAges = []time.Duration{20 * time.Second, 40 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute}
			c.RateLimit = RateLimit{Requests: 130, Interval: 5 * time.Minute}
		})
		for range 180 {
			time.Sleep(10 * time.Second)
			assert.LessOrEqual(t, time.Since(plan.LiveUpTo(w.state())), 21*time.Second)
		}
		w.stop()
	})
}

// impatient makes the receiver poll every second and settle within half a minute.
func impatient(c *Config) {
	c.PollInterval = time.Second
	c.InitialLookback = 10 * time.Minute
	c.RevisitAges = []time.Duration{3 * time.Second, 10 * time.Second, 25 * time.Second}
	c.RateLimit = RateLimit{Interval: time.Minute}
	c.Timeout = 5 * time.Second
}

// TestNothingIsLostInChaos lets the service do everything that it can do wrong for a minute.
func TestNothingIsLostInChaos(t *testing.T) {
	for _, probability := range []float64{0.1, 0.4, 0.8} {
		t.Run(fmt.Sprint(probability), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				sim, err := simulator.New(simulator.Config{Quota: -1, FaultSeed: 3, Traffic: traffic.Config{
					RowsPerDay: 2_000_000, From: began.Add(-10 * time.Minute), To: began.Add(5 * time.Minute), Seed: 5,
					Delays: traffic.NoDelays(), StatusChanges: -1,
				}})
				require.NoError(t, err)
				require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.Chaos, Probability: probability, For: time.Minute}))
				w := newWorld(t, sim)
				w.start(impatient)
				time.Sleep(20 * time.Minute)
				w.stop()
				w.check(began.Add(-9*time.Minute), began.Add(5*time.Minute))
				t.Logf("%d rows, %d repeated", w.rows, w.sink.repeats())
			})
		})
	}
}

// TestASecondWithMoreRowsThanPagesWhileLinksDie is one bulk mailing, read through links of which every one is dead.
func TestASecondWithMoreRowsThanPagesWhileLinksDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1})
		require.NoError(t, err)
		at := time.Now().Add(-time.Minute)
		rows := make([]mail.Row, 12_000)
		for i := range rows {
			received := at.Add(time.Duration(i) * time.Second / time.Duration(len(rows)))
			rows[i] = mail.Row{
				ID: "bulk", Sender: "a@contoso.com", Recipient: fmt.Sprintf("r%d@contoso.com", i), Received: received,
				Timeline: []mail.Change{{At: received, Status: mail.Delivered}},
			}
		}
		require.NoError(t, sim.Add(rows...))
		require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.DeadLink, On: fault.ContinuedPage}))
		w := newWorld(t, sim)
		w.start(impatient)
		time.Sleep(10 * time.Minute)
		w.stop()
		w.check(at, at.Add(time.Second))
		assert.Equal(t, len(rows), w.rows)
	})
}
