// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
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

// run reads one window, and says in the metrics how that ended.
func (w *worker) run(ctx context.Context, step plan.Step) error {
	release, err := allSlots.acquire(ctx, step.Lane)
	if err != nil {
		return err
	}
	defer release()
	started := time.Now()
	report, err := w.collector.Run(ctx, step)
	w.telemetry.job(ctx, step.Lane, outcome(ctx, err), time.Since(started))
	w.observe()
	if unreadable, ok := errors.AsType[*collect.UnreadableError](err); ok {
		w.aside.put(unreadable.Windows, wallClock().Add(asideFor))
	} else if err != nil && w.size == minSize && transport.MayBeTooMuch(err) {
		w.aside.put(plan.Intervals{step.Window}, wallClock().Add(asideFor))
	}
	w.resize(report, err)
	return err
}

// resize adapts the length of the windows to what the service can bear.
func (w *worker) resize(report collect.Report, err error) {
	w.calm++
	switch {
	case report.Pages > manyPages, report.Pages == 0 && isTimeout(err), transport.MayBeTooMuch(err):
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
func outcome(ctx context.Context, err error) string {
	var refused *transport.Error
	switch {
	case err == nil:
		return "done"
	case ctx.Err() != nil:
		return "cancelled"
	case errors.As(err, &refused) && refused.Throttled():
		return "throttled"
	}
	return "failed"
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
