// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

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
)

const (
	// manyPages is how many pages a window may have before the next ones are made shorter.
	manyPages = 40
	// manyCalm is how many windows have to go well before the next ones are made longer again.
	manyCalm = 10

	// minSize is the shortest window that trouble with the service shrinks queries to.
	minSize = time.Second

	// asideFor is how long mail that the service does not hand out is not asked for again.
	asideFor = time.Hour
)

// run reads one window in a job of its own.
func (w *worker) run(ctx context.Context, step plan.Step) error {
	return w.job(ctx, w.Recorder().Schedule(step.Lane, step.Window), step.Lane, func(ctx context.Context) error {
		return w.read(ctx, step)
	})
}

// job reads, and says in the metrics and in the job's record how that ended.
func (w *worker) job(ctx context.Context, job *jobs.Job, lane trace.Lane, read func(ctx context.Context) error) error {
	ctx, end := w.requests.begin(ctx, job)
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
	w.telemetry.job(ctx, lane, string(state), time.Since(started))
	if state == jobs.Cancelled {
		job.End(state, nil, "")
		return err
	}
	if err != nil {
		jobLog(ctx).Error("the window could not be read to its end", zap.String("error", err.Error()), zap.String("hint", hintOf(err)))
	}
	job.End(state, err, hintOf(err))
	return err
}

// read reads one window.
func (w *worker) read(ctx context.Context, step plan.Step) error {
	jobLog(ctx).Info("the window is read", zap.Stringer("window", step.Window))
	report, err := w.collector.Run(ctx, step)
	w.observe()
	if unreadable, ok := errors.AsType[*collect.UnreadableError](err); ok {
		w.aside.put(unreadable.Windows, wallClock().Add(asideFor))
	} else if err != nil && w.size == minSize && transport.MayBeTooMuch(err) {
		w.aside.put(plan.Intervals{step.Window}, wallClock().Add(asideFor))
	}
	w.resize(report, err)
	return err
}

// serve reads a window that somebody asked for, in one job. What it leaves open is read as other backfill is.
func (w *worker) serve(ctx context.Context, asked *backfillRequest) {
	failed := plan.Step{Window: asked.window, Lane: trace.Backfill}
	select {
	case <-asked.opened:
	case <-ctx.Done():
		return
	}
	err := w.job(ctx, asked.job, trace.Backfill, func(ctx context.Context) (err error) {
		var tried plan.Intervals
		for failures := 0; failures < maxFailures; {
			step, ok := w.nextAsked(asked, tried)
			if !ok {
				break
			}
			tried = tried.Add(step.Window)
			failure := w.read(ctx, step)
			if failure == nil {
				continue
			}
			failed, err = step, failure
			if ctx.Err() != nil || ofService(err) {
				break
			}
			failures++
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errCancelled):
		w.giveUp(ctx, plan.Withdraw, asked.window)
	case err != nil:
		w.report(failed, err)
	}
}

// nextAsked returns the next window to read of what somebody asked for.
func (w *worker) nextAsked(asked *backfillRequest, tried plan.Intervals) (plan.Step, bool) {
	state := w.collector.State()
	open := plan.State{Asked: state.Asked.Within(asked.window)}
	if asked.redeliver {
		open = plan.State{Redeliver: state.Redeliver.Within(asked.window)}
	}
	for step := range plan.Steps(open, w.serviceNow(), w.size, tried, w.plan) {
		return step, true
	}
	return plan.Step{}, false
}

// resize adapts the length of the windows to what the service can bear.
func (w *worker) resize(report collect.Report, err error) {
	w.calm++
	switch {
	case report.Pages > manyPages, report.Read == 0 && isTimeout(err), transport.MayBeTooMuch(err):
		w.size, w.calm = max(w.size/2, minSize), 0
	case err == nil && w.calm >= manyCalm:
		w.size, w.calm = min(w.size*2, w.plan.LongestWindow()), 0
	}
}

// isTimeout says that job_timeout ended the job.
func isTimeout(err error) bool {
	_, ok := errors.AsType[*collect.TimeoutError](err)
	return ok
}

// outcome is the state in which a job ended.
func outcome(ctx context.Context, err error) jobs.State {
	var refused *transport.Error
	switch {
	case err == nil:
		return jobs.Done
	case ctx.Err() != nil:
		return jobs.Cancelled
	case errors.As(err, &refused) && refused.Throttled():
		return jobs.Throttled
	}
	return jobs.Failed
}

// ofService says that the error concerns all windows: the way to the service, sign-in, permission or quota.
func ofService(err error) bool {
	var refused *transport.Error
	var unreadable *collect.UnreadableError
	switch {
	case errors.As(err, &unreadable), isTimeout(err):
		return false
	case errors.As(err, &refused):
		return refused.OfService()
	}
	return true
}

// aside is the mail that is not asked for again before a time.
type aside map[time.Time]plan.Intervals

func (a *aside) put(windows plan.Intervals, until time.Time) {
	if *a == nil {
		*a = aside{}
	}
	for _, w := range windows {
		(*a)[until] = (*a)[until].Add(w)
	}
}

// still returns the mail that is not asked for at now.
func (a aside) still(now time.Time) (all plan.Intervals) {
	for until, windows := range a {
		if !until.After(now) {
			delete(a, until)
			continue
		}
		for _, w := range windows {
			all = all.Add(w)
		}
	}
	return all
}
