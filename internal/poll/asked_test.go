// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// ago is the window that began and ended so long before an instant.
func ago(now time.Time, start, end time.Duration) trace.Window {
	return trace.Window{Start: now.Add(-start), End: now.Add(-end)}
}

func (d *desk) ask(w trace.Window) *jobs.Job {
	d.t.Helper()
	backfill, err := d.Ask(d.t.Context(), w, false)
	require.NoError(d.t, err)
	return backfill.Job
}

func TestAskedWindowIsReadAtOnceInWholeSeconds(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 30*hour, hour)}
		began := wallClock()
		d := newDesk(t, s, nil)
		d.start()
		pass(2 * time.Minute)
		asked := len(s.asked())
		w := trace.Window{Start: began.Add(-20*hour + 300*time.Millisecond), End: began.Add(-18*hour - 300*time.Millisecond)}
		job := d.ask(w)
		synctest.Wait()
		assert.Equal(t, jobs.Done, job.Record().State)
		assert.Len(t, s.asked(), asked+3, "two hours, and the newest second, since it looks")
		whole := ago(began, 20*hour, 18*hour)
		assert.Equal(t, whole, job.Record().Window)
		assert.Zero(t, d.missing(whole))
		assert.Empty(t, d.state().Asked)
		require.ErrorIs(t, d.Cancel(job.ID()), jobs.ErrEnded)
	})
}

func TestWindowsThatCannotBeAskedFor(t *testing.T) {
	run(t, func(t *testing.T) {
		began := wallClock()
		d := newDesk(t, &service{}, nil)
		_, err := d.Ask(t.Context(), ago(began, hour, 0), false)
		assertRefused(t, err, true, "does not collect")
		d.start()
		pass(time.Minute)
		retention := d.Plan.Retention
		for name, tt := range map[string]struct {
			window trace.Window
			text   string
		}{
			"before what is kept": {ago(began, retention-plan.KeepMargin+2*time.Minute, hour), "must not be before"},
			"in the future":       {ago(began, -2*time.Minute, -hour), "in the future"},
			"empty":               {ago(began, hour, hour), "in the future"},
			"reversed":            {ago(began, hour, 2*hour), "in the future"},
		} {
			_, err := d.Ask(t.Context(), tt.window, false)
			assertRefused(t, err, false, tt.text)
			assert.Zero(t, d.Recorder.Active(jobs.Scheduled), name)
		}
		job := d.ask(ago(began, retention-plan.KeepMargin-2*time.Minute, retention-2*hour))
		synctest.Wait()
		assert.Equal(t, jobs.Done, job.Record().State)
		job = d.ask(ago(began, hour, -24*hour))
		assert.True(t, job.Record().Window.End.Equal(wallClock()), "as far as it is in the past")
	})
}

func assertRefused(t *testing.T, err error, conflict bool, text string) {
	t.Helper()
	refused, ok := errors.AsType[*jobs.RefusedError](err)
	if assert.True(t, ok, "%v", err) {
		assert.Equal(t, conflict, refused.Conflict)
		assert.ErrorContains(t, err, text)
	}
}

func TestAskedWindowThatTakesSeveralTriesIsDone(t *testing.T) {
	for name, refuse := range map[string]func(request) error{
		"shorter pages": func(r request) error {
			if r.size > 1000 {
				return refusal(400)
			}
			return nil
		},
		"shorter windows": func(r request) error {
			if r.window.Duration() > 20*time.Minute {
				return noAnswer()
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := &service{mail: mailEvery(time.Minute, 30*hour, hour)}
				began := wallClock()
				d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 0 })
				d.start()
				pass(2 * time.Minute)
				s.change(func() { s.refuse = refuse })
				job := d.ask(ago(began, 20*hour, 18*hour))
				pass(time.Minute)
				assert.Equal(t, jobs.Done, job.Record().State, "all of it has been read: %s", job.Record().Error)
				assert.Zero(t, d.missing(ago(began, 20*hour, 18*hour)))
				assert.Empty(t, d.state().Asked)
			})
		})
	}
}

func TestAskedWindowThatCannotBeReadToItsEndHasFailed(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 30*hour, hour)}
		began := wallClock()
		bad := began.Add(-19*hour - 500*time.Millisecond)
		heal := poison(s, bad, refusal(500))
		d := newDesk(t, s, nil)
		d.start()
		pass(2 * time.Minute)
		job := d.ask(ago(began, 20*hour, 18*hour))
		pass(time.Minute)
		assert.Equal(t, jobs.Failed, job.Record().State)
		assert.Contains(t, job.Record().Error, "500")
		assert.LessOrEqual(t, d.missing(ago(began, 20*hour, 18*hour)), 1)
		left := d.state().Asked
		assert.LessOrEqual(t, left.Duration(), 2*time.Second, "it is read as other backfill is")

		// Who asks again is answered again, although it is put off.
		asked := len(s.asked(whose(bad)))
		again := d.ask(ago(began, 20*hour, 18*hour))
		pass(time.Minute)
		assert.Equal(t, jobs.Failed, again.Record().State)
		assert.Greater(t, len(s.asked(whose(bad))), asked)
		heal()
		pass(80 * time.Minute)
		assert.Zero(t, d.missing(ago(began, 20*hour, 18*hour)))
		assert.Empty(t, d.state().Asked)
		assert.Empty(t, d.shown.failing())
	})
}

// A dispute about the time ends no job for good: what was asked for stays open, and nobody has given it up.
func TestADisputeAboutTheTimeGivesNothingUp(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 30*hour, hour), takes: time.Second}
		began := wallClock()
		d := newDesk(t, s, nil)
		d.start()
		pass(2 * time.Minute)
		job := d.ask(ago(began, 20*hour, 5*hour))
		pass(4500 * time.Millisecond)
		// As if this machine's clock had been set, and was wrong since.
		d.clock.mu.Lock()
		d.clock.known, d.clock.ahead, d.clock.agreed = false, 0, time.Time{}
		d.clock.mu.Unlock()
		s.change(func() { s.ahead = 3 * hour })
		pass(20 * time.Second)
		assert.True(t, job.Record().State.Ended())
		assert.True(t, d.clock.disputed())
		assert.LessOrEqual(t, len(s.asked(since(began.Add(2*time.Minute)))), 10, "nothing is asked for meanwhile")
		assert.Empty(t, of[Gap](d.shown))
		assert.GreaterOrEqual(t, d.state().Asked.Duration(), 9*hour)
		pass(10 * time.Minute)
		assert.Zero(t, d.missing(ago(began, 20*hour, 5*hour)))
		assert.Empty(t, of[Gap](d.shown))
		assert.Empty(t, d.shown.failing())
	})
}

// TestAnAskedWindowOutlivesTheFirstAnswer is asked for while the service has not told the time yet.
func TestAnAskedWindowOutlivesTheFirstAnswer(t *testing.T) {
	for _, ahead := range []time.Duration{0, 30 * time.Second, -hour, 3 * hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := &service{mail: mailEvery(time.Minute, 30*hour, hour), ahead: ahead}
				began := wallClock()
				s.refuse = between(began, began.Add(14*time.Minute), noAnswer())
				d := newDesk(t, s, nil)
				d.start()
				pass(2 * time.Minute)
				job := d.ask(ago(began, 20*hour, 18*hour))
				cancelled := d.ask(ago(began, 16*hour, 15*hour))
				pass(2 * time.Minute)
				require.NoError(t, d.Cancel(cancelled.ID()))
				pass(20 * time.Minute)
				assert.Equal(t, jobs.Done, job.Record().State)
				assert.Zero(t, d.missing(ago(began, 20*hour, 18*hour)))
				assert.Equal(t, 59, d.missing(ago(began, 16*hour-time.Second, 15*hour+time.Second)), "nobody wants it any more")
			})
		})
	}
}

func TestCancelledJobs(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 60*hour, hour)}
		began := wallClock()
		d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 0 })
		d.start()
		pass(2 * time.Minute)
		s.change(func() { s.takes = 10 * time.Second })
		running, waiting := d.ask(ago(began, 20*hour, 18*hour)), d.ask(ago(began, 40*hour, 37*hour))
		other := d.ask(ago(began, 38*hour, 36*hour))
		pass(5 * time.Second)
		assert.Equal(t, jobs.Running, running.Record().State)
		assert.Equal(t, jobs.Scheduled, waiting.Record().State)
		require.NoError(t, d.Cancel(waiting.ID()))
		assert.Equal(t, jobs.Cancelled, waiting.Record().State)
		require.ErrorIs(t, d.Cancel(waiting.ID()), jobs.ErrEnded)
		require.NoError(t, d.Cancel(running.ID()))
		synctest.Wait()
		assert.Equal(t, jobs.Cancelled, running.Record().State)
		require.ErrorIs(t, d.Cancel(running.ID()), jobs.ErrEnded)
		var gaps plan.Intervals
		for _, gap := range of[Gap](d.shown) {
			assert.True(t, gap.Cancelled)
			gaps = gaps.Union(gap.Windows)
		}
		assert.Equal(t, plan.Intervals{ago(began, 40*hour, 38*hour), ago(began, 20*hour, 18*hour)}, gaps, "all but what another job will read")
		pass(time.Minute)
		assert.Equal(t, jobs.Done, other.Record().State)
		assert.Zero(t, d.missing(ago(began, 38*hour, 36*hour)))
		assert.Empty(t, d.state().Asked)
		assert.Empty(t, s.asked(whose(began.Add(-39*hour))))
	})
}

func TestCancelledLiveMailIsReadAtTheNextTick(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, hour, hour)}
		began := wallClock()
		d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 0 })
		d.start()
		pass(2 * time.Minute)
		s.change(func() { s.takes = 10 * time.Second })
		pass(3*time.Minute + 5*time.Second)
		live, _ := d.registry.List(jobs.Query{Lane: trace.Live, State: jobs.Running, Limit: 2})
		require.Len(t, live, 1)
		require.NoError(t, d.Cancel(live[0].ID))
		synctest.Wait()
		assert.Empty(t, of[Gap](d.shown))
		pass(6 * time.Minute)
		assert.Zero(t, d.missing(trace.Window{Start: began, End: began.Add(10 * time.Minute)}))
	})
}

// TestWhoeverAsksLearnsThatThePipelineIsBusy has a pipeline that takes nothing, so that nobody gets hold of the ledger.
func TestWhoeverAsksLearnsThatThePipelineIsBusy(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 60*hour, hour)}
		began := wallClock()
		d := newDesk(t, s, nil)
		free := d.sink.block()
		d.start()
		pass(time.Minute)
		asked := time.Now()
		_, err := d.Ask(t.Context(), ago(began, 20*hour, 18*hour), false)
		assertRefused(t, err, true, "busy")
		assert.Equal(t, busyAfter, time.Since(asked))
		free()
		pass(time.Minute)
		assert.Zero(t, d.Recorder.Active(jobs.Scheduled)+d.Recorder.Active(jobs.Running))
		assert.Empty(t, s.asked(whose(began.Add(-19*hour))), "it does not run all the same")
		assert.Equal(t, 119, d.missing(ago(began, 20*hour-time.Second, 18*hour+time.Second)))
	})
}

// TestEveryAskedWindowEndsWhateverHappens has people ask and cancel while the service fails at times, the pipeline is busy at
// times, terms end and begin, and requests for windows are given up.
func TestEveryAskedWindowEndsWhateverHappens(t *testing.T) {
	for seed := range uint64(6) {
		run(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := &service{mail: mailEvery(time.Minute, 80*hour, 3*hour), takes: 300 * time.Millisecond}
			began := wallClock()
			s.refuse = func(r request) error {
				if r.at.Minute()%7 == 3 {
					return refusal(503)
				}
				if r.window.Contains(began.Add(-33*hour - 500*time.Millisecond)) {
					return refusal(500)
				}
				return nil
			}
			e := &election{}
			d := newDesk(t, s, func(o *Options) { o.Elect = e.elect })
			d.start()
			synctest.Wait()
			var people sync.WaitGroup
			var mu sync.Mutex
			accepted := map[string]*jobs.Job{}
			wait := func(most time.Duration) {
				mu.Lock()
				some := time.Duration(random.Int64N(int64(most)))
				mu.Unlock()
				pass(some)
			}
			for person := range 6 {
				people.Go(func() {
					for range 25 {
						wait(time.Minute)
						start := time.Duration(60-person*8) * hour
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						backfill, err := d.Ask(ctx, ago(began, start, start-5*hour), person == 3)
						cancel()
						if err != nil {
							assertRefused(t, err, true, "")
							continue
						}
						mu.Lock()
						accepted[backfill.Job.ID()] = backfill.Job
						mu.Unlock()
						if person%2 == 0 {
							wait(2 * time.Second)
							_ = d.Cancel(backfill.Job.ID())
						}
					}
				})
			}
			for range 8 {
				e.win(t)
				wait(3 * time.Minute)
				free := d.sink.block()
				wait(20 * time.Second)
				free()
				wait(3 * time.Minute)
				e.lose()
				wait(30 * time.Second)
			}
			people.Wait()
			d.stop()
			assert.NotEmpty(t, accepted)
			states := map[jobs.State]int{}
			for _, job := range accepted {
				assert.True(t, job.Record().State.Ended(), "%s", job.Record().State)
				states[job.Record().State]++
			}
			t.Log(len(accepted), states)
			for _, state := range []jobs.State{jobs.Scheduled, jobs.Running, jobs.Waiting, jobs.Paused} {
				assert.Zero(t, d.Recorder.Active(state), state)
			}
			assert.Empty(t, d.asked.waiting)
			assert.Empty(t, d.asked.leaving)
			assert.Empty(t, d.asked.cancels)
			assert.Zero(t, running())
			assert.Equal(t, d.opened, d.released)
		})
	}
}
