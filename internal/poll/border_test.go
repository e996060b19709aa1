// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// keeping refuses windows that begin before what the service keeps.
func keeping(retention time.Duration) func(request) error {
	return func(r request) error {
		if r.window.Start.Before(wallClock().Add(-retention)) {
			return refusalFor(transport.TooOld)
		}
		return nil
	}
}

func TestWhatTheServiceCallsTooOldIsAGap(t *testing.T) {
	for name, tt := range map[string]struct {
		kept time.Duration
		// late is how much the service drops until all that it does not keep is known.
		late time.Duration
	}{
		"a few minutes less": {239*hour - 7*time.Minute, time.Minute},
		"an hour less":       {238 * hour, time.Minute},
		"hours less":         {235*hour + 11*time.Minute, time.Minute},
		"a day less":         {215*hour + 11*time.Minute, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				began := wallClock()
				s := &service{mail: mailEvery(time.Minute, 240*hour, 6*hour), refuse: keeping(tt.kept)}
				d := newDesk(t, s, func(o *Options) { o.Plan.Retention, o.Plan.InitialLookback = 240*hour, 239*hour })
				d.start()
				pass(4 * hour)
				refused := s.asked(func(r request) bool { return r.window.Start.Before(r.at.Add(-tt.kept)) })
				var given plan.Intervals
				for _, gap := range of[Gap](d.shown) {
					assert.False(t, gap.Cancelled)
					for _, w := range gap.Windows {
						given = given.Add(w)
						assert.True(t, slices.ContainsFunc(refused, func(r request) bool {
							return !w.End.After(r.window.Start) || w.End.Equal(r.window.End) && r.window.Duration() <= shortestOld
						}), "the service has not said that it does not keep %s", w)
					}
				}
				assert.Len(t, given, 1, "what is given up is the oldest")
				// Meanwhile the service drops more.
				dropped := 239*hour - tt.kept
				assert.InDelta(t, dropped, given.Duration(), float64(tt.late))
				assert.Zero(t, d.missing(trace.Window{Start: given[0].End.Add(time.Second), End: began}))
				assert.LessOrEqual(t, len(refused), int(dropped/hour)+20)
				assert.LessOrEqual(t, len(s.asked(isNoProbe))-len(refused), 240+48+20)
				t.Log(dropped, given.Duration(), len(refused), len(s.asked(isNoProbe))-len(refused))
				assert.Empty(t, d.shown.failing(), "what is given up is no trouble any more")
				assert.False(t, d.term.Load().bounds.limits(0).AnyNarrowed())
				assert.Len(t, d.state().Unread, 1, "the newest second: %v", d.state().Unread)
			})
		})
	}
}

func TestARevisitThatComesTooLateIsNoGap(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 3*hour, 6*hour)}
		began := wallClock()
		s.refuse = func(r request) error {
			if r.lane == trace.Revisit && r.window.Start.Before(began) {
				return refusalFor(transport.TooOld)
			}
			return nil
		}
		d := newDesk(t, s, func(o *Options) { o.Plan.Ages = []time.Duration{2 * hour} })
		d.start()
		pass(4 * hour)
		assert.NotEmpty(t, s.asked(func(r request) bool { return r.lane == trace.Revisit && r.window.Start.Before(began) }))
		assert.Empty(t, of[Gap](d.shown))
		assert.Empty(t, d.shown.failing())
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: wallClock().Add(-6 * time.Minute)}))
		assert.LessOrEqual(t, d.state().Again.Duration(), 10*time.Minute)
	})
}

// serviceBehind is a service whose clock is behind, and which refuses what that calls the future.
func serviceBehind(behind time.Duration) *service {
	s := &service{mail: mailEvery(10*time.Second, 2*hour, 2*hour), ahead: -behind}
	s.refuse = func(r request) error {
		if r.window.End.After(wallClock().Add(-behind)) {
			return refusalFor(transport.InFuture)
		}
		return nil
	}
	return s
}

// TestWhatIsTheFutureToTheServiceIsAskedForALittleLater has a service whose clock is behind by less than its Date headers
// tell.
func TestWhatIsTheFutureToTheServiceIsAskedForALittleLater(t *testing.T) {
	for _, behind := range []time.Duration{500 * time.Millisecond, time.Second, 1500 * time.Millisecond, 1999 * time.Millisecond} {
		t.Run(behind.String(), func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := serviceBehind(behind)
				began := wallClock()
				d := newDesk(t, s, nil)
				d.start()
				pass(hour + time.Minute)
				assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(hour - 3*time.Second)}))
				assert.Empty(t, of[Trouble](d.shown), "it is a matter of seconds")
				assert.LessOrEqual(t, len(s.asked()), 13*3+3)
				assert.Empty(t, of[Gap](d.shown))
			})
		})
	}
}

// TestAClockThatIsAheadIsNoTrouble has a service that refuses what its own clock, some seconds behind, calls the future.
func TestAClockThatIsAheadIsNoTrouble(t *testing.T) {
	for _, behind := range []time.Duration{3 * time.Second, 20 * time.Second, time.Minute} {
		run(t, func(t *testing.T) {
			s := serviceBehind(behind)
			began := wallClock()
			d := newDesk(t, s, nil)
			d.start()
			pass(30 * time.Minute)
			assert.Empty(t, of[Trouble](d.shown), behind)
			assert.Zero(t, d.missing(trace.Window{Start: began.Add(-59 * time.Minute), End: began.Add(20 * time.Minute)}))
		})
	}
}

// TestAServiceInThePast calls everything the future. It is asked for little.
func TestAServiceThatCallsEverythingTheFuture(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{refuse: func(request) error { return refusalFor(transport.InFuture) }}
		d := newDesk(t, s, nil)
		d.start()
		pass(hour + time.Minute)
		assert.LessOrEqual(t, len(s.asked()), 13*(2*maxFailures)+5)
		assert.Equal(t, hour, d.state().Unread.Within(trace.Window{End: d.state().Begin}).Duration(), "nothing is given up or put off")
		assert.Empty(t, d.term.Load().bounds.putOff(time.Now()))
	})
}
