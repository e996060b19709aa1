// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// part is a part of a job's window.
type part struct {
	trace.Window
	// dead reports whether a dead link has kept the part from being read already.
	dead bool
	// size is how many rows a page is asked to have, 0 for as many as the job asks for.
	size int
	// most reports whether pages of the part are asked to have as many rows as the service allows.
	most bool
	// damaged counts how often damaged pages have kept the part from being read.
	damaged int
}

// walk is the reading of a part from page to page.
type walk struct {
	part     part
	coverage *coverage
	progress progress
	// rows counts the rows of all pages.
	rows  int
	pages int64
	// before is the state of the plan before the first page, and covered what has been closed since.
	before  *plan.State
	covered trace.Window
}

// ending is how a walk goes on behind a page.
type ending int

const (
	// linked: the page has a link.
	linked ending = iota
	// complete: nothing follows.
	complete
	// beyond: the page is full and has no link. It is not believed to be the last one before what is older than its rows
	// has been asked for.
	beyond
	// crowded: the page is full of rows of one instant and has no link. What is older is asked for as beyond others, and the
	// instant in longer pages.
	crowded
	// unclear: the page is full and has no link, and its rows do not tell where it ends.
	unclear
)

// ending returns how the walk goes on behind a page whose rows have been walked.
func (w *walk) ending(page *source.Page) ending {
	c := w.coverage
	at := c.edge()
	switch {
	case page.Next() != "":
		return linked
	case page.Full == nil || !page.Full():
		return complete
	case !c.descending, c.rows == 0, c.oldest.After(c.window.End):
		return unclear
	case c.isInstant() && !page.Most && !w.part.most:
		return crowded
	case at.After(c.window.Start) && at.Before(c.window.End):
		return beyond
	}
	return complete
}

// otherSize returns how many rows a page is asked to have when the walk has met a dead link: fewer than its pages had, so that
// no link leads where that one did. A link that leads to a certain row may never work.
func (w *walk) otherSize() int {
	if w.pages == 0 {
		return 0
	}
	return w.rows / int(w.pages) * 7 / 8
}

// cut returns the instant of the oldest row if some of its rows may be missing: they fill a page without a link, and it is
// not asked for again. The service may have no more of them, but does not tell.
func (w *walk) cut(page *source.Page, e ending) (instant trace.Window, ok bool) {
	c := w.coverage
	left := e == complete || e == beyond && c.edge().Equal(c.instant())
	if !left || page.Full == nil || !page.Full() || !c.isInstant() {
		return trace.Window{}, false
	}
	return trace.Window{Start: later(c.instant(), c.window.Start), End: earlier(behind(c.oldest), c.window.End)}, true
}

// beyond returns the parts that remain behind a full page that has no link.
func (w *walk) beyond(e ending) []part {
	rest := w.coverage.rest()
	if e != crowded {
		return []part{{Window: rest}}
	}
	at := w.coverage.instant()
	instant := part{Window: trace.Window{Start: later(at, rest.Start), End: rest.End}, most: true}
	if !at.After(rest.Start) {
		return []part{instant}
	}
	return []part{{Window: trace.Window{Start: rest.Start, End: at}}, instant}
}

// cover returns what is covered with a page that has been walked.
func (w *walk) cover(e ending) (covered trace.Window) {
	switch e {
	case complete:
		covered = w.coverage.all()
	case beyond:
		covered = w.coverage.downTo(w.coverage.edge())
	case crowded:
		covered = w.coverage.downTo(behind(w.coverage.oldest))
	default:
		covered = w.coverage.page()
	}
	if !covered.Empty() {
		w.covered = covered
	}
	return covered
}
