// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"sync/atomic"
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
	// limits bound the windows that are asked for at present, and deferred is what is not asked for.
	limits   plan.Limits
	deferred deferred
	// tried is what is not asked for again in the present round, and good counts the windows in a row that went well.
	tried plan.Intervals
	good  int
	// ill reports whether some mail is put off, or asked for in shorter windows than other mail.
	ill atomic.Bool
}

// reading is how the reading of a step ended.
type reading struct {
	step   plan.Step
	report collect.Report
	err    error
}

// work reads everything that is open now, until it is interrupted or nothing can be read.
func (w *worker) work(ctx context.Context, interrupted func() bool) {
	w.tried = w.deferred.at(wallClock())
	failures := 0
	for failures < maxFailures && !w.outage.Load() && !w.clock.disputed() {
		step, ok := w.next()
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
	w.ill.Store(w.limits.AnyNarrowed() || len(w.deferred) > 0)
	if !w.live.ill.Load() && !w.older.ill.Load() {
		w.Reporter.Report(Recovery{Scope: trouble.Window})
	}
}

// next returns the next window to read. What somebody has asked for is left to the job that waits for it.
func (w *worker) next() (plan.Step, bool) {
	skip := w.tried
	if w.backfill {
		waiting, leaving := w.asked.windows()
		skip = skip.Union(waiting).Union(leaving)
	}
	for step := range plan.Steps(w.collector.State(), *w.tick.Load(), w.limits, skip, w.Plan) {
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
	w.observe()
	w.resize(report, err)
	return reading{step, report, err}
}

// resize adapts the length of all windows to how dense the mail is.
func (w *worker) resize(report collect.Report, err error) {
	w.good++
	switch {
	case report.Pages > manyPages:
		w.limits.Longest, w.good = max((w.limits.Longest/2).Truncate(shortest), shortest), 0
	case err != nil:
		w.good = 0
	case w.good >= manyGood:
		w.limits.Longest, w.good = min(w.limits.Longest*2, w.longest()), 0
	}
}

// longest is the longest window that is ever asked for.
func (w *worker) longest() time.Duration {
	if w.backfill {
		return plan.MaxWindow
	}
	return w.Plan.LongestWindow()
}

// serve reads a window that somebody asked for, in one job. What it leaves open is read as other backfill is.
func (w *worker) serve(ctx context.Context, a *asked) {
	if !a.wait(ctx) {
		return
	}
	w.tried = nil
	var last reading
	err := w.job(ctx, a.job, trace.Backfill, func(ctx context.Context) (err error) {
		for failures := 0; failures < maxFailures; {
			step, ok := w.nextAsked(a)
			if !ok {
				break
			}
			asking := ctx
			if failures > 0 {
				asking = transport.Once(ctx)
			}
			last = w.read(asking, step)
			if last.err == nil {
				failures = 0
				w.succeeded(last)
				continue
			}
			err = last.err
			if failures++; ctx.Err() != nil || !w.follows(ctx, last) {
				break
			}
		}
		return err
	})
	if trouble.ScopeOf(err) == trouble.Cancelled && ctx.Err() == nil {
		w.giveUp(ctx, plan.Withdraw, a.window)
	}
	w.recover()
}

// nextAsked returns the next window to read of what somebody asked for.
func (w *worker) nextAsked(a *asked) (plan.Step, bool) {
	state := w.collector.State()
	open := plan.State{Asked: state.Asked.Within(a.window)}
	if a.redeliver {
		open = plan.State{Redeliver: state.Redeliver.Within(a.window)}
	}
	for step := range plan.Steps(open, w.clock.now().Truncate(time.Second), w.limits, w.tried, w.Plan) {
		return step, true
	}
	return plan.Step{}, false
}

// jobLog is the log of the job that runs in ctx alone.
func jobLog(ctx context.Context) *zap.Logger { return zap.New(jobs.FromContext(ctx).Core()) }

// deferred is the mail that is not asked for again before a time.
type deferred map[time.Time]plan.Intervals

func (d *deferred) put(windows plan.Intervals, until time.Time) {
	if *d == nil {
		*d = deferred{}
	}
	(*d)[until] = (*d)[until].Union(windows)
}

// at returns the mail that is not asked for at now.
func (d deferred) at(now time.Time) (all plan.Intervals) {
	for until, windows := range d {
		if !until.After(now) {
			delete(d, until)
			continue
		}
		all = all.Union(windows)
	}
	return all
}
