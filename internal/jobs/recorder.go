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

// Options are those of a Recorder.
type Options struct {
	// Input is the component ID of the receiver whose jobs are recorded, Tags are its tags.
	Input string
	Tags  []string
	// Config is the configuration of the receiver without secrets, which the inspector shows. It must be JSON.
	Config map[string]any
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
	// top is nil if senders and recipients are not counted.
	top *top

	// The registry's lock guards what follows.

	// active are the jobs that have not ended.
	active map[*Job]struct{}
	// done are the others in the order in which they ended. Those that are stored come first.
	done []*Job
	// loaded is true once the stored jobs are in done.
	loaded bool
	// The storage holds jobs in the slots from first up to, but without, next.
	first, next uint64
	// writer is closed when the writing that goes on now has ended; nil if nothing is being written.
	writer chan struct{}
	// failure is why the last write failed, nil if it did not.
	failure error
	// closed is true once nothing is recorded any more.
	closed bool
	// writing ends all writes with Close.
	writing context.Context //nolint:containedctx // a write outlives whatever asked for it
	stop    context.CancelFunc
}

func (rec *Recorder) now() time.Time { return rec.options.Now().UTC() }

// expired reports whether the job has been listed for long enough. A job that will have ended in the future, by a clock that was
// set back since, is treated as one that long past.
func (rec *Recorder) expired(r *Record, now time.Time) bool {
	return now.Sub(r.Finished).Abs() >= rec.options.TTL
}

// Schedule records a job that waits for its turn. The result is nil if as many jobs as may be kept are running or scheduled.
func (rec *Recorder) Schedule(lane trace.Lane, w trace.Window) *Job {
	if rec == nil {
		return nil
	}
	return rec.add(&Record{State: Scheduled, Lane: lane, Window: w})
}

func (rec *Recorder) add(record *Record) *Job {
	record.Input = rec.options.Input
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	if rec.closed {
		return nil
	}
	return rec.registry.add(rec, record)
}

// ended moves a job to those that have ended, and has it stored in the background.
func (rec *Recorder) ended(j *Job) {
	r := rec.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(rec.active, j)
	if rec.closed {
		return
	}
	rec.done = append(rec.done, j)
	r.size += j.size()
	r.shrink(0)
	rec.startWriter()
}

// Active is the number of jobs in a state that is not final.
func (rec *Recorder) Active(state State) (n int) {
	if rec == nil {
		return 0
	}
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	for j := range rec.active {
		if j.Record().State == state {
			n++
		}
	}
	return n
}

// Waiting is the number of jobs that wait, by what they wait for. Reasons without a job are left out.
func (rec *Recorder) Waiting() map[Reason]int {
	waiting := map[Reason]int{}
	if rec == nil {
		return waiting
	}
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	for j := range rec.active {
		if record := j.Record(); record.State == Waiting {
			waiting[record.WaitingFor]++
		}
	}
	return waiting
}

// Input is the component ID of the receiver, "" for a nil Recorder.
func (rec *Recorder) Input() string {
	if rec == nil {
		return ""
	}
	return rec.options.Input
}

// Config is the configuration of the receiver without secrets. It must not be changed.
func (rec *Recorder) Config() map[string]any {
	if rec == nil {
		return nil
	}
	return rec.options.Config
}

// Tagged reports whether the receiver has a tag.
func (rec *Recorder) Tagged(tag string) bool {
	return rec != nil && slices.Contains(rec.options.Tags, tag)
}

// RowsAccepted is the number of rows accepted within the time for which jobs are kept, at most a week.
func (rec *Recorder) RowsAccepted() int {
	if rec == nil {
		return 0
	}
	return rec.series.since(minuteOf(rec.now()) - rec.series.length + 1).RowsAccepted
}

// Close stores what is not yet stored and forgets the jobs. Jobs of the recorder record nothing from then on that is shown.
func (rec *Recorder) Close(ctx context.Context) error {
	if rec == nil {
		return nil
	}
	err := rec.Flush(ctx)
	rec.stop()
	r := rec.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.closed {
		return err
	}
	rec.closed = true
	for j := range rec.active {
		j.dropped = true
	}
	clear(rec.active)
	for len(rec.done) > 0 {
		r.dropFirst(rec)
	}
	r.sweep()
	r.recorders = slices.DeleteFunc(slices.Clone(r.recorders), func(other *Recorder) bool { return other == rec })
	return err
}
