// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/sealed"
)

// Storage clients cannot list their keys. So the ended jobs of a recorder lie in numbered slots, in the order in which they
// ended, and a small record, the index, names the slots in use. There are more slots than jobs may be kept, and they
// are used round and round, so that what a damaged index leaves behind is overwritten in time.

const (
	storeFormat = 1
	slots       = 1 << 17
	indexKey    = "index"
	// storeTimeout bounds one operation of the storage.
	storeTimeout = 10 * time.Second
	// maxWrite and maxRead are the most jobs that are written or read at once.
	maxWrite = 64
	maxRead  = 256
)

type storedIndex struct {
	Format int    `json:"v"`
	First  uint64 `json:"first"`
	Next   uint64 `json:"next"`
}

type storedJob struct {
	Format int `json:"v"`
	Record
	Log     []Line `json:"log,omitempty"`
	Written int    `json:"log_written,omitempty"`
}

func slotKey(n uint64) string { return "job/" + strconv.FormatUint(n%slots, 10) }

// safely calls the storage. A panic in it, as of a damaged database, is an error: the record of jobs is no reason to end
// the collector.
func safely(ctx context.Context, call func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the storage panicked: %v", p)
		}
	}()
	return call(ctx)
}

// load reads the stored jobs. If it fails, it is tried again before the next write.
func (rec *Recorder) load(ctx context.Context) {
	if rec.loaded {
		return
	}
	if err := rec.tryLoad(ctx); err != nil {
		rec.note(fmt.Errorf("cannot be read: %w", err))
	}
}

func (rec *Recorder) tryLoad(ctx context.Context) error {
	index, err := rec.readIndex(ctx)
	if err != nil {
		return err
	}
	most := uint64(rec.registry.maxJobs) //nolint:gosec // a count
	first := index.Next - min(most, index.Next-index.First)
	var stored []*Job
	damaged := 0
	for from := first; from < index.Next; from += maxRead {
		jobs, bad, err := rec.readSlots(ctx, from, min(from+maxRead, index.Next))
		if err != nil {
			return err
		}
		stored = append(stored, jobs...)
		damaged += bad
	}
	if damaged > 0 {
		rec.options.Warn(fmt.Sprintf("%d stored records of jobs are damaged and have been dropped; mail is not affected", damaged))
	}
	rec.adopt(index, stored)
	return nil
}

// readIndex reads the index. A damaged one is like none.
func (rec *Recorder) readIndex(ctx context.Context) (index storedIndex, err error) {
	var stored []byte
	err = safely(ctx, func(ctx context.Context) (err error) {
		stored, err = rec.options.Storage.Get(ctx, indexKey)
		return err
	})
	if err != nil || stored == nil {
		return storedIndex{}, err
	}
	if sealed.Open(stored, &index) != nil || index.Format != storeFormat || index.Next < index.First || index.Next-index.First > slots {
		rec.options.Warn("the stored record of jobs is damaged or of another version; the Job Inspector starts without earlier jobs, " +
			"and mail is not affected")
		return storedIndex{}, nil
	}
	return index, nil
}

func (rec *Recorder) readSlots(ctx context.Context, from, to uint64) (jobs []*Job, damaged int, err error) {
	ops := make([]*storage.Operation, 0, to-from)
	for n := from; n < to; n++ {
		ops = append(ops, storage.GetOperation(slotKey(n)))
	}
	err = safely(ctx, func(ctx context.Context) error { return rec.options.Storage.Batch(ctx, ops...) })
	if err != nil {
		return nil, 0, err
	}
	for i, op := range ops {
		if j := rec.decode(op.Value); j != nil {
			j.slot, j.saved = from+uint64(i), true
			jobs = append(jobs, j)
		} else {
			damaged++
		}
	}
	return jobs, damaged, nil
}

// decode returns a stored job, nil if it is damaged.
func (rec *Recorder) decode(stored []byte) *Job {
	var s storedJob
	if sealed.Open(stored, &s) != nil || s.Format != storeFormat || !s.State.Ended() {
		return nil
	}
	if _, ok := idTime(s.ID); !ok {
		return nil
	}
	s.Input = rec.options.Input
	j := &Job{recorder: rec, record: s.Record}
	j.log.written = s.Written - len(s.Log)
	for _, line := range s.Log {
		j.log.add(line)
	}
	return j
}

func (j *Job) encode() []byte {
	return sealed.Seal(storedJob{Format: storeFormat, Record: j.record, Log: j.log.lines, Written: j.log.written})
}

// adopt adds stored jobs to the record, those whose time is up left out.
func (rec *Recorder) adopt(index storedIndex, stored []*Job) {
	r := rec.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	now := rec.now()
	stored = r.adopt(slices.DeleteFunc(stored, func(j *Job) bool { return rec.expired(&j.record, now) }))
	for _, j := range stored {
		rec.series.add(j.record.Finished, ending(j.record.State))
		rec.series.add(j.record.Finished, Minute{
			RowsReceived:  j.record.Rows.Received(),
			RowsAccepted:  j.record.Rows.Accepted,
			BytesReceived: j.record.Bytes,
			BytesAccepted: j.record.BytesAccepted,
			Breakdown:     j.record.Breakdown,
		})
	}
	rec.done = append(stored, rec.done...)
	rec.first, rec.next, rec.loaded = index.First, index.Next, true
	r.shrink(0)
}

// note warns when the storage begins to fail, and remembers the outcome.
func (rec *Recorder) note(err error) {
	rec.registry.mu.Lock()
	before := rec.failure
	rec.failure = err
	rec.registry.mu.Unlock()
	if err != nil && before == nil {
		rec.options.Warn("the record of jobs in the storage " + err.Error() +
			"; collection goes on, and jobs that have ended may not survive a restart")
	}
}

// startWriter has everything written that is not stored yet, unless that goes on already. The registry is locked. What is
// returned is closed when there is nothing left to write or a write has failed; nil means that there is nothing.
func (rec *Recorder) startWriter() (done <-chan struct{}) {
	if rec.writer == nil && rec.options.Storage != nil && !rec.closed {
		rec.writer = make(chan struct{})
		go rec.writeAll()
	}
	return rec.writer
}

// Flush stores what is not yet stored. It waits as long as ctx allows.
func (rec *Recorder) Flush(ctx context.Context) error {
	if rec == nil {
		return nil
	}
	rec.registry.mu.Lock()
	done := rec.startWriter()
	rec.registry.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("the record of jobs was not stored in time: %w", ctx.Err())
	}
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	return rec.failure
}

// writeAll writes until nothing is left to write or a write fails.
func (rec *Recorder) writeAll() {
	ctx := rec.writing
	for {
		err := rec.loadLate(ctx)
		if err == nil {
			batch := rec.nextBatch()
			if batch == nil {
				return
			}
			err = safely(ctx, func(ctx context.Context) error { return rec.options.Storage.Batch(ctx, batch.ops...) })
			rec.wrote(batch, err)
		}
		if err != nil {
			rec.note(fmt.Errorf("cannot be written: %w", err))
			rec.stopWriter()
			return
		}
		rec.note(nil)
	}
}

// loadLate reads the stored jobs if that has failed so far, so that they are not overwritten.
func (rec *Recorder) loadLate(ctx context.Context) error {
	rec.registry.mu.Lock()
	loaded := rec.loaded
	rec.registry.mu.Unlock()
	if loaded {
		return nil
	}
	return rec.tryLoad(ctx)
}

func (rec *Recorder) stopWriter() {
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	close(rec.writer)
	rec.writer = nil
}

// batch is what is written at once: jobs to the slots from next on, while those from first on stay in use.
type batch struct {
	jobs        []*Job
	first, next uint64
	ops         []*storage.Operation
}

// nextBatch returns the next batch to write. If there is none it returns nil, and the writer has ended.
func (rec *Recorder) nextBatch() *batch {
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	stored := slices.IndexFunc(rec.done, func(j *Job) bool { return !j.saved })
	if stored < 0 {
		stored = len(rec.done)
	}
	w := &batch{jobs: slices.Clone(rec.done[stored:min(stored+maxWrite, len(rec.done))]), first: rec.next, next: rec.next}
	if stored > 0 {
		w.first = rec.done[0].slot
	}
	if rec.closed || len(w.jobs) == 0 && w.first == rec.first {
		close(rec.writer)
		rec.writer = nil
		return nil
	}
	for n := rec.first; n < w.first; n++ {
		w.ops = append(w.ops, storage.DeleteOperation(slotKey(n)))
	}
	for _, j := range w.jobs {
		w.ops = append(w.ops, storage.SetOperation(slotKey(w.next), j.encode()))
		w.next++
	}
	w.ops = append(w.ops, storage.SetOperation(indexKey, sealed.Seal(storedIndex{Format: storeFormat, First: w.first, Next: w.next})))
	return w
}

// wrote notes the outcome of a write.
func (rec *Recorder) wrote(w *batch, err error) {
	if err != nil {
		return
	}
	rec.registry.mu.Lock()
	defer rec.registry.mu.Unlock()
	for i, j := range w.jobs {
		j.slot, j.saved = rec.next+uint64(i), true
	}
	rec.first, rec.next = w.first, w.next
}
