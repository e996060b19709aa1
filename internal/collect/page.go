// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
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
	end := w.ending(page)
	if instant, ok := w.cut(page, end); ok {
		j.Observer.Cut(ctx, instant)
	}
	j.close(w.cover(end))
	if !w.coverage.descending && end != complete {
		j.reopen(w)
	}
	return rows, nil
}

// close closes what has been read. It is to the millisecond, but what is closed are whole seconds.
func (j *job) close(read trace.Window) {
	if read.Empty() {
		return
	}
	j.fruitlessLinks.Store(0)
	j.fruitlessPages.Store(0)
	j.read = j.read.Add(read)
	j.report.Read = j.read.Duration()
	if read = j.whole(read); read.Empty() {
		return
	}
	state := plan.Read(j.Ledger.State(), read, j.began)
	if j.step.Redeliver {
		state = plan.Redelivered(state, read)
	}
	j.Ledger.SetState(state)
}

// whole returns the seconds that have been read whole, with the window that has been read last, or as far as they belong to
// the job's window.
func (j *job) whole(w trace.Window) (seconds trace.Window) {
	read := j.read[slices.IndexFunc(j.read, func(r trace.Window) bool { return r.Contains(w.Start) && r.Contains(w.End) })]
	seconds = trace.Window{Start: w.Start.Truncate(time.Second), End: secondsUp(w.End)}
	if seconds.Start.Before(read.Start) {
		seconds.Start = read.Start
		if !read.Start.Equal(j.step.Window.Start) {
			seconds.Start = secondsUp(read.Start)
		}
	}
	if seconds.End.After(read.End) {
		seconds.End = read.End
		if !read.End.Equal(j.step.Window.End) {
			seconds.End = read.End.Truncate(time.Second)
		}
	}
	return seconds
}

// secondsUp rounds up to whole seconds.
func secondsUp(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

// reopen opens again what has been closed by a walk whose rows turned out not to be in order.
func (j *job) reopen(w *walk) {
	if w.covered.Empty() {
		return
	}
	j.read = j.read.Remove(w.covered)
	j.report.Read = j.read.Duration()
	closed := trace.Window{Start: w.covered.Start.Truncate(time.Second), End: secondsUp(w.covered.End)}
	j.Ledger.SetState(plan.Reopen(j.Ledger.State(), *w.before, closed))
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
		version := j.versionOf(row, w.coverage)
		w.coverage.row(row.Received)
		w.progress.row(row.Received, &version.Key)
		if j.WithinWindow && !row.Received.IsZero() && !j.step.Window.Contains(row.Received) {
			seen.Rows.Filtered++
			continue
		}
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
		case j.holds(version):
			seen.Rows.Held++
		default:
			// A full batch waits for the next record, since until then its last one may be the job's last.
			if b, err = j.nextIf(ctx, b.full(), b, seen); err != nil {
				return rows, err
			}
			b.add(row, &version, isNew, previous)
		}
	}
	if w.ending(page) == complete && len(j.todo) == 0 {
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
func (j *job) holds(r ledger.Row) bool {
	return j.Plan.Hold && r.Status.Underway() && !r.Received.IsZero() && !plan.LastChance(j.Ledger.State(), r.Received, j.began, j.Plan)
}
