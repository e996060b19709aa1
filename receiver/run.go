// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// manyPages is how many pages a window may have before the next ones are made shorter, and fewPages how many it may
	// have for them to grow again.
	manyPages = 40
	fewPages  = 20

	// minSize is the shortest window that trouble with the service shrinks queries to.
	minSize = time.Second

	// asideFor is how long mail that the service does not hand out is not asked for again.
	asideFor = time.Hour
)

// run reads one window, and says in the metrics how that ended.
func (w *worker) run(ctx context.Context, step plan.Step) error {
	started := time.Now()
	report, err := w.collector.Run(ctx, step)
	w.telemetry.job(ctx, step.Lane, outcome(ctx, err), time.Since(started))
	w.observe()
	w.resize(report, err)
	if unreadable, ok := errors.AsType[*collect.UnreadableError](err); ok {
		w.aside.put(unreadable.Windows, wallClock().Add(asideFor))
	}
	return err
}

// resize adapts the length of the windows to what the service can bear.
func (w *worker) resize(report collect.Report, err error) {
	switch {
	case report.Pages > manyPages, transport.MayBeTooMuch(err):
		w.size = max(w.size/2, minSize)
	case err == nil && report.Pages <= fewPages:
		w.size = min(w.size*2, plan.MaxWindow)
	}
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

// aboutQuery says that the error concerns one window, so that others may be answered.
func aboutQuery(err error) bool {
	var refused *transport.Error
	var unreadable *collect.UnreadableError
	return errors.As(err, &unreadable) || errors.As(err, &refused) && refused.AboutQuery()
}

// aside is the mail that is not asked for again before a time.
type aside struct {
	mu    sync.Mutex
	until map[time.Time]plan.Intervals
}

func (a *aside) put(windows plan.Intervals, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil {
		a.until = map[time.Time]plan.Intervals{}
	}
	for _, w := range windows {
		a.until[until] = a.until[until].Add(w)
	}
}

// still returns the mail that is not asked for at now.
func (a *aside) still(now time.Time) (all plan.Intervals) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for until, windows := range a.until {
		if !until.After(now) {
			delete(a.until, until)
			continue
		}
		for _, w := range windows {
			all = all.Add(w)
		}
	}
	return all
}
