// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger remembers what has been read and what has been delivered, in a storage client of the collector. What is
// written together is written in one batch, so that a crash leaves the ledger as it was before or after, never between.
//
// Storage clients cannot list their keys and cannot append. So one small record, the position, holds the state of the
// plan and an index of the buckets; a bucket holds the delivered rows of a stretch of received time as one or more
// entries, each written once.
package ledger

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// maxVersions is the most records that are delivered of one row, so that a status that swings to and fro cannot go on
// for ever.
const maxVersions = 8

// commitTimeout bounds one write, and lastCommitTimeout one at shutdown. A write is finished even if what asked for it has
// been cancelled meanwhile.
const (
	commitTimeout     = 10 * time.Second
	lastCommitTimeout = 200 * time.Millisecond
)

// StorageError is a storage that cannot be read or written.
type StorageError struct {
	// Doing is what could not be done.
	Doing string
	Err   error
	// Step is how to move away what is stored; it may be empty.
	Step trouble.Step
}

func (e *StorageError) Error() string { return "cannot " + e.Doing + ": " + e.Err.Error() }

func (e *StorageError) Unwrap() error { return e.Err }

// Scope returns what the error is about.
func (e *StorageError) Scope() trouble.Scope { return trouble.Storage }

// Hint names the key behind the error.
func (e *StorageError) Hint() string {
	return "see that the extension named in storage can read and write: free space, permissions, no second collector on the same " +
		"directory, no damaged file"
}

// NextStep returns how to move away a storage that cannot be opened.
func (e *StorageError) NextStep() trouble.Step { return e.Step }

func unreadable(err error) error { return &StorageError{Doing: "read from the storage", Err: err} }

// Row is one version of a row: the row with the status that it has for now.
type Row struct {
	Received time.Time
	Key      trace.Key
	Status   trace.Status
	// Stray reports whether nobody asked for mail received then, so that what was delivered of it may have been forgotten.
	// Such rows are remembered by their keys alone.
	Stray bool
}

// Options selects whose ledger to open.
type Options struct {
	// Client stores the ledger. It is not closed with it.
	Client storage.Client
	// Tenant is what the ledger is bound to. Another tenant's is left alone.
	Tenant string
	// Warn is called with what the user should know about the stored state.
	Warn func(message string)
	// Stamps returns when requests were sent within the last interval of the rate limit. They are stored with the
	// position; nil stores none.
	Stamps func() []time.Time
	// MoveAway is how to move away what is stored, for whoever has to start over; it may be empty.
	MoveAway trouble.Step
	// Fenced has each batch marked while it is in hand, so that a second owner repeats nothing of it: for pollers of which one
	// at a time is elected. It costs a write for each batch, and Open may take three seconds.
	Fenced bool
	// Details says how details are remembered; nil means that nobody asks for any.
	Details *DetailOptions
}

// Ledger is what one receiver has read and delivered. It is not safe for concurrent use, but for Pin.
type Ledger struct {
	Options
	state    plan.State
	secret   identity.Secret
	stamps   []time.Time
	statuses statuses
	buckets  map[int64]*bucket
	// order is the numbers of the buckets, ascending; nil after one has come or gone.
	order []int64
	// unsaved are the numbers of the buckets that changed since the last commit, loaded those that are in memory.
	unsaved map[int64]bool
	loaded  []int64
	// spare is the table of a bucket that is no longer loaded, for the next one.
	spare *table
	// prefix begins the keys of all records of this tenant.
	prefix string
	// garbage deletes entries that nothing refers to any more.
	garbage []*storage.Operation
	// uses counts the uses of buckets, to tell which one was used last.
	uses int64
	// changed reports whether the position differs from the stored one, and moved whether the plan does.
	changed, moved bool
	// unbound reports whether the storage does not name the tenant yet.
	unbound bool
	// pins are the windows of running jobs, whose buckets stay.
	pins pins
	// token tells this owner from others. claimed reports whether it is stored, taken whether another one has been seen, and
	// inHand whether a batch is marked.
	token                  string
	claimed, taken, inHand bool
	// inquiries are the rows whose details are asked for; nil if nobody asks for any.
	inquiries    *inquiries
	detailStamps []time.Time
}

// Open reads the ledger. It is the caller's from the first commit on, with Fenced at once. A position that is damaged is an
// error of type *DamagedError.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	l := &Ledger{Options: o, secret: identity.NewSecret(), token: newToken(), buckets: map[int64]*bucket{}, unsaved: map[int64]bool{}}
	if err := l.bind(ctx); err != nil {
		return nil, err
	}
	if l.Fenced {
		if err := l.claim(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.loadPosition(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// KeyOf returns the key that the row is remembered by.
func (l *Ledger) KeyOf(r *trace.Row) trace.Key { return l.secret.KeyOf(r) }

// State returns what the plan has to remember.
func (l *Ledger) State() plan.State { return l.state }

// SetState replaces what the plan has to remember. It is stored with the next commit.
func (l *Ledger) SetState(s plan.State) {
	l.state = s
	l.changed, l.moved = true, true
}

// SavedStamps returns the stamps that were stored when the ledger was opened.
func (l *Ledger) SavedStamps() []time.Time { return l.stamps }

// Rows is the number of rows that are remembered.
func (l *Ledger) Rows() (n int) {
	for _, b := range l.buckets {
		n += b.count
	}
	return n
}

// OldestKnown is the instant since which all rows that were delivered are remembered. Of older mail some may still be: its
// buckets are dropped one by one, as they are settled.
func (l *Ledger) OldestKnown() time.Time {
	oldest := l.state.Head
	for _, each := range l.state.Served {
		if each.UpTo.Before(oldest) {
			oldest = each.UpTo
		}
	}
	return oldest
}

// Remembered is the part of a window whose delivered rows are remembered.
func (l *Ledger) Remembered(w trace.Window) (all plan.Intervals) {
	all = all.Add(w).Within(trace.Window{Start: l.OldestKnown(), End: l.state.Head})
	for index := range l.buckets {
		if index != timeless {
			start := startOf(index)
			all = all.Union(plan.Intervals{w}.Within(trace.Window{Start: start, End: start.Add(bucketLength)}))
		}
	}
	return all
}

// Pin keeps the buckets of a window, whatever becomes of the state, until unpin is called: a job may be sent a row once more
// as long as it runs. It may be called while the ledger is in use.
func (l *Ledger) Pin(w trace.Window) (unpin func()) { return l.pins.put(w) }

// IsNew reports whether the version of the row is to be delivered, and which status of the row was delivered last: none if
// the row itself is new. A status that falls back to what comes before a message's fate is known is not new. An error
// means that the storage could not be read.
func (l *Ledger) IsNew(ctx context.Context, r Row) (isNew bool, previous trace.Status, err error) {
	last, known, err := l.last(ctx, bucketOf(r.Received), &r.Key)
	if err == nil && !known {
		// It may have come as a stray before.
		last, known, err = l.last(ctx, timeless, &r.Key)
	}
	if err != nil || !known {
		return err == nil, "", err
	}
	if previous = l.statuses.text(last.status); previous == r.Status && last.status != manyStatuses {
		return false, previous, nil
	}
	isNew = l.statuses.code(r.Status) != last.status && progress(r.Status) >= progress(previous) && last.count < maxVersions
	return isNew, previous, nil
}

// last returns what was delivered last of a row that is remembered in a bucket.
func (l *Ledger) last(ctx context.Context, index int64, k *trace.Key) (v version, known bool, err error) {
	b := l.buckets[index]
	if b == nil {
		return v, false, nil
	}
	if err := l.use(ctx, index, b); err != nil {
		return v, false, err
	}
	v, known = b.rows.get(*k)
	return v, known, nil
}

// bucketFor returns the bucket that a row is remembered in. A stray is where its own bucket knows it.
func (l *Ledger) bucketFor(ctx context.Context, r *Row) (int64, error) {
	own := bucketOf(r.Received)
	if !r.Stray {
		return own, nil
	}
	if _, known, err := l.last(ctx, own, &r.Key); known || err != nil {
		return own, err
	}
	return timeless, nil
}

// Remember notes versions as delivered, each of which was new. They are stored with the next commit.
func (l *Ledger) Remember(ctx context.Context, rows []Row) error {
	for i := range rows {
		r := &rows[i]
		index, err := l.bucketFor(ctx, r)
		if err != nil {
			return err
		}
		b := l.buckets[index]
		if b == nil {
			b = &bucket{rows: l.newRows(0)}
			l.buckets[index], l.order = b, nil
			l.loaded = append(l.loaded, index)
		}
		l.bound(index, b)
		if err := l.use(ctx, index, b); err != nil {
			return err
		}
		b.put(&r.Key, l.statuses.code(r.Status))
		l.unsaved[index] = true
	}
	return nil
}

// Commit stores everything that has changed, in one batch. After an error nothing is lost: it is stored with the next
// commit. Once another owner has the ledger, nothing is stored any more, and the error is a *TakenError.
func (l *Ledger) Commit(ctx context.Context) error {
	asked := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	stop := context.AfterFunc(asked, func() { time.AfterFunc(lastCommitTimeout, cancel) })
	defer stop()
	l.forget()
	var ops []*storage.Operation
	written := slices.Sorted(maps.Keys(l.unsaved))
	for _, index := range written {
		ops = append(ops, l.buckets[index].write(l.bucketKey(index))...)
		l.changed = true
	}
	details := l.writeInquiries()
	if !l.changed && !l.inHand && len(details) == 0 {
		return nil
	}
	if err := l.check(ctx); err != nil {
		return err
	}
	if !l.claimed {
		ops = append(ops, l.setOwner())
	}
	if l.inHand {
		ops = append(ops, storage.DeleteOperation(l.handKey(l.token)))
	}
	// The garbage first: a bucket may have come again under the keys of one that was dropped.
	ops = append(append(append(slices.Clone(l.garbage), ops...), details...), storage.SetOperation(l.key("position"), l.encodePosition()))
	if l.unbound {
		ops = append(ops, storage.SetOperation(tenantKey, []byte(l.Tenant)))
	}
	if err := l.Client.Batch(ctx, ops...); err != nil {
		return &StorageError{Doing: "write to the storage", Err: err}
	}
	l.unbound, l.claimed = false, true
	for _, index := range written {
		l.buckets[index].saved()
	}
	clear(l.unsaved)
	l.wroteInquiries()
	l.changed, l.inHand, l.garbage = false, false, nil
	l.unload()
	return nil
}

// forget drops the buckets that no window can bring again.
func (l *Ledger) forget() {
	if !l.moved && len(l.unsaved) == 0 {
		return
	}
	if l.moved {
		l.forgetInquiries()
	}
	l.moved = false
	for index, b := range l.buckets {
		if index != timeless && l.pins.touch(within(index)) || mayComeAgain(l.state, index) {
			continue
		}
		l.garbage = append(l.garbage, b.remove(l.bucketKey(index))...)
		delete(l.buckets, index)
		delete(l.unsaved, index)
		l.order, l.changed = nil, true
	}
}

// progress orders the statuses by what a message goes through before its fate is known.
func progress(s trace.Status) int {
	switch s {
	case trace.GettingStatus:
		return 0
	case trace.Pending:
		return 1
	}
	return 2
}
