// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// manyPages is how many pages a window may have before the next ones are made shorter.
	manyPages = 40
	// manyGood is how many windows have to go well before the next ones are made longer again.
	manyGood = 10
	// maxFailures is how many windows in a row may fail before the rest of them waits for the next tick. To find the one
	// second in an hour that cannot be read takes about twelve, and shorter pages another six.
	maxFailures = 25
)

// worker reads what is open of some lanes, one window after the other.
type worker struct {
	*term
	// backfill reports whether the worker reads backfill; else it reads all other lanes.
	backfill bool
	// free waits until the step can be read without keeping newer mail waiting; it returns false if it cannot. nil does not
	// wait.
	free func(plan.Step) bool
	// longest bounds the windows that are asked for at present.
	longest time.Duration
	// tried is what is not asked for again in the present round, and suspect what is not before other mail shows whether the
	// service still keeps it.
	tried, suspect plan.Intervals
	// good counts the windows in a row that went well.
	good int
	// waited reports whether a window has been asked for once more after the service has called its end the future.
	waited bool
}

// reading is how the reading of a step ended.
type reading struct {
	step   plan.Step
	report collect.Report
	err    error
}

// work reads everything that is open now, until it is interrupted or nothing can be read.
func (w *worker) work(ctx context.Context, interrupted func() bool) {
	w.tried, w.suspect = nil, nil
	failures := 0
	for failures < maxFailures && !w.outage.Load() && !w.clock.disputed() {
		step, ok := w.next(w.nextOpen)
		if !ok || w.free != nil && !w.free(step) {
			break
		}
		asking := ctx
		if failures > 0 {
			asking = transport.Once(ctx)
		}
		r := w.run(asking, step)
		if failures++; r.err == nil {
			failures = 0
		}
		if !w.follows(ctx, r) || (step.Lane != trace.Live || r.err != nil) && interrupted() {
			break
		}
	}
	w.recover()
}

// recover tells that windows can be read again, if all can.
func (w *worker) recover() {
	if !w.bounds.forget(plan.Open(w.collector.State())) {
		w.Reporter.Report(Recovery{Scope: trouble.Window})
	}
}

// next returns the next window to read, and a suspect one where there is no other.
func (w *worker) next(find func() (plan.Step, bool)) (plan.Step, bool) {
	step, ok := find()
	if !ok && len(w.suspect) > 0 {
		w.suspect = nil
		return find()
	}
	return step, ok
}

// nextOpen returns the next window to read of all that is open. A window that somebody has asked for belongs to the job that waits for
// it.
func (w *worker) nextOpen() (plan.Step, bool) {
	skip := w.tried.Union(w.suspect).Union(w.bounds.putOff(time.Now()))
	if w.backfill {
		waiting, leaving := w.asked.windows()
		skip = skip.Union(waiting).Union(leaving)
	}
	for step := range plan.Steps(w.collector.State(), *w.tick.Load(), w.bounds.limits(w.longest), skip, w.Plan) {
		if (step.Lane == trace.Backfill) == w.backfill {
			return step, true
		}
	}
	return plan.Step{}, false
}

// run reads one window in a job of its own.
func (w *worker) run(ctx context.Context, step plan.Step) (r reading) {
	err := w.job(ctx, w.Recorder.Schedule(step.Lane, step.Window), step.Lane, func(ctx context.Context) error {
		r = w.read(ctx, step)
		return r.err
	})
	return reading{step, r.report, err}
}

// job reads, and tells how that ended.
func (w *worker) job(ctx context.Context, job *jobs.Job, lane trace.Lane, read func(ctx context.Context) error) error {
	ctx, end := w.asked.begin(ctx, job)
	defer end()
	ctx, slot := withSlot(ctx, lane)
	defer slot.release()
	started := time.Now()
	err := slot.ensure(ctx)
	if err == nil {
		job.Start(w.collector.State().Ticked)
		err = read(ctx)
	}
	if err != nil && errors.Is(context.Cause(ctx), errCancelled) {
		// Whatever was going on reports its own end.
		err = errCancelled
	}
	state := outcome(ctx, err)
	w.Reporter.Report(JobEnded{Lane: lane, State: state, Took: time.Since(started)})
	if state == jobs.Cancelled {
		job.End(state, nil, "")
		return err
	}
	if err != nil {
		jobLog(ctx).Error("the window could not be read to its end", zap.String("error", err.Error()), zap.String("hint", trouble.HintOf(err)))
	}
	job.End(state, err, trouble.HintOf(err))
	return err
}

// outcome is the state in which a job ended.
func outcome(ctx context.Context, err error) jobs.State {
	switch scope := trouble.ScopeOf(err); {
	case err == nil:
		return jobs.Done
	case ctx.Err() != nil, scope == trouble.Cancelled:
		return jobs.Cancelled
	case scope == trouble.Tenant:
		return jobs.Throttled
	}
	return jobs.Failed
}

// read reads one window.
func (w *worker) read(ctx context.Context, step plan.Step) reading {
	jobLog(ctx).Info("the window is read", zap.Stringer("window", step.Window))
	report, err := w.collector.Run(ctx, step, w.pages.size())
	if step.Lane == trace.Backfill {
		w.progress.read(report.Pages)
	}
	w.observe()
	w.resize(report, err)
	return reading{step, report, err}
}

// resize adapts the length of all windows to how dense the mail is.
func (w *worker) resize(report collect.Report, err error) {
	w.good++
	switch {
	case report.Pages > manyPages:
		w.longest, w.good = max((w.longest/2).Truncate(shortest), shortest), 0
	case err != nil:
		w.good = 0
	case w.good >= manyGood:
		w.longest, w.good = min(w.longest*2, w.maxWindow()), 0
	}
}

// maxWindow is the longest window that is ever asked for.
func (w *worker) maxWindow() time.Duration {
	if w.backfill {
		return plan.MaxWindow
	}
	return w.Plan.LongestWindow()
}

// serve reads a window that somebody asked for, in one job. What it leaves open is read as other backfill is.
func (w *worker) serve(ctx context.Context, a *asked) {
	if !a.wait(ctx) || w.asked.isGivenUp(a) {
		w.asked.served()
		return
	}
	err := w.job(ctx, a.job, trace.Backfill, func(ctx context.Context) error { return w.readAsked(ctx, a) })
	w.asked.served()
	if errors.Is(err, errCancelled) && ctx.Err() == nil {
		w.giveUp(ctx, plan.Withdraw, a.window)
	}
	w.recover()
}

// readAsked reads the windows of what somebody asked for. It returns why some of it has not been read.
func (w *worker) readAsked(ctx context.Context, a *asked) (err error) {
	w.tried, w.suspect = nil, nil
	for failures := 0; !w.clock.disputed(); {
		step, ok := w.next(func() (plan.Step, bool) { return w.nextAsked(a) })
		if !ok {
			return err
		}
		asking := ctx
		if failures > 0 {
			asking = transport.Once(ctx)
		}
		r := w.read(asking, step)
		if r.err == nil {
			failures = 0
			w.succeeded(r)
			continue
		}
		// Whatever the service is asked now, it may be silent.
		slotOf(ctx).release()
		if failures++; ctx.Err() != nil || !w.follows(ctx, r) || failures == maxFailures {
			return r.err
		}
		if len(w.tried.Within(step.Window)) > 0 {
			err = r.err
		}
	}
	return errDisputed
}

// nextAsked returns the next window to read of what somebody asked for.
func (w *worker) nextAsked(a *asked) (plan.Step, bool) {
	state := w.collector.State()
	open := plan.State{Asked: state.Asked.Within(a.window)}
	if a.redeliver {
		open = plan.State{Redeliver: state.Redeliver.Within(a.window)}
	}
	for step := range plan.Steps(open, w.clock.now().Truncate(time.Second), w.bounds.limits(w.longest), w.tried.Union(w.suspect), w.Plan) {
		return step, true
	}
	return plan.Step{}, false
}

// jobLog is the log of the job that runs in ctx alone.
func jobLog(ctx context.Context) *zap.Logger { return zap.New(jobs.FromContext(ctx).Core()) }
