// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxJobs is the most jobs that a registry keeps.
	MaxJobs = 100_000
	// sizePerJob times the number of jobs that may be kept is what the ended ones may take up in memory, in bytes.
	sizePerJob = 4 << 10
)

// Registry holds the recorders of the inputs of one inspector, and the inputs.
type Registry struct {
	maxJobs int
	now     func() time.Time

	mu        sync.Mutex
	recorders []*Recorder
	inputs    []*registration
	// all are the jobs of all recorders in the order of their IDs.
	all []*Job
	// size is about what the ended jobs take up in memory, in bytes.
	size int
	// The last ID given had this time, and was the serial-th with it.
	lastTime int64
	serial   int
	// findings are what was found, the latest last.
	findings []Finding
	// closed is true once there are no captures any more.
	closed bool
	// countsAddresses is true if recorders count senders and recipients.
	countsAddresses bool

	// captures are the open captures. The list is replaced, never changed.
	captures atomic.Pointer[[]*Capture]
	// buffered is the size of all records that captures hold, in bytes.
	buffered atomic.Int64
}

type registration struct{ Input }

// NewRegistry returns a registry that keeps at most maxJobs jobs, over all its recorders. A nil now is time.Now.
func NewRegistry(maxJobs int, now func() time.Time) *Registry {
	if now == nil {
		now = time.Now
	}
	return &Registry{maxJobs: min(maxJobs, MaxJobs), now: now}
}

// Open opens the record of an input's jobs, with those that its storage has kept. What is wrong with the storage is a
// warning, not an error.
func (r *Registry) Open(ctx context.Context, o Options) (*Recorder, error) {
	if o.Input == "" || o.TTL <= 0 {
		return nil, errors.New("a record of jobs needs an input and a time to live")
	}
	if o.Now == nil {
		o.Now = r.now
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	rec := &Recorder{options: o, registry: r, series: newSeries(o.TTL), active: map[*Job]struct{}{}, loaded: o.Storage == nil}
	rec.writing, rec.stop = context.WithCancel(context.Background())
	if err := r.addRecorder(rec); err != nil {
		rec.stop()
		return nil, err
	}
	rec.load(ctx)
	return rec, nil
}

func (r *Registry) addRecorder(rec *Recorder) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recorder(rec.options.Input) != nil {
		return fmt.Errorf("the jobs of %s are being recorded already", rec.options.Input)
	}
	if r.countsAddresses {
		rec.top = &top{}
	}
	r.recorders = append(r.recorders, rec)
	return nil
}

// recorder returns the recorder of an input, nil if there is none.
func (r *Registry) recorder(input string) *Recorder {
	i := slices.IndexFunc(r.recorders, func(rec *Recorder) bool { return rec.options.Input == input })
	if i < 0 {
		return nil
	}
	return r.recorders[i]
}

// Register shows an input until release is called.
func (r *Registry) Register(in Input) (release func()) {
	entry := &registration{in}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs = append(r.inputs, entry)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inputs = slices.DeleteFunc(slices.Clone(r.inputs), func(other *registration) bool { return other == entry })
	}
}

// Inputs returns the inputs.
func (r *Registry) Inputs() (inputs []Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, each := range r.inputs {
		inputs = append(inputs, each.Input)
	}
	return inputs
}

// Job returns a job, nil if there is none of that ID.
func (r *Registry) Job(id string) *Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	i, found := r.find(id)
	if !found {
		return nil
	}
	return r.all[i]
}

// snapshot returns all jobs, or those before an ID, in the order of their IDs.
func (r *Registry) snapshot(before string) []*Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	end := len(r.all)
	if before != "" {
		end, _ = r.find(before)
	}
	return slices.Clone(r.all[:end])
}

// Series returns the last minutes, oldest first, the current one last. Of the inputs, nil means all. For minutes = 0 it
// returns as many as the recorders keep.
func (r *Registry) Series(inputs []string, minutes int) (first time.Time, sum []Minute) {
	recorders, now := r.selected(inputs), r.now()
	if minutes == 0 {
		minutes = 1
		for _, rec := range recorders {
			minutes = max(minutes, int(rec.series.length))
		}
	}
	for _, rec := range recorders {
		now = later(now, rec.now())
	}
	from := minuteOf(now) - int64(minutes) + 1
	sum = make([]Minute, minutes)
	for _, rec := range recorders {
		rec.series.addTo(sum, from)
	}
	return time.Unix(from*60, 0).UTC(), sum
}

// selected returns the recorders of inputs, all if inputs is nil.
func (r *Registry) selected(inputs []string) []*Recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.recorders), func(rec *Recorder) bool {
		return inputs != nil && !slices.Contains(inputs, rec.options.Input)
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// The rest of this file is called with the registry locked.

// add adds a new job to a recorder. It returns nil if the registry is full of jobs that have not ended.
func (r *Registry) add(rec *Recorder, record *Record) *Job {
	r.expire()
	if !r.shrink(1) {
		return nil
	}
	record.ID = r.nextID(rec.now())
	j := &Job{recorder: rec, record: *record}
	rec.active[j] = struct{}{}
	r.all = append(r.all, j)
	return j
}

// nextID returns an ID greater than all before it, also where the clock was set back.
func (r *Registry) nextID(now time.Time) string {
	ms := now.UnixMilli()
	r.serial++
	if ms > r.lastTime || r.serial > maxSerial {
		r.lastTime, r.serial = max(ms, r.lastTime+1), 0
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%0*x%04x%s", timeDigits, r.lastTime, r.serial, hex.EncodeToString(random[:]))
}

// find returns where the job of an ID is, or would be.
func (r *Registry) find(id string) (i int, found bool) {
	return slices.BinarySearchFunc(r.all, id, func(j *Job, id string) int { return strings.Compare(j.record.ID, id) })
}

// adopt adds ended jobs of an earlier run, except those that are known.
func (r *Registry) adopt(jobs []*Job) (adopted []*Job) {
	for _, j := range jobs {
		if _, found := r.find(j.record.ID); found {
			continue
		}
		adopted = append(adopted, j)
		r.size += j.size()
		if ms, ok := idTime(j.record.ID); ok && ms > r.lastTime {
			// The next ID is of a later millisecond.
			r.lastTime, r.serial = ms, maxSerial
		}
	}
	r.all = append(r.all, adopted...)
	slices.SortFunc(r.all, func(a, b *Job) int { return strings.Compare(a.record.ID, b.record.ID) })
	return adopted
}

// expire drops the jobs whose time is up.
func (r *Registry) expire() {
	expired := false
	for _, rec := range r.recorders {
		now := rec.now()
		for len(rec.done) > 0 && rec.expired(&rec.done[0].record, now) {
			r.dropFirst(rec)
			expired = true
		}
	}
	if expired {
		r.sweep()
	}
}

// shrink makes room for so many more jobs, and drops jobs until the ended ones take up no more memory than they may. It
// returns false if there is no room.
func (r *Registry) shrink(room int) bool {
	left := len(r.all)
	tooMany := func() bool { return left+room > r.maxJobs || r.size > r.maxJobs*sizePerJob }
	for tooMany() {
		oldest := r.oldest()
		if oldest == nil {
			break
		}
		r.dropFirst(oldest)
		left--
	}
	if left < len(r.all) {
		r.sweep()
	}
	return !tooMany()
}

// oldest is the recorder of the job that ended first; nil if none has ended.
func (r *Registry) oldest() (oldest *Recorder) {
	for _, rec := range r.recorders {
		if len(rec.done) > 0 && (oldest == nil || rec.done[0].record.Finished.Before(oldest.done[0].record.Finished)) {
			oldest = rec
		}
	}
	return oldest
}

// dropFirst drops the job of a recorder that ended first. It must be swept.
func (r *Registry) dropFirst(rec *Recorder) {
	j := rec.done[0]
	rec.done[0] = nil
	rec.done = rec.done[1:]
	j.dropped = true
	r.size -= j.size()
}

// sweep removes what has been dropped from the list.
func (r *Registry) sweep() {
	r.all = slices.DeleteFunc(r.all, func(j *Job) bool { return j.dropped })
}
