// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"container/heap"
	"context"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/sealed"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Inquiry is a row whose details are to be asked for, or have been.
type Inquiry struct {
	Key trace.Key
	// ID, Recipient and Sender are those of the row until there is nothing more to ask for.
	ID, Recipient, Sender string    `json:",omitempty"`
	Received              time.Time `json:",omitzero"`
	// Status is the status that the details are to explain.
	Status trace.Status `json:",omitempty"`
	// Due is when they are to be asked for, zero if they are not.
	Due time.Time `json:",omitzero"`
	// Asked is how often they have been asked for in vain since the row has the status.
	Asked int `json:",omitempty"`
	// Told are the records that have been delivered of the row, each by a hash.
	Told []uint64 `json:",omitempty"`

	segment uint64
	// at is where it is in its heap.
	at int
}

// HasTold reports whether a record has been delivered.
func (i *Inquiry) HasTold(record uint64) bool { return slices.Contains(i.Told, record) }

const (
	// DefaultInquiries is how many rows wait for their details at most. What does not fit is given up, the oldest mail first.
	DefaultInquiries = 10_000
	// segmentLength is how many inquiries are stored together, so that a change of one rewrites no more than those.
	segmentLength = 64
	// maxTold is how many records are remembered of one row. Rows have about ten.
	maxTold = 1000
)

// DetailOptions says how details are remembered.
type DetailOptions struct {
	// Most is how many rows may wait for their details, and how many others are remembered, 0 for DefaultInquiries.
	Most int
	// Stamps returns when details were asked for within the last interval. They are stored as those of pages are.
	Stamps func() []time.Time
}

// inquiries are the rows whose details are to be asked for, and those whose details have been delivered as long as another status
// of them may come. They are stored in segments, which are rewritten whenever one of their inquiries changes.
type inquiries struct {
	most int
	all  map[trace.Key]*Inquiry
	// waiting are those that are due some day, and settled the others.
	waiting, settled byAge
	// segments are the inquiries of each segment that is stored or to be, and last is the one that new ones are put in.
	segments map[uint64][]*Inquiry
	last     uint64
	// changed are the segments that are not stored as they are.
	changed map[uint64]bool
}

// byAge is a heap of inquiries, that of the oldest mail first.
type byAge []*Inquiry

func (h byAge) Len() int           { return len(h) }
func (h byAge) Less(i, j int) bool { return h[i].Received.Before(h[j].Received) }
func (h byAge) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *byAge) Push(x any) {
	i := x.(*Inquiry) //nolint:forcetypeassert // nothing else is pushed
	i.at = len(*h)
	*h = append(*h, i)
}

// Pop implements heap.Interface.
func (h *byAge) Pop() any {
	n := len(*h) - 1
	last := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	return last
}

// heapOf returns the heap that an inquiry belongs into.
func (q *inquiries) heapOf(i *Inquiry) *byAge {
	if i.Due.IsZero() {
		return &q.settled
	}
	return &q.waiting
}

// storedInquiries is what the position says of them.
type storedInquiries struct {
	Segments []uint64 `json:"segments"`
	// Stamps are in nanoseconds since 1970.
	Stamps []int64 `json:"stamps,omitempty"`
}

// loadInquiries reads the inquiries of the segments. Without details, what is stored of them is dropped.
func (l *Ledger) loadInquiries(ctx context.Context, stored *storedInquiries) error {
	if stored == nil {
		stored = &storedInquiries{}
	}
	segments := stored.Segments[:min(len(stored.Segments), 3*l.mostInquiries())]
	if l.Details == nil {
		for _, number := range segments {
			l.garbage = append(l.garbage, storage.DeleteOperation(l.segmentKey(number)))
		}
		l.changed = l.changed || len(segments) > 0
		return nil
	}
	l.inquiries = &inquiries{
		most: l.mostInquiries(), all: map[trace.Key]*Inquiry{}, segments: map[uint64][]*Inquiry{}, changed: map[uint64]bool{},
	}
	for _, stamp := range stored.Stamps[max(0, len(stored.Stamps)-maxStamps):] {
		l.detailStamps = append(l.detailStamps, time.Unix(0, stamp).UTC())
	}
	ops := make([]*storage.Operation, len(segments))
	for i, number := range segments {
		ops[i] = storage.GetOperation(l.segmentKey(number))
	}
	if err := l.Client.Batch(ctx, ops...); err != nil {
		return unreadable(err)
	}
	damaged := false
	for i, op := range ops {
		var list []*Inquiry
		if len(op.Value) > maxEntry || sealed.Open(op.Value, &list) != nil {
			damaged, list = true, nil
			l.inquiries.changed[segments[i]] = true
		}
		l.inquiries.segments[segments[i]] = nil
		l.inquiries.last = max(l.inquiries.last, segments[i])
		for _, inquiry := range list {
			l.inquiries.put(inquiry, segments[i])
		}
	}
	if damaged {
		l.Warn("what is stored of the rows that wait for their details is damaged and has been dropped; some details will be missing")
	}
	return nil
}

func (l *Ledger) mostInquiries() int {
	if l.Details == nil || l.Details.Most == 0 {
		return DefaultInquiries
	}
	return l.Details.Most
}

func (l *Ledger) segmentKey(number uint64) string {
	return l.key("details/" + strconv.FormatUint(number, 10))
}

// put puts an inquiry into a segment.
func (q *inquiries) put(i *Inquiry, segment uint64) {
	if i == nil || q.all[i.Key] != nil {
		return
	}
	i.segment = segment
	q.all[i.Key] = i
	q.segments[segment] = append(q.segments[segment], i)
	heap.Push(q.heapOf(i), i)
}

// add puts an inquiry into the last segment, or into a new one if that is full.
func (q *inquiries) add(i *Inquiry) {
	if len(q.segments[q.last]) >= segmentLength || len(q.segments) == 0 {
		q.last++
	}
	q.put(i, q.last)
	q.changed[q.last] = true
}

// set changes an inquiry.
func (q *inquiries) set(i *Inquiry, change func(*Inquiry)) {
	heap.Remove(q.heapOf(i), i.at)
	change(i)
	heap.Push(q.heapOf(i), i)
	q.changed[i.segment] = true
}

// drop forgets an inquiry.
func (q *inquiries) drop(i *Inquiry) {
	heap.Remove(q.heapOf(i), i.at)
	delete(q.all, i.Key)
	q.segments[i.segment] = slices.DeleteFunc(q.segments[i.segment], func(other *Inquiry) bool { return other == i })
	q.changed[i.segment] = true
}

// Inquire has the details of a row asked for when they are due, instead of those of the status before, if those still wait. It
// returns how many others are given up, since too many wait. It is stored with the next commit.
func (l *Ledger) Inquire(inquiry Inquiry) (givenUp int) {
	q := l.inquiries
	if known := q.all[inquiry.Key]; known != nil {
		inquiry.Told, inquiry.segment = known.Told, known.segment
		q.set(known, func(i *Inquiry) { *i = inquiry })
	} else {
		q.add(&inquiry)
	}
	for len(q.waiting) > q.most {
		q.drop(q.waiting[0])
		givenUp++
	}
	return givenUp
}

// Withdraw has the details of a row no longer asked for: its status has changed to one that nobody asks about.
func (l *Ledger) Withdraw(k trace.Key) {
	if known := l.inquiries.all[k]; known != nil && !known.Due.IsZero() {
		l.settle(known, nil)
	}
}

// settle ends the asking of a row's details, of which these have been told in addition.
func (l *Ledger) settle(i *Inquiry, told []uint64) {
	q := l.inquiries
	q.set(i, func(i *Inquiry) {
		*i = Inquiry{Key: i.Key, Received: i.Received, Told: merge(i.Told, told), segment: i.segment}
	})
	if len(i.Told) == 0 {
		q.drop(i)
		return
	}
	for len(q.settled) > q.most {
		q.drop(q.settled[0])
	}
}

func merge(told, more []uint64) []uint64 {
	for _, each := range more {
		if !slices.Contains(told, each) {
			told = append(slices.Clip(told), each)
		}
	}
	return told[max(0, len(told)-maxTold):]
}

// NextInquiry returns what to ask for at now: the newest mail, but what is older than urgent before that, oldest first. What is
// older than kept is given up.
func (l *Ledger) NextInquiry(now, urgent, kept time.Time) (next Inquiry, ok bool, givenUp int) {
	var best *Inquiry
	for w := l.inquiries.waiting; len(w) > 0 && w[0].Received.Before(kept); w = l.inquiries.waiting {
		l.settle(w[0], nil)
		givenUp++
	}
	for _, each := range l.inquiries.waiting {
		if !each.Due.After(now) && (best == nil || goesFirst(each, best, urgent)) {
			best = each
		}
	}
	if best == nil {
		return Inquiry{}, false, givenUp
	}
	return *best, true, givenUp
}

func goesFirst(a, b *Inquiry, urgent time.Time) bool {
	hurry := a.Received.Before(urgent)
	switch {
	case hurry != b.Received.Before(urgent):
		return hurry
	case !a.Received.Equal(b.Received):
		return a.Received.Before(b.Received) == hurry
	}
	return string(a.Key[:]) < string(b.Key[:])
}

// Told notes what has been delivered of a row.
func (l *Ledger) Told(i Inquiry, told []uint64) {
	if known := l.inquiries.all[i.Key]; known != nil && len(told) > 0 {
		l.inquiries.set(known, func(i *Inquiry) { i.Told = merge(i.Told, told) })
	}
}

// Answered ends an inquiry, unless the row has another status by now.
func (l *Ledger) Answered(i Inquiry) {
	if known := l.current(i); known != nil {
		l.settle(known, nil)
	}
}

// AskAgain has the details asked for again after a while, unless the row has another status by now.
func (l *Ledger) AskAgain(i Inquiry, due time.Time) {
	if known := l.current(i); known != nil {
		l.inquiries.set(known, func(known *Inquiry) { known.Due, known.Asked = due, i.Asked+1 })
	}
}

func (l *Ledger) current(i Inquiry) *Inquiry {
	if known := l.inquiries.all[i.Key]; known != nil && !known.Due.IsZero() && known.Status == i.Status {
		return known
	}
	return nil
}

// Inquiries returns how many rows wait for their details, and when the first of them is due.
func (l *Ledger) Inquiries() (waiting int, due time.Time) {
	if l.inquiries == nil {
		return 0, time.Time{}
	}
	for _, each := range l.inquiries.waiting {
		if due.IsZero() || each.Due.Before(due) {
			due = each.Due
		}
	}
	return len(l.inquiries.waiting), due
}

// SavedDetailStamps returns the stamps of details that were stored when the ledger was opened.
func (l *Ledger) SavedDetailStamps() []time.Time { return l.detailStamps }

// forgetInquiries forgets what was told of rows that no window can bring again.
func (l *Ledger) forgetInquiries() {
	if l.inquiries == nil {
		return
	}
	for _, each := range slices.Clone(l.inquiries.settled) {
		if !mayComeAgain(l.state, bucketOf(each.Received)) {
			l.inquiries.drop(each)
		}
	}
}

// writeInquiries returns the operations that store what has changed.
func (l *Ledger) writeInquiries() (ops []*storage.Operation) {
	q := l.inquiries
	if q == nil || len(q.changed) == 0 {
		return nil
	}
	for number := range q.changed {
		if list := q.segments[number]; len(list) > 0 {
			ops = append(ops, storage.SetOperation(l.segmentKey(number), sealed.Seal(list)))
		} else {
			ops = append(ops, storage.DeleteOperation(l.segmentKey(number)))
		}
	}
	return ops
}

// wroteInquiries notes that the operations have been carried out.
func (l *Ledger) wroteInquiries() {
	if q := l.inquiries; q != nil {
		for number := range q.changed {
			if len(q.segments[number]) == 0 {
				delete(q.segments, number)
			}
		}
		clear(q.changed)
	}
}

// storedInquiries is what the position says once what has changed has been written.
func (l *Ledger) storedInquiries() *storedInquiries {
	q := l.inquiries
	if q == nil {
		return nil
	}
	stored := &storedInquiries{Segments: []uint64{}}
	for number, list := range q.segments {
		if len(list) > 0 {
			stored.Segments = append(stored.Segments, number)
		}
	}
	slices.Sort(stored.Segments)
	for _, stamp := range stampsOf(l.Details.Stamps) {
		stored.Stamps = append(stored.Stamps, stamp.UnixNano())
	}
	return stored
}

// stampsOf returns the latest stamps, as many as are stored.
func stampsOf(stamps func() []time.Time) []time.Time {
	if stamps == nil {
		return nil
	}
	all := stamps()
	return all[max(0, len(all)-maxStamps):]
}
