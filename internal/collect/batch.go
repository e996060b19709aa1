// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"slices"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// maxBatch is the most records that are delivered at once.
const maxBatch = 1000

// batch is the new rows of a page that are delivered together. A job fills one batch after the other.
type batch struct {
	*records.Batch
	page  *source.Page
	rows  []ledger.Row
	items []item
	// pending is the status with which a row is in the batch.
	pending map[trace.Key]trace.Status
	final   bool
	// fresh returns records without rows.
	fresh func() *records.Batch
}

// item is what it takes to convert a row once more.
type item struct {
	text    []byte
	version records.Version
}

// newBatch returns an empty batch of rows of the page. The one before is over.
func (j *job) newBatch(page *source.Page) *batch {
	b := &j.batch
	if b.pending == nil {
		b.pending = map[trace.Key]trace.Status{}
	}
	clear(b.pending)
	b.page, b.rows, b.items, b.final = page, b.rows[:0], b.items[:0], false
	b.fresh = func() *records.Batch { return j.Origin.NewBatch(page.Arrived, j.step.Lane) }
	b.Batch = b.fresh()
	return b
}

// again makes the records anew.
func (b *batch) again() *records.Batch {
	fresh := b.fresh()
	for _, it := range b.items {
		fresh.Append(b.page.Row(it.text), it.version)
	}
	if b.final {
		fresh.MarkFinal()
	}
	return fresh
}

func (b *batch) full() bool { return len(b.rows) == maxBatch }

func (b *batch) add(row *trace.Row, r ledger.Row, previous trace.Status) {
	version := records.Version{Key: r.Key, Status: r.Status, Previous: previous}
	if b.page.Redact != nil && !row.Malformed {
		row = b.page.Row(b.page.Redact(row.Raw))
	}
	b.Append(row, version)
	b.rows = append(b.rows, r)
	b.items = append(b.items, item{text: row.Raw, version: version})
	b.pending[r.Key] = r.Status
}

func (b *batch) markFinal() {
	b.final = true
	b.MarkFinal()
}

// accepted counts the rows of the batch as accepted.
func (b *batch) accepted(seen *Page) {
	seen.Rows.Accepted += len(b.items)
	seen.Late = slices.Grow(seen.Late, len(b.items))
	for i, it := range b.items {
		seen.Accepted += len(it.text)
		switch received := b.rows[i].Received; {
		case it.version.Previous != "":
			seen.Rows.Changed++
		case !received.IsZero():
			seen.Late = append(seen.Late, b.page.Arrived.Sub(received))
		}
	}
}
