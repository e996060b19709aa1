// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// once reads a stretch of mail once.
func once(w trace.Window) *plan.Range {
	return &plan.Range{Absolute: "once", At: func(time.Time) trace.Window { return w }}
}

func TestWithNothingDueTheServiceIsAskedForTheTimeOnceAnHour(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 30*hour, hour)}
		began := wallClock()
		d := newDesk(t, s, func(o *Options) { o.Plan.Range = once(ago(began, 20*hour, 18*hour)) })
		d.start()
		pass(time.Minute)
		assert.Len(t, s.asked(), 2)
		assert.Zero(t, d.missing(ago(began, 20*hour, 18*hour)))
		pass(12 * hour)
		assert.Len(t, s.asked(isProbe), 12)
		assert.Len(t, s.asked(isNoProbe), 2)
		assert.Equal(t, []string{"once"}, d.state().Done)
		s.change(func() { s.refuse = func(request) error { return refusal(503) } })
		pass(3 * hour)
		assert.LessOrEqual(t, len(s.asked(isProbe)), 12+3*12, "a failing service once a tick")
	})
}

// TestNothingIsReadWhileTheClocksAreInDispute has a service whose clock differs from the first answer on.
func TestNothingIsReadWhileTheClocksAreInDispute(t *testing.T) {
	for name, tt := range map[string]struct {
		ahead time.Duration
		// changing has each answer tell another time.
		changing bool
		within   time.Duration
		begin    time.Duration
	}{
		"behind":                            {-hour, false, 61 * time.Second, -hour},
		"ahead":                             {3 * hour, false, 61 * time.Second, 0},
		"behind, another time each answer":  {-hour, true, disputeFor + time.Second, -hour},
		"ahead, another time each answer":   {3 * hour, true, disputeFor + time.Second, 0},
		"by less than a minute is no doubt": {-59 * time.Second, false, time.Second, -59 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := &service{mail: mailEvery(time.Minute, 30*hour, hour), ahead: tt.ahead}
				if tt.changing {
					s.refuse = func(request) error {
						s.ahead += tt.ahead / 100
						return nil
					}
				}
				began := wallClock()
				d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 4 * hour })
				d.start()
				pass(5*time.Minute + tt.within)
				assert.Less(t, len(s.asked()), 20)
				synctest.Wait()
				assert.False(t, d.clock.disputed())
				assert.InDelta(t, tt.begin, d.state().Begin.Sub(began), float64(10*time.Minute), "the look-back is from the earlier clock")
				assert.Len(t, of[ClockDiffers](d.shown), map[bool]int{true: 1}[tt.ahead.Abs() > MaxSkew && !tt.changing])
				assert.Len(t, of[ClockDisputed](d.shown), map[bool]int{true: 1}[tt.ahead.Abs() > MaxSkew])
				pass(time.Minute)
				begin := d.state().Begin
				assert.Zero(t, d.missing(trace.Window{Start: begin.Add(-4 * hour), End: earliest(begin, began).Add(-2 * time.Minute)}))
				assert.Empty(t, of[Gap](d.shown))
				for i := range s.mail {
					assert.LessOrEqual(t, d.sink.count(i), 1)
				}
			})
		})
	}
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// TestAProbeHoldsNoSlot has one slot for all, a window that fails, and a service that does not answer the probe after it.
func TestAProbeHoldsNoSlot(t *testing.T) {
	run(t, func(t *testing.T) {
		defer allSlots.join(1)()
		s := &service{mail: mailEvery(time.Minute, 30*hour, hour)}
		began := wallClock()
		d := newDesk(t, s, nil)
		d.start()
		pass(time.Minute)
		s.change(func() {
			s.takes = 20 * time.Second
			s.refuse = func(r request) error {
				if r.probe {
					return nil
				}
				return refusal(500)
			}
		})
		job := d.ask(ago(began, 20*hour, 18*hour))
		pass(19 * time.Second)
		assert.Equal(t, jobs.Running, job.Record().State)
		assert.Zero(t, running(), "a silent service")
		pass(2 * time.Second)
		release, err := allSlots.acquire(t.Context(), trace.Backfill)
		require.NoError(t, err)
		assert.Len(t, s.asked(isProbe), 1)
		release()
		d.stop()
	})
}

// TestAMachineWhoseClockIsFarBehind takes for the present what the service does not keep any more.
func TestAMachineWhoseClockIsFarBehind(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{ahead: 100 * 24 * hour, refuse: func(request) error { return refusalFor(transport.TooOld) }}
		d := newDesk(t, s, nil)
		d.start()
		pass(hour + time.Minute)
		assert.Equal(t, []trouble.Scope{trouble.Service}, d.shown.failing())
		assert.LessOrEqual(t, len(s.asked()), 12+10, "a probe a tick, once the clocks are known to differ")
		assert.Equal(t, hour, d.state().Unread.Within(trace.Window{End: d.state().Begin}).Duration(), "nothing is given up")
		troubles := of[Trouble](d.shown)
		require.NotEmpty(t, troubles)
		assert.Contains(t, trouble.HintOf(troubles[len(troubles)-1].Err), "set this machine's clock")
		d.shown.clear()
		pass(10 * time.Minute)
		assert.Empty(t, of[Recovery](d.shown))
		s.change(func() { s.ahead, s.refuse = 0, nil })
		pass(10 * time.Minute)
		assert.Empty(t, d.shown.failing())
	})
}

// TestATimeThatTheServiceContradictsIsNotBelieved has answers that tell a time from before the oldest mail that the service keeps,
// as a proxy without a clock may have them.
func TestATimeThatTheServiceContradictsIsNotBelieved(t *testing.T) {
	for name, tt := range map[string]struct{ from, to time.Duration }{
		"from the first answer on": {0, 2 * hour},
		"later":                    {20 * time.Minute, 2 * hour},
		"for a while":              {20 * time.Minute, 40 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				began := wallClock()
				s := &service{mail: mailEvery(time.Minute, 30*hour, 3*hour)}
				s.refuse = func(r request) error {
					s.wrong = 0
					if passed := wallClock().Sub(began); passed >= tt.from && passed < tt.to {
						s.wrong = -100 * 24 * hour
					}
					return keeping(90 * 24 * hour)(r)
				}
				d := newDesk(t, s, nil)
				d.start()
				for _, at := range []time.Duration{45 * time.Minute, 105 * time.Minute} {
					pass(at - wallClock().Sub(began))
					assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(at - 10*time.Minute)}), at)
				}
				assert.WithinDuration(t, began, d.state().Begin, time.Minute, "a wrong time moves no position")
				assert.Empty(t, of[Gap](d.shown))
				assert.Empty(t, d.shown.failing())
				for i := range s.mail {
					assert.LessOrEqual(t, d.sink.count(i), 1)
				}
			})
		})
	}
}
