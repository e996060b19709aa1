// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// loop reads at each tick what is due, until ctx ends. Backfill is read beside it, so that it never delays newer mail.
func (r *messageTraceReceiver) loop(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	// Whoever looks at this receiver while it does not run must not change what another one goes on with.
	defer r.running.Store(nil)
	r.running.Store(r.collector)
	r.requests.clear()
	select {
	case <-r.wake:
	default:
	}
	workers.Go(func() { r.backfill(ctx) })

	schedule := &schedule{plan: r.plan}
	reader := &worker{messageTraceReceiver: r, subject: reading, size: r.plan.LongestWindow()}
	// Newer mail must not wait behind what waits for the quota, since part of the quota is kept free for it.
	reader.free = func(step plan.Step) bool {
		now := wallClock()
		limit := schedule.untilNext(now)
		if schedule.isDue(now) {
			limit = 0
		}
		return step.Lane != trace.Revisit || r.quota.Await(ctx, step.Lane, limit)
	}
	if transport.Sleep(ctx, r.plan.Offset) != nil {
		return
	}
	tick, ok := schedule.start(wallClock()), true
	for last := time.Now(); ok; {
		last = r.noticeSetClock(last)
		if r.ready(ctx) && r.open(ctx, tick) {
			r.wakeBackfill()
			// A tick that comes while this one is worked on takes over after the window in hand.
			reader.work(ctx, func() bool { return schedule.isDue(wallClock()) })
		}
		tick, ok = schedule.wait(ctx)
	}
}

// noticeSetClock forgets how the clocks differ when this machine's has been set since last: the monotonic clock has gone on
// as before. It returns the present.
func (r *messageTraceReceiver) noticeSetClock(last time.Time) (now time.Time) {
	now = time.Now()
	if (now.Round(0).Sub(last.Round(0)) - now.Sub(last)).Abs() > skewTolerance {
		r.skew.forget()
	}
	return now
}

// backfill reads at each tick the older mail that is open, and at once what somebody asks for.
func (r *messageTraceReceiver) backfill(ctx context.Context) {
	reader := &worker{messageTraceReceiver: r, subject: backfilling, size: plan.MaxWindow}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		for asked := r.requests.take(); asked != nil; asked = r.requests.take() {
			reader.serve(ctx, asked)
		}
		reader.work(ctx, func() bool { return len(r.wake) > 0 })
	}
}

// open opens what became due with the tick, and stores that before anything of it is asked for. It returns false when ctx
// ends before.
func (r *messageTraceReceiver) open(ctx context.Context, tick time.Time) (ok bool) {
	now := r.serviceNow()
	var gap plan.Intervals
	err := r.collector.Update(ctx, func(l *ledger.Ledger) plan.State {
		state := l.State()
		if position := plan.Position(state); position.After(now.Add(maxSkew)) {
			r.set.Logger.Warn("the stored position is ahead of the service's clock and has been pulled back",
				zap.Time("position", position), zap.Time("service", now))
			state = plan.PullBack(state, now.Truncate(time.Second), r.plan)
		}
		for _, w := range plan.Abandoned(state, r.plan) {
			r.set.Logger.Warn("mail is given up unread, since date_range has changed what is to be read", zap.Stringer("window", w))
		}
		if r.plan.Range == nil {
			tick = r.serviceClock(tick)
		}
		state = plan.Tick(state, tick, l.OldestKnown(), r.plan)
		state, gap = plan.DropUnkept(state, now, r.plan)
		return state
	})
	if err != nil {
		return false
	}
	r.sayGap(ctx, "a gap: mail has not been read, and the service no longer keeps it", gap)
	r.observe()
	return true
}

func (r *messageTraceReceiver) sayGap(ctx context.Context, message string, gap plan.Intervals) {
	for _, w := range gap {
		r.set.Logger.Error(message, zap.Stringer("window", w))
		r.telemetry.gap(ctx, w.Duration())
	}
}

// giveUp closes the window of a job that somebody has cancelled, by the rule for such windows, except for what others have
// asked for as well.
func (r *messageTraceReceiver) giveUp(
	ctx context.Context, rule func(plan.State, plan.Intervals, plan.Config) (plan.State, plan.Intervals), w trace.Window,
) {
	collector := r.running.Load()
	if collector == nil {
		return
	}
	var gap plan.Intervals
	err := collector.Update(ctx, func(l *ledger.Ledger) (rest plan.State) {
		windows := plan.Intervals{w}
		others, _ := r.requests.windows()
		for _, other := range others {
			windows = windows.Remove(other)
		}
		rest, gap = rule(l.State(), windows, r.plan)
		return rest
	})
	if err == nil {
		r.sayGap(ctx, "a gap: the job that was to read it has been cancelled", gap)
	}
}

// observe updates the metrics of the state.
func (r *messageTraceReceiver) observe() {
	r.telemetry.observe(r.collector.State(), r.collector.Rows())
}

// worker reads what is open of some lanes.
type worker struct {
	*messageTraceReceiver
	subject subject
	// size is the longest window that is asked for at present.
	size time.Duration
	// free waits until the step can be read without keeping newer mail waiting; false if it cannot. nil does not wait.
	free func(plan.Step) bool
	// calm counts the windows since the last trouble.
	calm  int
	aside aside
}

// of says whether a step is the worker's.
func (w *worker) of(step plan.Step) bool {
	return (step.Lane == trace.Backfill) == (w.subject == backfilling)
}

// maxFailures is how many windows in a row may fail before the rest of them waits for the next tick.
const maxFailures = 3

// work reads everything that is open now, every window at most once, until it is interrupted or the service fails. At
// least one window that is due again is read each time, however long live mail takes.
func (w *worker) work(ctx context.Context, interrupted func() bool) {
	tried := w.aside.still(wallClock())
	healthy := len(tried) == 0
	for failures := 0; failures < maxFailures; {
		step, ok := w.next(tried)
		if !ok {
			if healthy {
				w.health.ok(w.subject)
			}
			return
		}
		if w.free != nil && !w.free(step) {
			return
		}
		tried = tried.Add(step.Window)
		err := w.run(ctx, step)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errCancelled):
			if step.Lane == trace.Backfill {
				w.giveUp(ctx, plan.GiveUp, step.Window)
			}
		case err == nil:
			w.health.ok(service)
			failures = 0
		default:
			if w.report(step, err) {
				return
			}
			healthy = false
			failures++
		}
		if step.Lane != trace.Live && interrupted() {
			return
		}
	}
}

// report tells of a window that could not be read. It returns true if that is not about the window, so that there is no
// use in reading others.
func (w *worker) report(step plan.Step, err error) (hopeless bool) {
	switch {
	case errors.Is(err, ledger.ErrUnreadable):
		w.failed(storing, step, &storageError{err})
		return true
	case ofService(err):
		w.failed(service, step, err)
		return true
	}
	w.health.ok(service)
	w.failed(w.subject, step, err)
	return false
}

func (w *worker) failed(s subject, step plan.Step, err error) {
	w.health.failed(s, "a window could not be read; it stays open and is read again", err,
		zap.String("lane", string(step.Lane)), zap.Stringer("window", step.Window))
}

// next returns the next window to read. What somebody has asked for is left to the job that waits for it.
func (w *worker) next(tried plan.Intervals) (plan.Step, bool) {
	if w.subject == backfilling {
		waiting, leaving := w.requests.windows()
		tried = tried.Union(waiting).Union(leaving)
	}
	for step := range plan.Steps(w.collector.State(), w.serviceNow(), w.size, tried, w.plan) {
		if w.of(step) {
			return step, true
		}
	}
	return plan.Step{}, false
}
