// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// coverage is what a walk from page to page may count as read. Pages come newest first, so what is newer than the oldest row
// of a page has been read, as long as the rows really are in that order. Whether they are across the edge of a page, only
// the next page tells, so the coverage is one page behind.
type coverage struct {
	window trace.Window
	// asked is the window with all rows that were asked for.
	asked trace.Window
	// reach is the end of what may be covered: mail younger than the service's first answer may still be on its way.
	reach time.Time
	// answered reports whether reach is known.
	answered bool
	// oldest is the time of the last row, which is the oldest one while the order holds; the end of the window before the
	// first row. A row may be a little newer than the window: the Reporting Web Service is asked for more than that.
	oldest time.Time
	rows   int
	// newest is the time of the first row.
	newest time.Time
	// descending reports whether the order has held so far.
	descending bool
	// border is where the page before ended, zero on the first one.
	border time.Time
	// unread is the beginning of the window up to what is covered.
	unread trace.Window
}

func newCoverage(w trace.Window) *coverage {
	asked := trace.Window{Start: w.Start.Add(-stray), End: w.End.Add(stray)}
	return &coverage{window: w, asked: asked, reach: w.End, oldest: w.End, descending: true, unread: w}
}

// served notes the service's clock at an answer. Its resolution is a second.
func (c *coverage) served(date time.Time) {
	if !c.answered && !date.IsZero() {
		c.reach = earlier(c.reach, date.Add(-time.Second))
	}
	c.answered = true
}

// row notes the time of the next row.
func (c *coverage) row(received time.Time) {
	if received.IsZero() {
		return
	}
	if c.rows > 0 && received.After(c.oldest) {
		c.descending = false
	}
	if c.rows == 0 {
		c.newest = received
	}
	c.oldest = received
	c.rows++
}

// stray is how far outside the window a row may be without being strange: the Reporting Web Service is asked for a little
// more than the window.
const stray = 3 * time.Second

// all returns what is covered once the last page has come.
func (c *coverage) all() (covered trace.Window) {
	c.unread = trace.Window{}
	return trace.Window{Start: c.window.Start, End: c.reach}
}

// page returns what is covered with the page whose rows have been noted, if another one follows.
func (c *coverage) page() (covered trace.Window) {
	border := c.border
	c.border = c.oldest
	switch {
	case !c.descending:
		c.unread = c.window
		return trace.Window{}
	case border.IsZero():
		return trace.Window{}
	}
	return c.downTo(behind(border))
}

// edge is the end of what may lie beyond a full page without a link. The instant of the oldest row is left out if it has been
// asked for already, with what is older, or links have led through it.
func (c *coverage) edge() time.Time {
	if at := behind(c.oldest); at.Before(c.window.End) && !at.Equal(behind(c.border)) {
		return at
	}
	return c.instant()
}

// instant is the beginning of the window of the oldest row's instant. Both ends of a window belong to it, and the service's
// clock ticks every 100 ns.
func (c *coverage) instant() time.Time {
	return c.oldest.Truncate(time.Millisecond).Add(-100 * time.Nanosecond)
}

// isInstant reports whether all rows of the page in hand are of one instant.
func (c *coverage) isInstant() bool {
	first := c.border
	if first.IsZero() {
		first = c.newest
	}
	return behind(first).Equal(behind(c.oldest))
}

// downTo returns what is covered when all rows received since start have come.
func (c *coverage) downTo(start time.Time) (covered trace.Window) {
	if start.Before(c.window.Start) || !start.Before(c.unread.End) {
		return trace.Window{}
	}
	c.unread.End = start
	return trace.Window{Start: start, End: c.reach}
}

// rest is what of the window is not covered.
func (c *coverage) rest() trace.Window { return c.unread }

// behind is the end of what may be missing where a page ends. Rows are printed to the millisecond but may be kept more
// finely, so the millisecond of the oldest row counts as unread.
func behind(oldest time.Time) time.Time {
	return oldest.Truncate(time.Millisecond).Add(time.Millisecond)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
