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
func (j *job) page(ctx context.Context, page *source.Page, w *walk) (rows int, err error) {
	if err := j.hold(ctx); err != nil {
		return 0, err
	}
	if err := j.enter(ctx); err != nil {
		return 0, err
	}
	defer j.leaveSection()
	seen := Page{Size: page.Size, Late: j.late[:0]}
	defer func() {
		j.late = seen.Late
		j.Observer.Page(ctx, j.step.Lane, seen)
	}()
	if w.before == nil {
		state := j.Ledger.State()
		w.before = &state
	}
	w.coverage.served(page.Served)
	// What has been delivered is committed along with what has been read, or else by itself.
	defer j.commit(ctx)
	if rows, err = j.rows(ctx, page, w, &seen); err != nil {
		return rows, err
	}
	j.close(w.cover(page))
	if !w.coverage.descending && !w.last(page) && !w.goesOn(page) {
		j.reopen(w)
	}
	return rows, nil
}

// close closes what has been read.
func (j *job) close(read trace.Window, began time.Time) {
	if read.Empty() {
		return
	}
	j.report.Read += read.Duration()
	state := plan.Read(j.Ledger.State(), read, began)
	if j.step.Redeliver {
		state = plan.Redelivered(state, read)
	}
	j.Ledger.SetState(state)
}

// reopen opens again what has been closed by a walk whose rows turned out not to be in order.
func (j *job) reopen(w *walk) {
	if w.covered.Empty() {
		return
	}
	j.report.Read -= w.covered.Duration()
	j.Ledger.SetState(plan.Reopen(j.Ledger.State(), *w.before, w.covered))
	w.covered = trace.Window{}
}

// rows walks the rows of a page and delivers the new ones.
func (j *job) rows(ctx context.Context, page *source.Page, w *walk, seen *Page) (rows int, err error) {
	b := j.newBatch(page)
	for row, err := range page.Rows {
		if err != nil {
			return rows, err
		}
		if rows++; rows%1000 == 0 && ctx.Err() != nil {
			return rows, context.Cause(ctx)
		}
		w.coverage.row(row.Received)
		if j.WithinWindow && !row.Received.IsZero() && !j.step.Window.Contains(row.Received) {
			seen.Rows.Filtered++
			continue
		}
		version := j.versionOf(row, w.coverage)
		w.progress.row(row.Received, &version.Key)
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
		case j.holds(version, w.coverage.began):
			seen.Rows.Held++
		default:
			// A full batch waits for the next record, since until then its last one may be the job's last.
			if b, err = j.nextIf(ctx, b.full(), b, seen); err != nil {
				return rows, err
			}
			b.add(row, &version, isNew, previous)
		}
	}
	if w.last(page) && len(j.todo) == 0 {
		b.markFinal()
	}
	return rows, j.deliver(ctx, b, seen)
}

// versionOf is what the ledger knows a row by. What nobody asked for may have been forgotten long ago.
func (j *job) versionOf(row *trace.Row, c *coverage) ledger.Row {
	return ledger.Row{
		Key: j.Ledger.KeyOf(row), Status: trace.ParseStatus(row.Status),
		Received: row.Received, Stray: !c.asked.Contains(row.Received),
	}
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

// holds reports whether a row is held back, since its message is on its way and a later window will tell what became of it.
func (j *job) holds(r ledger.Row, began time.Time) bool {
	return j.Plan.Hold && r.Status.Underway() && !r.Received.IsZero() && !plan.LastChance(j.Ledger.State(), r.Received, began, j.Plan)
}
