// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
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
	most    int
	all     map[trace.Key]*Inquiry
	waiting int
	// segments counts the inquiries of each segment that is stored or to be, and last is the one that new ones are put in.
	segments map[uint64]int
	last     uint64
	// changed are the segments that are not stored as they are.
	changed map[uint64]bool
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
		most: l.mostInquiries(), all: map[trace.Key]*Inquiry{}, segments: map[uint64]int{}, changed: map[uint64]bool{},
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
		l.inquiries.segments[segments[i]] = 0
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
	q.segments[segment]++
	if !i.Due.IsZero() {
		q.waiting++
	}
}

// add puts an inquiry into the last segment, or into a new one if that is full.
func (q *inquiries) add(i *Inquiry) {
	if q.segments[q.last] >= segmentLength || len(q.segments) == 0 {
		q.last++
	}
	q.put(i, q.last)
	q.changed[q.last] = true
}

// set changes an inquiry.
func (q *inquiries) set(i *Inquiry, change func(*Inquiry)) {
	was := !i.Due.IsZero()
	change(i)
	switch is := !i.Due.IsZero(); {
	case is && !was:
		q.waiting++
	case was && !is:
		q.waiting--
	}
	q.changed[i.segment] = true
}

// drop forgets an inquiry.
func (q *inquiries) drop(i *Inquiry) {
	q.set(i, func(i *Inquiry) { i.Due = time.Time{} })
	delete(q.all, i.Key)
	q.segments[i.segment]--
}

// oldest returns the inquiry of the oldest mail among those that wait, or among the others.
func (q *inquiries) oldest(waiting bool) (oldest *Inquiry) {
	for _, each := range q.all {
		if each.Due.IsZero() != waiting && (oldest == nil || each.Received.Before(oldest.Received)) {
			oldest = each
		}
	}
	return oldest
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
	for q.waiting > q.most {
		q.drop(q.oldest(true))
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
	for len(q.all)-q.waiting > q.most {
		q.drop(q.oldest(false))
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
	for _, each := range l.inquiries.all {
		switch {
		case each.Due.IsZero():
		case each.Received.Before(kept):
			l.settle(each, nil)
			givenUp++
		case !each.Due.After(now) && (best == nil || goesFirst(each, best, urgent)):
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
	for _, each := range l.inquiries.all {
		if !each.Due.IsZero() && (due.IsZero() || each.Due.Before(due)) {
			due = each.Due
		}
	}
	return l.inquiries.waiting, due
}

// SavedDetailStamps returns the stamps of details that were stored when the ledger was opened.
func (l *Ledger) SavedDetailStamps() []time.Time { return l.detailStamps }

// forgetInquiries forgets what was told of rows that no window can bring again.
func (l *Ledger) forgetInquiries() {
	if l.inquiries == nil {
		return
	}
	for _, each := range l.inquiries.all {
		if each.Due.IsZero() && !mayComeAgain(l.state, bucketOf(each.Received)) {
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
	lists := make(map[uint64][]*Inquiry, len(q.changed))
	for _, each := range q.all {
		if q.changed[each.segment] {
			lists[each.segment] = append(lists[each.segment], each)
		}
	}
	for number := range q.changed {
		if list := lists[number]; len(list) > 0 {
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
			if q.segments[number] == 0 {
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
	for number, n := range q.segments {
		if n > 0 {
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
