// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// maxBatch is the most records that are delivered at once.
	maxBatch = 1000
	// maxBatchText is how many bytes of rows fill a batch, however few they are, since each is copied into its record.
	maxBatchText = 4 << 20
)

// batch is the new rows of a page that are delivered together. A job fills one batch after the other.
type batch struct {
	*records.Batch
	origin *records.Origin
	page   *source.Page
	items  []item
	// text is the size of the rows of the items in bytes.
	text int
	// index finds the items by their keys.
	index index
	// rows are those of the items, in their order.
	rows  []ledger.Row
	final bool
	// numbers is memory for an offer, and kept for the rows that are remembered of it.
	numbers []int
	kept    []ledger.Row
	// fresh returns records without rows.
	fresh func() *records.Batch
}

// item is what it takes to convert a row once more.
type item struct {
	key      trace.Key
	text     []byte
	version  records.Version
	received time.Time
	again    bool
}

// index holds the numbers of items, counted from one, where their keys belong. Keys are hashes already. There are more
// places than a batch has items, so that a search ends, and a power of two of them, so that it may go round.
type index [2048]uint16

const _ = uint(len(index{}) - 2*maxBatch)

// of returns where the number of the item with that key is, or else where it belongs: a place that holds 0.
func (x *index) of(key *trace.Key, items []item) *uint16 {
	for at := binary.LittleEndian.Uint16(key[:]); ; at++ {
		if n := &x[int(at)%len(x)]; *n == 0 || items[*n-1].key == *key {
			return n
		}
	}
}

// newBatch returns an empty batch of rows of the page. The one before is over.
func (j *job) newBatch(page *source.Page) *batch {
	b := &j.batch
	b.index = index{}
	b.origin, b.page, b.rows, b.items, b.final = j.Origin, page, b.rows[:0], b.items[:0], false
	b.text = 0
	b.fresh = func() *records.Batch { return j.Origin.NewBatch(page.Arrived, j.step.Lane) }
	b.Batch = b.fresh()
	return b
}

// drop lets go of the page and of its records.
func (b *batch) drop() {
	clear(b.items)
	b.page, b.Batch, b.fresh = nil, nil, nil
}

// again converts the items once more.
func (b *batch) again(items []int) *records.Batch {
	fresh := b.fresh()
	for _, i := range items {
		fresh.Append(b.page.Row(b.items[i].text), b.items[i].version)
	}
	if b.final && items[len(items)-1] == len(b.items)-1 {
		fresh.MarkFinal()
	}
	return fresh
}

func (b *batch) full() bool { return len(b.items) == maxBatch || b.text >= maxBatchText }

// holds reports whether the batch has this very version of the row, and whether it has another one.
func (b *batch) holds(r *ledger.Row) (this, other bool) {
	n := *b.index.of(&r.Key, b.items)
	if n == 0 {
		return false, false
	}
	this = b.items[n-1].version.Status == r.Status
	return this, !this
}

// add adds a version of a row, which may have been delivered before.
func (b *batch) add(row *trace.Row, r *ledger.Row, isNew bool, previous trace.Status) {
	if !isNew {
		previous = ""
	}
	version := b.origin.Version(row, r.Status, previous)
	if b.page.Redact != nil && !row.Malformed {
		row = b.page.Row(b.page.Redact(row.Raw))
	}
	b.Append(row, version)
	number := b.index.of(&r.Key, b.items)
	b.items = append(b.items, item{key: r.Key, text: row.Raw, version: version, received: r.Received, again: !isNew})
	b.text += len(row.Raw)
	*number = uint16(len(b.items)) //nolint:gosec // at most maxBatch
	b.rows = append(b.rows, *r)
}

func (b *batch) markFinal() {
	b.final = true
	b.MarkFinal()
}

// accepted counts items as accepted, and returns the rows that are to be remembered of them: all but what was delivered
// before.
func (b *batch) accepted(items []int, seen *Page) []ledger.Row {
	seen.Rows.Accepted += len(items)
	b.kept = b.kept[:0]
	for _, i := range items {
		it := &b.items[i]
		seen.Accepted += len(it.text)
		switch {
		case it.version.Previous != "":
			seen.Rows.Changed++
		case !it.received.IsZero() && !it.again:
			seen.Late = append(seen.Late, b.page.Arrived.Sub(it.received))
		}
		if !it.again {
			b.kept = append(b.kept, b.rows[i])
		}
	}
	return b.kept
}
