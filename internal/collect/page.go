// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// page delivers the new rows of one page, commits what has been read with it, and returns how many rows it had.
func (j *job) page(ctx context.Context, page *source.Page, credit *credit) (rows int, err error) {
	if err := j.enter(ctx); err != nil {
		return 0, err
	}
	defer j.leave()
	seen := Page{Size: page.Size, Late: j.late[:0]}
	defer func() {
		j.late = seen.Late
		j.Observer.Page(ctx, j.step.Lane, seen)
	}()
	credit.served(page.Served)
	// What has been delivered is committed along with what has been read, or else by itself.
	defer j.commit(ctx)
	if rows, err = j.rows(ctx, page, credit, &seen); err != nil {
		return rows, err
	}
	if read := credit.read(page.Next() == ""); !read.Empty() {
		j.report.Read += read.Duration()
		state := plan.Read(j.Ledger.State(), read, credit.began)
		if j.step.Redeliver {
			state = plan.Redelivered(state, read)
		}
		j.Ledger.SetState(state)
	}
	return rows, nil
}

// rows walks the rows of a page and delivers the new ones.
func (j *job) rows(ctx context.Context, page *source.Page, credit *credit, seen *Page) (rows int, err error) {
	b := j.newBatch(page)
	for row, err := range page.Rows {
		if err != nil {
			return rows, err
		}
		if rows++; rows%1000 == 0 && ctx.Err() != nil {
			return rows, context.Cause(ctx)
		}
		credit.row(row.Received)
		if j.WithinWindow && !row.Received.IsZero() && !j.step.Window.Contains(row.Received) {
			seen.Rows.Filtered++
			continue
		}
		version := j.versionOf(row, credit)
		if row.Malformed {
			seen.Rows.Malformed++
		}
		// Another status of a row waits until the first one has been delivered.
		holds, holdsOther := b.holds(&version)
		if b, err = j.nextIf(ctx, holdsOther, b, seen); err != nil {
			return rows, err
		}
		isNew, previous, err := j.Ledger.IsNew(ctx, version)
		if err != nil {
			return rows, err
		}
		switch {
		case !isNew && !j.step.Redeliver, holds:
			seen.Rows.Duplicate++
		case j.holds(version, credit.began):
			seen.Rows.Held++
		default:
			// A full batch waits for the next record, since until then its last one may be the job's last.
			if b, err = j.nextIf(ctx, b.full(), b, seen); err != nil {
				return rows, err
			}
			b.add(row, &version, isNew, previous)
		}
	}
	if page.Next() == "" && len(j.todo) == 0 {
		b.markFinal()
	}
	return rows, j.deliver(ctx, b, seen)
}

// versionOf is what the ledger knows a row by. What nobody asked for may have been forgotten long ago, so it is remembered
// by its key alone.
func (j *job) versionOf(row *trace.Row, credit *credit) ledger.Row {
	version := ledger.Row{Key: j.Ledger.KeyOf(row), Status: trace.ParseStatus(row.Status)}
	if credit.asked.Contains(row.Received) {
		version.Received = row.Received
	}
	return version
}

// nextIf delivers and commits a batch if it is due, and then returns an empty one for more rows of the same page.
func (j *job) nextIf(ctx context.Context, due bool, b *batch, seen *Page) (*batch, error) {
	if !due {
		return b, nil
	}
	if err := j.deliver(ctx, b, seen); err != nil {
		return nil, err
	}
	j.commit(ctx)
	return j.newBatch(b.page), nil
}

// holds says whether a row is held back, since its message is on its way and a later window will tell what became of it.
func (j *job) holds(r ledger.Row, began time.Time) bool {
	return j.Plan.Hold && r.Status.Underway() && !r.Received.IsZero() && !plan.LastChance(j.Ledger.State(), r.Received, began, j.Plan)
}
