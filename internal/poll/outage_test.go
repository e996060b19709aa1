// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// between has the service answer with an error from one instant until another.
func between(from, to time.Time, err error) func(request) error {
	return func(request) error {
		if now := wallClock(); !now.Before(from) && now.Before(to) {
			return err
		}
		return nil
	}
}

// scopes are those of the troubles that have been told, repetitions left out.
func scopes(r *reporter) (all []trouble.Scope) {
	for _, e := range of[Trouble](r) {
		if len(all) == 0 || all[len(all)-1] != e.Scope {
			all = append(all, e.Scope)
		}
	}
	return all
}

func TestAnOutageNarrowsNothingAndPutsNothingOff(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want trouble.Scope
	}{
		"500":      {refusal(500), trouble.Service},
		"503":      {refusal(503), trouble.Service},
		"404":      {refusal(404), trouble.Service},
		"silence":  {noAnswer(), trouble.Service},
		"damage":   {damage(), trouble.Service},
		"unknown":  {errors.New("no such host"), trouble.Service},
		"401":      {refusal(401), trouble.SignIn},
		"403":      {refusal(403), trouble.SignIn},
		"429":      {refusal(429), trouble.Tenant},
		"paused":   {&transport.Error{Target: "service", Status: 503, Paused: time.Minute}, trouble.Tenant},
		"any 400":  {refusal(400), trouble.Service},
		"too long": {refusalFor(transport.PageSize), trouble.Service},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				s := &service{mail: mailEvery(10*time.Second, 4*hour, 6*hour)}
				began := wallClock()
				from, to := began.Add(32*time.Minute), began.Add(92*time.Minute)
				s.refuse = between(from, to, tt.err)
				d := newDesk(t, s, nil)
				d.start()
				pass(31 * time.Minute)
				d.shown.clear()
				pass(time.Until(to.Add(-time.Second)))
				during := s.asked(since(from))
				assert.LessOrEqual(t, len(during), 14, "one probe a tick, and one failure to begin with")
				assert.GreaterOrEqual(t, len(during), 12)
				for _, r := range during[2:] {
					assert.True(t, r.probe, r)
				}
				assert.Equal(t, []trouble.Scope{tt.want}, scopes(d.shown))
				assert.Equal(t, []trouble.Scope{tt.want}, d.shown.failing())
				assert.Empty(t, of[PagesShrunk](d.shown))

				pass(time.Until(to.Add(3*time.Minute + time.Second)))
				assert.Empty(t, d.shown.failing(), "at the first tick after it")
				after := s.asked(since(to), isNoProbe)
				assert.LessOrEqual(t, len(after), 3)
				assert.True(t, slices.ContainsFunc(after, func(r request) bool { return r.lane == trace.Live && r.at.Equal(after[0].at) }),
					"the newest mail waits for nothing")
				assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: to.Add(3*time.Minute - time.Second)}))
				assert.False(t, d.term.Load().bounds.limits(0).AnyNarrowed())
				assert.Empty(t, of[Gap](d.shown))
				assert.Equal(t, 5000, after[0].size)
			})
		})
	}
}

// TestAFilterThatTheServiceRefuses makes every query fail, so that nothing but the configuration helps.
func TestAFilterThatTheServiceRefuses(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{refuse: func(request) error { return refusal(http.StatusBadRequest) }}
		d := newDesk(t, s, nil)
		d.start()
		pass(4 * time.Minute)
		first := s.asked()
		assert.Len(t, first, 2, "the window and a probe")
		assert.Len(t, of[Trouble](d.shown), 1)
		pass(hour)
		assert.Len(t, s.asked(isNoProbe), 1)
		assert.Len(t, s.asked(), len(first)+12, "one probe a tick")
		for _, e := range of[Trouble](d.shown) {
			assert.Equal(t, trouble.Service, e.Scope)
			require.ErrorContains(t, e.Err, "status 400")
		}
		assert.Equal(t, hour, d.state().Unread.Within(trace.Window{End: d.state().Begin}).Duration())
	})
}

// TestAnOutageThatOnlyBackfillMeets has new mail at each tick, but an hour of backfill to read in between.
func TestAnOutageThatOnlyBackfillMeets(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 50*hour, hour), takes: 6 * time.Second}
		began := wallClock()
		// It ends before the next tick.
		from, to := began.Add(61*time.Second), began.Add(200*time.Second)
		s.refuse = between(from, to, refusal(503))
		d := newDesk(t, s, func(o *Options) { o.Plan.InitialLookback = 48 * hour })
		d.start()
		pass(4 * time.Minute)
		assert.Len(t, s.asked(since(from.Add(-6*time.Second))), 2, "nothing is asked for before the next tick")
		assert.Equal(t, []trouble.Scope{trouble.Service}, d.shown.failing())
		state := d.state()
		assert.Greater(t, state.Unread.Duration(), 30*hour)
		pass(5 * time.Minute)
		assert.Empty(t, d.shown.failing())
		for _, w := range windowsOf(s.asked(isNoProbe, since(to))) {
			assert.True(t, w.Duration() == hour || w.End.After(began), "%s", w)
		}
		pass(4 * time.Minute)
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-48 * hour), End: began.Add(4 * time.Minute)}))
		assert.Zero(t, running())
	})
}

// TestAnOutageBehindOneWindow begins while a window that nobody can read is being narrowed.
func TestAnOutageBehindOneWindow(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 3*hour, hour), takes: time.Second}
		began := wallClock()
		bad := began.Add(-1234500 * time.Millisecond)
		down := between(began.Add(9*time.Second), began.Add(30*time.Minute), refusal(503))
		s.refuse = func(r request) error {
			if whose(bad)(r) {
				return noAnswer()
			}
			return down(r)
		}
		d := newDesk(t, s, nil)
		d.start()
		pass(29 * time.Minute)
		assert.Equal(t, []trouble.Scope{trouble.Window, trouble.Service}, d.shown.failing())
		assert.LessOrEqual(t, len(s.asked(since(began.Add(9*time.Second)))), 8)
		pass(12 * time.Minute)
		assert.Equal(t, []trouble.Scope{trouble.Window}, d.shown.failing())
		assert.LessOrEqual(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(39 * time.Minute)}), 1)
	})
}

// TestAnOutageAtTheFirstStart has the service answer for the first time after an hour. The look-back is that of the start.
func TestAnOutageAtTheFirstStart(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(10*time.Second, 4*hour, 6*hour)}
		began := wallClock()
		s.refuse = between(began, began.Add(hour), noAnswer())
		d := newDesk(t, s, nil)
		d.start()
		pass(hour + time.Minute)
		assert.Empty(t, d.shown.failing())
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(hour - time.Second)}))
		assert.Positive(t, d.missing(trace.Window{Start: began.Add(-2 * hour), End: began.Add(-hour - time.Second)}), "nobody asked for it")
		assert.True(t, began.Equal(d.state().Begin))
		assert.LessOrEqual(t, len(s.asked()), 18)
	})
}

func TestSetupThatIsMissingIsLookedForAtEachTick(t *testing.T) {
	run(t, func(t *testing.T) {
		s := &service{mail: mailEvery(time.Minute, 2*hour, hour)}
		d := newDesk(t, s, nil)
		open, missing := d.Open, 3
		d.Open = func(ctx context.Context, gate collect.Gate, now func() time.Time) (*collect.Collector, func(), error) {
			if missing--; missing >= 0 {
				return nil, nil, assert.AnError
			}
			return open(ctx, gate, now)
		}
		began := wallClock()
		d.start()
		pass(11 * time.Minute)
		assert.Empty(t, s.asked())
		assert.Len(t, of[Trouble](d.shown), 3)
		assert.Equal(t, []trouble.Scope{trouble.Setup}, d.shown.failing())
		_, err := d.Ask(t.Context(), trace.Window{Start: began.Add(-hour), End: began}, false)
		require.Error(t, err)
		pass(5 * time.Minute)
		assert.Empty(t, d.shown.failing())
		assert.Zero(t, d.missing(trace.Window{Start: began.Add(-hour), End: began.Add(15*time.Minute - time.Second)}),
			"the look-back is that of the start")
	})
}
