// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

// errCancelled is why a job ends that somebody has cancelled in the Job Inspector.
var errCancelled = errors.New("cancelled")

// desk is where the wishes of those who look at the Job Inspector lie.
type desk struct {
	mu     sync.Mutex
	wishes []*wish
	// cancels end the jobs that run, by their IDs.
	cancels map[string]context.CancelCauseFunc
}

func (d *desk) put(w *wish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wishes = append(d.wishes, w)
}

// take returns the oldest wish, nil if there is none.
func (d *desk) take() *wish {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.wishes) == 0 {
		return nil
	}
	w := d.wishes[0]
	d.wishes = d.wishes[1:]
	return w
}

// begin returns a context in which the job runs, and in which it can be cancelled until end is called.
func (d *desk) begin(ctx context.Context, job *jobs.Job) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(jobs.WithJob(ctx, job))
	id := job.ID()
	if id == "" {
		return ctx, func() { cancel(nil) }
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancels == nil {
		d.cancels = map[string]context.CancelCauseFunc{}
	}
	d.cancels[id] = cancel
	return ctx, func() {
		cancel(nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.cancels, id)
	}
}

// cancel ends a job. It returns false if the job neither runs nor waits.
func (d *desk) cancel(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel := d.cancels[id]; cancel != nil {
		cancel(errCancelled)
		return true
	}
	i := slices.IndexFunc(d.wishes, func(w *wish) bool { return w.job.ID() == id && !w.givenUp })
	if i < 0 {
		return false
	}
	d.wishes[i].givenUp = true
	d.wishes[i].job.End(jobs.Cancelled, nil, "")
	return true
}
