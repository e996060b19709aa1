// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"time"

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
	items []item
	// rows are those of the items that are to be remembered: all but what is delivered once more.
	rows []ledger.Row
	// pending is the status with which a row is in the batch.
	pending map[trace.Key]trace.Status
	final   bool
	// fresh returns records without rows.
	fresh func() *records.Batch
}

// item is what it takes to convert a row once more.
type item struct {
	text     []byte
	version  records.Version
	received time.Time
	again    bool
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

func (b *batch) full() bool { return len(b.items) == maxBatch }

// holds says whether the batch has this very version of the row, and whether it has another one.
func (b *batch) holds(r ledger.Row) (this, other bool) {
	status, ok := b.pending[r.Key]
	return ok && status == r.Status, ok && status != r.Status
}

// add adds a version of a row, which may have been delivered before.
func (b *batch) add(row *trace.Row, r ledger.Row, isNew bool, previous trace.Status) {
	if !isNew {
		previous = ""
	}
	version := records.Version{Key: r.Key, Status: r.Status, Previous: previous}
	if b.page.Redact != nil && !row.Malformed {
		row = b.page.Row(b.page.Redact(row.Raw))
	}
	b.Append(row, version)
	b.items = append(b.items, item{text: row.Raw, version: version, received: r.Received, again: !isNew})
	if isNew {
		b.rows = append(b.rows, r)
	}
	b.pending[r.Key] = r.Status
}

func (b *batch) markFinal() {
	b.final = true
	b.MarkFinal()
}

// accepted counts the rows of the batch as accepted.
func (b *batch) accepted(seen *Page) {
	seen.Rows.Accepted += len(b.items)
	for _, it := range b.items {
		seen.Accepted += len(it.text)
		switch {
		case it.version.Previous != "":
			seen.Rows.Changed++
		case !it.received.IsZero() && !it.again:
			seen.Late = append(seen.Late, b.page.Arrived.Sub(it.received))
		}
	}
}
