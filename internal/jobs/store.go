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
// ended, and a small record, the index, says which slots are in use. There are more slots than jobs may be kept, and they
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
func (b *Recorder) load(ctx context.Context) {
	if b.loaded {
		return
	}
	if err := b.tryLoad(ctx); err != nil {
		b.note(fmt.Errorf("cannot be read: %w", err))
	}
}

func (b *Recorder) tryLoad(ctx context.Context) error {
	index, err := b.readIndex(ctx)
	if err != nil {
		return err
	}
	most := uint64(b.registry.maxJobs) //nolint:gosec // a count
	first := index.Next - min(most, index.Next-index.First)
	var stored []*Job
	damaged := 0
	for from := first; from < index.Next; from += maxRead {
		jobs, bad, err := b.readSlots(ctx, from, min(from+maxRead, index.Next))
		if err != nil {
			return err
		}
		stored = append(stored, jobs...)
		damaged += bad
	}
	if damaged > 0 {
		b.options.Warn(fmt.Sprintf("%d stored records of jobs are damaged and have been dropped; mail is not affected", damaged))
	}
	b.adopt(index, stored)
	return nil
}

// readIndex reads the index. A damaged one is like none.
func (b *Recorder) readIndex(ctx context.Context) (index storedIndex, err error) {
	var stored []byte
	err = safely(ctx, func(ctx context.Context) (err error) {
		stored, err = b.options.Storage.Get(ctx, indexKey)
		return err
	})
	if err != nil || stored == nil {
		return storedIndex{}, err
	}
	if sealed.Open(stored, &index) != nil || index.Format != storeFormat || index.Next < index.First || index.Next-index.First > slots {
		b.options.Warn("the stored record of jobs is damaged or of another version: it begins anew; mail is not affected")
		return storedIndex{}, nil
	}
	return index, nil
}

func (b *Recorder) readSlots(ctx context.Context, from, to uint64) (jobs []*Job, damaged int, err error) {
	ops := make([]*storage.Operation, 0, to-from)
	for n := from; n < to; n++ {
		ops = append(ops, storage.GetOperation(slotKey(n)))
	}
	err = safely(ctx, func(ctx context.Context) error { return b.options.Storage.Batch(ctx, ops...) })
	if err != nil {
		return nil, 0, err
	}
	for i, op := range ops {
		if j := b.decode(op.Value); j != nil {
			j.slot, j.saved = from+uint64(i), true
			jobs = append(jobs, j)
		} else {
			damaged++
		}
	}
	return jobs, damaged, nil
}

// decode returns a stored job, nil if it is damaged.
func (b *Recorder) decode(stored []byte) *Job {
	var s storedJob
	if sealed.Open(stored, &s) != nil || s.Format != storeFormat || !s.State.Ended() {
		return nil
	}
	if _, ok := idTime(s.ID); !ok {
		return nil
	}
	s.Input = b.options.Input
	j := &Job{recorder: b, record: s.Record}
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
func (b *Recorder) adopt(index storedIndex, stored []*Job) {
	r := b.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	now := b.now()
	stored = r.adopt(slices.DeleteFunc(stored, func(j *Job) bool { return b.expired(&j.record, now) }))
	for _, j := range stored {
		b.series.add(j.record.Finished, ending(j.record.State))
		b.series.add(j.record.Finished, Minute{
			RowsReceived:  j.record.Rows.Received(),
			RowsAccepted:  j.record.Rows.Accepted,
			BytesReceived: j.record.Bytes,
			BytesAccepted: j.record.BytesAccepted,
		})
	}
	b.done = append(stored, b.done...)
	b.first, b.next, b.loaded = index.First, index.Next, true
	r.shrink(0)
}

// note tells the user when the storage begins to fail, and remembers the outcome.
func (b *Recorder) note(err error) {
	b.registry.mu.Lock()
	before := b.failure
	b.failure = err
	b.registry.mu.Unlock()
	if err != nil && before == nil {
		b.options.Warn("the record of jobs in the storage " + err.Error() +
			"; collection goes on, and jobs that have ended may not survive a restart")
	}
}

// startWriter has everything written that is not stored yet, unless that goes on already. The registry is locked. What is
// returned is closed when there is nothing left to write or a write has failed; nil means that there is nothing.
func (b *Recorder) startWriter() (done <-chan struct{}) {
	if b.writer == nil && b.options.Storage != nil && !b.closed {
		b.writer = make(chan struct{})
		go b.writeAll()
	}
	return b.writer
}

// Flush stores what is not yet stored. It waits as long as ctx allows.
func (b *Recorder) Flush(ctx context.Context) error {
	if b == nil {
		return nil
	}
	b.registry.mu.Lock()
	done := b.startWriter()
	b.registry.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("the record of jobs was not stored in time: %w", ctx.Err())
	}
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	return b.failure
}

// writeAll writes until nothing is left to write or a write fails.
func (b *Recorder) writeAll() {
	ctx := b.writing
	for {
		err := b.loadLate(ctx)
		if err == nil {
			batch := b.nextBatch()
			if batch == nil {
				return
			}
			err = safely(ctx, func(ctx context.Context) error { return b.options.Storage.Batch(ctx, batch.ops...) })
			b.wrote(batch, err)
		}
		if err != nil {
			b.note(fmt.Errorf("cannot be written: %w", err))
			b.stopWriter()
			return
		}
		b.note(nil)
	}
}

// loadLate reads the stored jobs if that has failed so far, so that they are not overwritten.
func (b *Recorder) loadLate(ctx context.Context) error {
	b.registry.mu.Lock()
	loaded := b.loaded
	b.registry.mu.Unlock()
	if loaded {
		return nil
	}
	return b.tryLoad(ctx)
}

func (b *Recorder) stopWriter() {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	close(b.writer)
	b.writer = nil
}

// batch is what is written at once: jobs to the slots from next on, while those from first on stay in use.
type batch struct {
	jobs        []*Job
	first, next uint64
	ops         []*storage.Operation
}

// nextBatch returns what is to be written next; nil, and the writer has ended, if there is nothing.
func (b *Recorder) nextBatch() *batch {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	stored := slices.IndexFunc(b.done, func(j *Job) bool { return !j.saved })
	if stored < 0 {
		stored = len(b.done)
	}
	w := &batch{jobs: slices.Clone(b.done[stored:min(stored+maxWrite, len(b.done))]), first: b.next, next: b.next}
	if stored > 0 {
		w.first = b.done[0].slot
	}
	if b.closed || len(w.jobs) == 0 && w.first == b.first {
		close(b.writer)
		b.writer = nil
		return nil
	}
	for n := b.first; n < w.first; n++ {
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
func (b *Recorder) wrote(w *batch, err error) {
	if err != nil {
		return
	}
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	for i, j := range w.jobs {
		j.slot, j.saved = b.next+uint64(i), true
	}
	b.first, b.next = w.first, w.next
}
