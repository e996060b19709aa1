// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// maxWaiting is how many backfills may wait for their turn.
const maxWaiting = 100

// errCancelled is why a job ends that somebody has cancelled in the Job Inspector.
var errCancelled = errors.New("cancelled")

// backfillRequest is a window that somebody has asked for in the Job Inspector.
type backfillRequest struct {
	job       *jobs.Job
	window    trace.Window
	redeliver bool
	// opened is closed once the window is open, or will not be.
	opened chan struct{}
}

// requests are what those who look at the Job Inspector have asked for.
type requests struct {
	mu      sync.Mutex
	waiting []*backfillRequest
	// leaving are those that waited and have been cancelled, until their windows are closed.
	leaving []*backfillRequest
	// cancels end the jobs that run, by their IDs.
	cancels map[string]context.CancelCauseFunc
}

// put has a backfill wait for its turn. It returns false if too many wait.
func (r *requests) put(b *backfillRequest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxWaiting {
		return false
	}
	r.waiting = append(r.waiting, b)
	return true
}

// take returns the oldest backfill that waits, nil if there is none.
func (r *requests) take() *backfillRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return nil
	}
	b := r.waiting[0]
	r.waiting = r.waiting[1:]
	return b
}

// windows is what backfills that wait are to read, and what is about to be closed.
func (r *requests) windows() (waiting, leaving plan.Intervals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.waiting {
		waiting = waiting.Add(b.window)
	}
	for _, b := range r.leaving {
		leaving = leaving.Add(b.window)
	}
	return waiting, leaving
}

// left notes that the window of a cancelled backfill is closed.
func (r *requests) left(b *backfillRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = slices.DeleteFunc(r.leaving, func(other *backfillRequest) bool { return other == b })
}

// clear ends the jobs of all backfills that wait. Their windows stay open and are read as other backfill is.
func (r *requests) clear() {
	for b := r.take(); b != nil; b = r.take() {
		b.job.End(jobs.Cancelled, nil, "")
	}
}

// begin returns a context in which the job runs, and in which it can be cancelled until end is called.
func (r *requests) begin(ctx context.Context, job *jobs.Job) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(jobs.WithJob(ctx, job))
	id := job.ID()
	if id == "" {
		return ctx, func() { cancel(nil) }
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancels == nil {
		r.cancels = map[string]context.CancelCauseFunc{}
	}
	r.cancels[id] = cancel
	return ctx, func() {
		cancel(nil)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.cancels, id)
	}
}

// cancel ends a job. It returns false if the job neither runs nor waits, and the backfill if it did wait.
func (r *requests) cancel(id string) (waiting *backfillRequest, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel := r.cancels[id]; cancel != nil {
		cancel(errCancelled)
		return nil, true
	}
	i := slices.IndexFunc(r.waiting, func(b *backfillRequest) bool { return b.job.ID() == id })
	if i < 0 {
		return nil, false
	}
	waiting = r.waiting[i]
	r.waiting = slices.Delete(r.waiting, i, i+1)
	r.leaving = append(r.leaving, waiting)
	waiting.job.End(jobs.Cancelled, nil, "")
	return waiting, true
}
