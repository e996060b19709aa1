// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// shortest is the shortest window that is asked for, apart from what a dead link has left.
	shortest = time.Second
	// nearRetention is how far from the retention the service is believed at once that it no longer keeps mail.
	nearRetention = 30 * time.Hour
	// shortestOld is the shortest window that the service must call too old for the mail in it to be given up.
	shortestOld = time.Minute
	// shortestDeferral is how long mail is not asked for again that the service does not hand out in the shortest window. It
	// doubles from one time to the next, up to longestDeferral.
	shortestDeferral = time.Minute
	longestDeferral  = time.Hour

	// probeTimeout bounds how long a probe waits for its answer, sign-in included.
	probeTimeout = 30 * time.Second
	// silence is how long the service may not have told the time before it is asked for that alone.
	silence = time.Hour
	// disputeFor is how long nothing is read because the clocks differ without proof, and disputeStep how often the service is
	// asked for the time meanwhile.
	disputeFor  = 3 * time.Minute
	disputeStep = 20 * time.Second
)

// follows decides what follows from how the reading of a step ended. It returns false if nothing more is read before the
// next tick.
func (w *worker) follows(ctx context.Context, r reading) bool {
	switch scope, err := w.scopeOf(ctx, r); scope {
	case trouble.None:
		w.succeeded(r)
	case trouble.Cancelled:
		w.cancelled(ctx, r)
		return ctx.Err() == nil
	case trouble.Query, trouble.Window:
		w.narrow(ctx, r)
	case trouble.Service, trouble.SignIn, trouble.Tenant:
		w.outage.Store(true)
		w.Reporter.Report(Trouble{Scope: scope, Err: err, Step: r.step})
		return false
	default:
		w.Reporter.Report(Trouble{Scope: scope, Err: err, Step: r.step})
		w.yield()
		return false
	}
	return true
}

// scopeOf returns what went wrong, and the error that tells it. Whether an error is about the window or about all of them,
// its status alone cannot tell, so the service is asked for something else.
func (w *worker) scopeOf(ctx context.Context, r reading) (trouble.Scope, error) {
	scope := trouble.ScopeOf(r.err)
	if ctx.Err() != nil {
		return trouble.Cancelled, r.err
	}
	switch scope {
	case trouble.Query, trouble.Window, trouble.Service:
	default:
		return scope, r.err
	}
	if scope == trouble.Window && r.report.Pages > 0 {
		return scope, r.err
	}
	err := w.probe(transport.Once(ctx))
	switch {
	case err == nil:
		return min(scope, trouble.Window), r.err
	case ctx.Err() != nil, w.clock.disputed():
		return trouble.Cancelled, err
	case ofAll(err) != trouble.Service:
		return ofAll(err), err
	case reasonOf(err) == transport.TooOld:
		return trouble.Service, &behindError{err}
	}
	return trouble.Service, r.err
}

// ofAll returns what is wrong when not even the probe succeeds.
func ofAll(err error) trouble.Scope {
	if scope := trouble.ScopeOf(err); scope == trouble.SignIn || scope == trouble.Tenant {
		return scope
	}
	return trouble.Service
}

// errNoAnswer is a probe that has waited for too long.
var errNoAnswer = errors.New("the service did not answer in " + timeexpr.Short(probeTimeout))

// probe asks the service for a second of mail, which is not delivered, to see whether it answers. It is no later than the
// service's present, even if the clocks differ by as much as cannot be told.
func (t *term) probe(ctx context.Context) error {
	// The wait for the quota, or for the end of a pause, shows nothing about the service.
	for !t.Budget.Await(ctx, trace.Live, maxSleep) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, errNoAnswer)
	defer cancel()
	end := t.clock.now().Truncate(time.Second).Add(-skewTolerance)
	return t.collector.Probe(ctx, trace.Window{Start: end.Add(-shortest), End: end})
}

// reach reports whether the service can be asked. During an outage, or when it has told no time for an hour, it is asked for
// a second of mail first, and while the clocks differ without proof, for nothing else.
func (t *term) reach(ctx context.Context) bool {
	t.clock.look()
	asking := ctx
	switch silent := later(t.clock.silentSince(), t.started); {
	case t.outage.Load():
		asking = transport.Once(ctx)
	case !t.clock.disputed() && time.Since(silent) < silence && (t.clock.difference()-t.tested).Abs() <= MaxSkew:
		return true
	}
	for waited := time.Duration(0); ; waited += disputeStep {
		ahead := t.clock.difference()
		err := t.probe(asking)
		if ctx.Err() != nil {
			return false
		}
		disputed := t.clock.disputed()
		if !disputed && reasonOf(err) == transport.TooOld && t.clock.difference() == ahead && !t.clock.disprove() {
			err = &behindError{err}
		}
		if err != nil && !mistimed(err) {
			t.outage.Store(true)
			t.Reporter.Report(Trouble{Scope: ofAll(err), Err: err})
			return false
		}
		if t.clock.difference() != ahead {
			// By another clock, the present may be another one.
			continue
		}
		if !disputed {
			t.tested = ahead
			break
		}
		if waited >= disputeFor {
			t.clock.settle()
			continue
		}
		if transport.Sleep(ctx, disputeStep) != nil {
			return false
		}
	}
	t.outage.Store(false)
	for _, scope := range []trouble.Scope{trouble.Service, trouble.SignIn, trouble.Tenant} {
		t.Reporter.Report(Recovery{Scope: scope})
	}
	return true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mistimed reports whether the service answers, but calls the present of this machine's clock its future or its past.
func mistimed(err error) bool {
	reason := reasonOf(err)
	return reason == transport.InFuture || reason == transport.TooOld
}

// behindError is a service that calls the present of this machine's clock too old.
type behindError struct{ err error }

func (e *behindError) Error() string { return e.err.Error() }

// Hint names what to change.
func (e *behindError) Hint() string {
	return "set this machine's clock: what it takes for the present, the service calls older than what it keeps"
}

// reasonOf returns why the service refuses a query, if it does.
func reasonOf(err error) transport.Reason {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e.Reason
	}
	return transport.Unknown
}

// succeeded notes that a step has been read.
func (w *worker) succeeded(r reading) {
	w.tried, w.suspect, w.waited = w.tried.Add(r.step.Window), nil, false
	w.bounds.widen(r.step.Window)
	w.pages.kept(r.step.Window, w.Reporter)
}

// cancelled notes that somebody has cancelled a job. Backfill is then given up; any other mail is read at the next tick.
func (w *worker) cancelled(ctx context.Context, r reading) {
	w.tried = w.tried.Add(r.step.Window)
	if errors.Is(r.err, errCancelled) && r.step.Lane == trace.Backfill {
		w.giveUp(ctx, plan.GiveUp, r.step.Window)
	}
}

// narrow asks for less of what could not be read: first for shorter pages, then for shorter windows, and in the end for
// nothing of it for a while.
func (w *worker) narrow(ctx context.Context, r reading) {
	window := r.step.Window
	e, _ := errors.AsType[*transport.Error](r.err)
	if unreadable, ok := errors.AsType[*collect.UnreadableError](r.err); ok {
		w.put(unreadable.Windows, r)
		return
	}
	switch reason := reasonOf(r.err); {
	case reason == transport.InFuture && window.End.After(w.clock.now()):
		// The answer has told how the clocks differ, and the next tick ends earlier.
		w.tried = w.tried.Add(window)
	case reason == transport.InFuture && !w.waited:
		// The clocks differ by less than can be told.
		w.waited = true
		_ = transport.Sleep(ctx, skewTolerance)
	case reason == transport.InFuture:
		w.tried = w.tried.Add(window)
		w.Reporter.Report(Trouble{Scope: trouble.Window, Err: r.err, Step: r.step})
	case reason == transport.TooOld:
		w.tooOld(ctx, window)
	case e != nil && e.Err == nil && w.shorten(window, e):
	case window.Duration() > shortest:
		w.bounds.narrow(window, max(halfOf(window), shortest))
		w.Reporter.Report(Trouble{Scope: trouble.Window, Err: r.err, Step: r.step})
	default:
		w.put(plan.Intervals{window}, r)
	}
}

// shorten asks for shorter pages, unless the window is one of those that were refused whatever their pages.
func (w *worker) shorten(window trace.Window, e *transport.Error) bool {
	return (e.Reason == transport.PageSize || !w.bounds.limits(w.longest).Narrowed(window)) && w.pages.shorten(window, e)
}

// put puts off windows.
func (w *worker) put(windows plan.Intervals, r reading) {
	w.bounds.put(windows, time.Now())
	w.tried = w.tried.Add(r.step.Window)
	w.Reporter.Report(Trouble{Scope: trouble.Window, Err: r.err, Step: r.step})
}

// halfOf is half the length of a window, in whole seconds.
func halfOf(w trace.Window) time.Duration { return (w.Duration() / 2).Truncate(shortest) }

// tooOld gives up the mail up to the end of a short window which the service itself has reported as no longer kept. A
// longer one is asked for in parts first, since one answer may be wrong; near the retention, what is older than such a window
// is given up at once, and the mail after it tells more: if that is too old, all of it is.
func (w *worker) tooOld(ctx context.Context, window trace.Window) {
	unkept := trace.Window{End: window.End}
	if window.Duration() > shortestOld {
		w.suspect = w.suspect.Add(window)
		w.bounds.narrow(window, halfOf(window))
		if window.Start.After(w.tick.Load().Add(nearRetention - w.Plan.Retention)) {
			return
		}
		unkept.End = window.Start
	} else {
		w.tried = w.tried.Add(window)
	}
	var gap plan.Intervals
	err := w.collector.Update(ctx, func(l *ledger.Ledger) (kept plan.State) {
		kept, gap = plan.Drop(l.State(), unkept, w.Plan)
		return kept
	})
	if err == nil && len(gap) > 0 {
		w.Reporter.Report(Gap{Windows: gap})
	}
}
