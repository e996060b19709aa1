// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// maxWaiting is how many windows may wait for their turn that somebody has asked for.
	maxWaiting = 100
	// busyAfter is how long whoever asks for something waits for the pipeline to let go of the receiver.
	busyAfter = 5 * time.Second
)

// errCancelled is why a job ends that somebody has cancelled.
var errCancelled error = calledOff("cancelled")

// asked is a window that somebody has asked for.
type asked struct {
	job       *jobs.Job
	window    trace.Window
	redeliver bool
	// settled is closed once the window is open, or refused.
	settled chan struct{}
	refused bool
}

// wait waits until the window is open. It returns false if it never will be, or when ctx ends before; its job has ended then.
func (a *asked) wait(ctx context.Context) bool {
	select {
	case <-a.settled:
		return !a.refused
	case <-ctx.Done():
		a.job.End(jobs.Cancelled, nil, "")
		return false
	}
}

func (a *asked) settle(refused bool) {
	a.refused = refused
	close(a.settled)
}

// queue is what people have asked for. Each window in it ends in one final state of its job.
type queue struct {
	mu sync.Mutex
	// accepting reports whether anything can be asked for.
	accepting bool
	waiting   []*asked
	// serving is the one that has been taken, until its job has ended.
	serving *asked
	// leaving are those that waited and have been cancelled, until their windows are closed.
	leaving []*asked
	// cancels end the jobs that run, by their IDs.
	cancels map[string]context.CancelCauseFunc
}

func (q *queue) open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.accepting = true
}

// close ends the jobs of all windows that wait, and accepts no others. The windows stay open and are read as other backfill
// is.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.accepting = false
	for _, a := range q.waiting {
		a.job.End(jobs.Cancelled, nil, "")
	}
	q.waiting = nil
}

// put has a window wait for its turn. It returns false if nothing is accepted, or too many wait.
func (q *queue) put(a *asked) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.accepting || len(q.waiting) >= maxWaiting {
		return false
	}
	q.waiting = append(q.waiting, a)
	return true
}

// take returns the window that has waited longest, nil if none waits.
func (q *queue) take() *asked {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil
	}
	q.serving = q.waiting[0]
	q.waiting = q.waiting[1:]
	return q.serving
}

// served notes that the window that has been taken is no longer read.
func (q *queue) served() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serving = nil
}

// isGivenUp reports whether the window has been cancelled since it was taken.
func (q *queue) isGivenUp(a *asked) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.serving != a
}

// remove has a window wait no more, if it still does.
func (q *queue) remove(a *asked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.serving == a {
		q.serving = nil
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *asked) bool { return other == a })
}

// windows is what is still to be read, and what is about to be closed.
func (q *queue) windows() (waiting, leaving plan.Intervals) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, a := range q.waiting {
		waiting = waiting.Add(a.window)
	}
	if q.serving != nil {
		waiting = waiting.Add(q.serving.window)
	}
	for _, a := range q.leaving {
		leaving = leaving.Add(a.window)
	}
	return waiting, leaving
}

// left notes that the window of a cancelled job is closed.
func (q *queue) left(a *asked) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leaving = slices.DeleteFunc(q.leaving, func(other *asked) bool { return other == a })
}

// begin returns a context in which the job runs, and in which it can be cancelled until end is called.
func (q *queue) begin(ctx context.Context, job *jobs.Job) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(jobs.WithJob(ctx, job))
	id := job.ID()
	if id == "" {
		return ctx, func() { cancel(nil) }
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cancels == nil {
		q.cancels = map[string]context.CancelCauseFunc{}
	}
	q.cancels[id] = cancel
	return ctx, func() {
		cancel(nil)
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.cancels, id)
	}
}

// cancel ends a job. It returns false if the job neither runs nor waits, and what was asked for if it did wait.
func (q *queue) cancel(id string) (waited *asked, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if cancel := q.cancels[id]; cancel != nil {
		cancel(errCancelled)
		return nil, true
	}
	if a := q.serving; a != nil && a.job.ID() == id {
		q.serving, q.leaving = nil, append(q.leaving, a)
		a.job.End(jobs.Cancelled, nil, "")
		return a, true
	}
	i := slices.IndexFunc(q.waiting, func(a *asked) bool { return a.job.ID() == id })
	if i < 0 {
		return nil, false
	}
	waited = q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.leaving = append(q.leaving, waited)
	waited.job.End(jobs.Cancelled, nil, "")
	return waited, true
}

// Ask has a window read now, in whole seconds. What is open of it survives a restart. What cannot be read is a
// *jobs.RefusedError.
func (p *Poller) Ask(ctx context.Context, w trace.Window, redeliver bool) (jobs.Backfill, error) {
	t := p.term.Load()
	if t == nil {
		return jobs.Backfill{}, &jobs.RefusedError{Reason: errOver.Error(), Conflict: true}
	}
	w, err := p.readable(w)
	if err != nil {
		return jobs.Backfill{}, err
	}
	a := &asked{job: p.Recorder.Schedule(trace.Backfill, w), window: w, redeliver: redeliver, settled: make(chan struct{})}
	if a.job == nil || !p.asked.put(a) {
		a.job.End(jobs.Cancelled, nil, "")
		return jobs.Backfill{}, &jobs.RefusedError{Reason: "too many jobs wait already; try again later", Conflict: true}
	}
	ctx, cancel := context.WithTimeout(ctx, busyAfter)
	defer cancel()
	var remembered plan.Intervals
	err = t.update(ctx, func(l *ledger.Ledger) plan.State {
		remembered = l.Remembered(w)
		return plan.Ask(l.State(), w, redeliver)
	})
	if a.settle(err != nil); err != nil {
		p.asked.remove(a)
		a.job.End(jobs.Cancelled, nil, "")
		reason := "the pipeline keeps the receiver busy; try again later"
		if errors.Is(err, errOver) {
			reason = errOver.Error()
		}
		return jobs.Backfill{}, &jobs.RefusedError{Reason: reason, Conflict: true}
	}
	p.wakeBackfill()
	forgotten := plan.Intervals{w}
	for _, known := range remembered {
		forgotten = forgotten.Remove(known)
	}
	return jobs.Backfill{Job: a.job, Remembered: remembered, Forgotten: forgotten}, nil
}

// readable returns the window in whole seconds as far as it is in the past.
func (p *Poller) readable(w trace.Window) (trace.Window, error) {
	now := p.clock.now().Truncate(time.Second)
	kept := now.Add(plan.KeepMargin - p.Plan.Retention)
	if w.Start.Before(kept) {
		return w, &jobs.RefusedError{
			Reason: fmt.Sprintf("the service keeps mail for %s: start must not be before %s",
				timeexpr.Short(p.Plan.Retention), kept.Format(time.RFC3339)),
		}
	}
	w.Start = w.Start.Truncate(time.Second)
	if whole := w.End.Truncate(time.Second); whole.Before(w.End) {
		w.End = whole.Add(time.Second)
	}
	if w.End.After(now) {
		w.End = now
	}
	if w.Empty() {
		return w, &jobs.RefusedError{Reason: "the window lies in the future"}
	}
	return w, nil
}

// Cancel ends a job. It fails with jobs.ErrEnded if the job neither runs nor waits.
func (p *Poller) Cancel(id string) error {
	waited, ok := p.asked.cancel(id)
	if !ok {
		return jobs.ErrEnded
	}
	if waited == nil {
		return nil
	}
	defer p.asked.left(waited)
	if t := p.term.Load(); t != nil {
		ctx, cancel := context.WithTimeout(context.Background(), busyAfter)
		defer cancel()
		t.giveUp(ctx, plan.Withdraw, waited.window)
	}
	return nil
}
