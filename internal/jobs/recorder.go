// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Options says whose jobs a Recorder records.
type Options struct {
	// Input is the component ID of the receiver.
	Input string
	// TTL is how long an ended job stays listed, greater than 0.
	TTL time.Duration
	// Storage keeps ended jobs over restarts; nil means in memory only. All its keys are the recorder's. The recorder does not
	// close it.
	Storage storage.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Warn is called with what the user should know about the storage; nil means that nobody wants to know.
	Warn func(message string)
}

// Recorder records the jobs of one input. All methods may be called at the same time, and on a nil Recorder, which records nothing.
type Recorder struct {
	options  Options
	registry *Registry
	series   *series

	// The registry's lock guards what follows.

	// active are the jobs that have not ended.
	active map[*Job]struct{}
	// done are the others in the order in which they ended. Those that are stored come first.
	done []*Job
	// loaded says that the stored jobs are in done.
	loaded bool
	// The storage holds jobs in the slots from first up to, but without, next.
	first, next uint64
	// writer is closed when the writing that goes on now has ended; nil if nothing is being written.
	writer chan struct{}
	// failure is why the last write failed, nil if it did not.
	failure error
	// closed says that nothing is recorded any more.
	closed bool
	// writing ends all writes with Close.
	writing context.Context //nolint:containedctx // a write outlives whatever asked for it
	stop    context.CancelFunc
}

func (b *Recorder) now() time.Time { return b.options.Now().UTC() }

// expired says that the job has been listed for long enough. A job that will have ended in the future, by a clock that was
// set back since, is treated as one that long past.
func (b *Recorder) expired(r *Record, now time.Time) bool {
	return now.Sub(r.Finished).Abs() >= b.options.TTL
}

// Schedule records a job that waits for its turn. The result is nil if as many jobs as may be kept are running or scheduled.
func (b *Recorder) Schedule(lane trace.Lane, w trace.Window) *Job {
	if b == nil {
		return nil
	}
	return b.add(&Record{State: Scheduled, Lane: lane, Window: w})
}

func (b *Recorder) add(record *Record) *Job {
	record.Input = b.options.Input
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	if b.closed {
		return nil
	}
	return b.registry.add(b, record)
}

// ended moves a job to those that have ended, and has it stored in the background.
func (b *Recorder) ended(j *Job) {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(b.active, j)
	if b.closed {
		return
	}
	b.done = append(b.done, j)
	r.size += j.size()
	r.shrink(0)
	b.startWriter()
}

// Running is the number of jobs that run now.
func (b *Recorder) Running() (n int) {
	if b == nil {
		return 0
	}
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	for j := range b.active {
		if j.Record().State == Running {
			n++
		}
	}
	return n
}

// RowsAccepted is the number of rows accepted within the time for which jobs are kept, at most a week.
func (b *Recorder) RowsAccepted() int {
	if b == nil {
		return 0
	}
	return b.series.since(minuteOf(b.now()) - b.series.length + 1).RowsAccepted
}

// Close stores what is not yet stored and forgets the jobs. Jobs of the recorder record nothing from then on that is shown.
func (b *Recorder) Close(ctx context.Context) error {
	if b == nil {
		return nil
	}
	err := b.Flush(ctx)
	b.stop()
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.closed {
		return err
	}
	b.closed = true
	for j := range b.active {
		j.dropped = true
	}
	clear(b.active)
	for len(b.done) > 0 {
		r.dropFirst(b)
	}
	r.sweep()
	r.recorders = slices.DeleteFunc(slices.Clone(r.recorders), func(other *Recorder) bool { return other == b })
	return err
}
