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

// batch is the new rows of a page that are delivered together.
type batch struct {
	*records.Batch
	rows    []ledger.Row
	arrived time.Time
	// pending is the status with which a row is in the batch.
	pending map[trace.Key]trace.Status
	// again makes the records anew.
	again func() *records.Batch
	page  *source.Page
	items []item
	final bool
}

// item is what it takes to convert a row once more.
type item struct {
	text    []byte
	version records.Version
}

func (j *job) newBatch(page *source.Page) *batch {
	b := &batch{
		Batch:   j.Origin.NewBatch(page.Arrived, j.step.Lane),
		arrived: page.Arrived,
		page:    page,
		pending: map[trace.Key]trace.Status{},
	}
	b.again = func() *records.Batch {
		fresh := j.Origin.NewBatch(page.Arrived, j.step.Lane)
		for _, it := range b.items {
			fresh.Append(page.Row(it.text), it.version)
		}
		if b.final {
			fresh.MarkFinal()
		}
		return fresh
	}
	return b
}

func (b *batch) full() bool { return len(b.rows) == maxBatch }

// holds says whether the batch has this very version of the row.
func (b *batch) holds(r ledger.Row) bool {
	status, ok := b.pending[r.Key]
	return ok && status == r.Status
}

// holdsOther says whether the batch has another version of the row.
func (b *batch) holdsOther(r ledger.Row) bool {
	status, ok := b.pending[r.Key]
	return ok && status != r.Status
}

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
	for i, it := range b.items {
		seen.Accepted += len(it.text)
		switch received := b.rows[i].Received; {
		case it.version.Previous != "":
			seen.Rows.Changed++
		case !received.IsZero():
			seen.Late = append(seen.Late, b.arrived.Sub(received))
		}
	}
}
