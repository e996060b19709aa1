// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// poison has the service answer with an error, or with a damaged page if it is nil, whenever it is asked for mail received at
// an instant, until it is healed.
func poison(s *service, at time.Time, err error) (heal func()) {
	healed := false
	bad := func(r request) bool { return !healed && whose(at)(r) }
	if err == nil {
		s.spoiled = bad
	} else {
		s.refuse = func(r request) error {
			if bad(r) {
				return err
			}
			return nil
		}
	}
	return func() { s.change(func() { healed = true }) }
}

var poisons = map[string]error{
	"500": refusal(500), "504": refusal(504), "400": refusal(400), "silence": noAnswer(), "damage": damage(), "damage behind the rows": nil,
}

// TestASecondThatCannotBeReadIsPutOffAlone has one second that cannot be read: in the hour of the look-back, in new mail, and
// in mail that is read again.
func TestASecondThatCannotBeReadIsPutOffAlone(t *testing.T) {
	for name, err := range poisons {
		for lane, age := range map[string]time.Duration{"backfill": 1234500 * time.Millisecond, "live": -7*time.Minute - 30500*time.Millisecond} {
			t.Run(name+" in "+lane, func(t *testing.T) {
				run(t, func(t *testing.T) { testPoison(t, err, age) })
			})
		}
	}
}

func testPoison(t *testing.T, err error, age time.Duration) {
	s := &service{mail: mailEvery(10*time.Second, time.Hour, 6*time.Hour)}
	began := wallClock()
	bad := began.Add(-age)
	heal := poison(s, bad, err)
	d := newDesk(t, s, nil)
	d.start()
	pass(14 * time.Minute)
	found := s.asked(whose(bad))
	first := found[0].at
	burst := len(s.asked(func(r request) bool { return !r.at.Before(first) && r.at.Sub(first) < 4*time.Minute }))
	assert.LessOrEqual(t, burst, 60, "requests to find it")
	assert.Equal(t, []trouble.Scope{trouble.Window}, d.shown.failing())
	left := d.state().Unread
	assert.LessOrEqual(t, left.Duration(), 4*time.Second, "it, and the newest second: %v", left)
	until := began.Add(10*time.Minute - time.Second)
	assert.LessOrEqual(t, d.missing(trace.Window{Start: began.Add(-time.Hour), End: until}), 1, "all other mail is delivered at once")

	// It is asked for again ever more seldom, whoever would read it by then.
	pass(time.Until(first.Add(75 * time.Minute)))
	again := s.asked(whose(bad))[len(found):]
	assert.NotEmpty(t, again)
	assert.LessOrEqual(t, len(again), 2*6)
	pass(2 * time.Hour)
	assert.LessOrEqual(t, len(s.asked(whose(bad)))-len(found)-len(again), 2*3, "once an hour")
	for _, r := range again {
		assert.LessOrEqual(t, r.window.Duration(), 2*time.Second)
	}
	assert.Equal(t, []trouble.Scope{trouble.Window}, d.shown.failing())

	heal()
	pass(time.Hour)
	assert.Empty(t, d.shown.failing(), "it has been read")
	assert.Zero(t, d.missing(trace.Window{Start: began.Add(-time.Hour), End: wallClock().Add(-6 * time.Minute)}))
	assert.Empty(t, of[Gap](d.shown))
	assert.LessOrEqual(t, len(s.asked(isNoProbe)), 170, "the rest is one request a tick")
}

func TestTwoSecondsThatCannotBeReadAreBothFound(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 6*time.Hour, 0)}
		began := wallClock()
		bad := []time.Time{began.Add(-5*time.Hour - 500*time.Millisecond), began.Add(-1500500 * time.Millisecond)}
		s.refuse = func(r request) error {
			if whose(bad[0])(r) || whose(bad[1])(r) {
				return refusal(500)
			}
			return nil
		}
		d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 6 * time.Hour })
		d.start()
		pass(4 * time.Minute)
		assert.LessOrEqual(t, len(s.asked()), 110)
		assert.LessOrEqual(t, d.state().Unread.Duration(), 5*time.Second)
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-6 * time.Hour), End: began.Add(-time.Second)}))
	})
}

func TestMailIsPutOffForTwiceAsLongEachTime(t *testing.T) {
	run(t, func(t *testing.T) {
		var d deferred
		now := time.Now()
		first := trace.Window{Start: now.Add(-time.Hour), End: now.Add(-time.Hour + time.Second)}
		second := trace.Window{Start: first.End.Add(time.Minute), End: first.End.Add(2 * time.Minute)}
		assert.Empty(t, d.at(now))
		for _, minutes := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			d.put(plan.Intervals{first}, now)
			assert.Len(t, d.at(now.Add(minutes*time.Minute-1)), 1)
			now = now.Add(minutes * time.Minute)
			assert.Empty(t, d.at(now))
		}
		d.put(plan.Intervals{first, second}, now)
		assert.Equal(t, plan.Intervals{first}, d.at(now.Add(time.Minute)), "each by itself")
		d.forget(plan.Intervals{second})
		d.put(plan.Intervals{first, second}, now)
		assert.Len(t, d.at(now.Add(2*time.Minute-1)), 2, "what is open goes on")
		assert.Equal(t, plan.Intervals{first}, d.at(now.Add(2*time.Minute)))
		d.forget(nil)
		assert.Empty(t, d.waits)
		assert.Empty(t, d.at(now.Add(time.Hour)))
		assert.Empty(t, d.until)
	})
}

// TestAFailureOfAShortWindowHoldsUpNoLiveMail has windows that are short from the start, and fail for some seconds.
func TestAFailureOfAShortWindowHoldsUpNoLiveMail(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Second, 10*time.Minute, hour)}
		began := wallClock()
		d := newDesk(t, s, func(o *Options) { o.Plan.Interval, o.Plan.InitialLookback = second, 0 })
		d.start()
		pass(time.Minute)
		s.change(func() {
			s.refuse = func(r request) error {
				if r.probe {
					return nil
				}
				return refusal(500)
			}
		})
		pass(5 * time.Second)
		s.change(func() { s.refuse = nil })
		pass(3 * time.Minute)
		assert.Zero(t, d.missing(trace.Window{Start: began, End: wallClock().Add(-5 * time.Second)}))
		assert.Empty(t, d.shown.failing())
	})
}
