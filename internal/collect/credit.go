// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// credit is what a job may count as read. Pages come newest first, so what is newer than the oldest row of a page has
// been read, as long as the rows really are in that order.
type credit struct {
	window trace.Window
	// asked is the window with all rows that were asked for.
	asked trace.Window
	// began is when the reading of the window began.
	began time.Time
	// reach is the end of what may be counted: mail younger than the service's first answer may still be on its way.
	reach time.Time
	// answered says that reach is known.
	answered bool
	// oldest is the time of the last row, which is the oldest one while the order holds; the end of the window before the
	// first row. A row may be a little newer than the window: the Reporting Web Service is asked for more than that.
	oldest     time.Time
	rows       int
	descending bool
	// unread is the beginning of the window up to what has been counted as read.
	unread trace.Window
}

func newCredit(w trace.Window, began time.Time) *credit {
	asked := trace.Window{Start: w.Start.Add(-stray), End: w.End.Add(stray)}
	return &credit{window: w, asked: asked, began: began, reach: w.End, oldest: w.End, descending: true, unread: w}
}

// served notes the service's clock at an answer. Its resolution is a second.
func (c *credit) served(date time.Time) {
	if !c.answered && !date.IsZero() {
		c.reach = earlier(c.reach, date.Add(-time.Second))
	}
	c.answered = true
}

// row notes the time of the next row.
func (c *credit) row(received time.Time) {
	if received.IsZero() {
		return
	}
	if c.rows > 0 && received.After(c.oldest) {
		c.descending = false
	}
	c.oldest = received
	c.rows++
}

// stray is how far outside the window a row may be without being strange: the Reporting Web Service is asked for a little
// more than the window.
const stray = 3 * time.Second

// read returns what has been read with the page whose rows have been noted, which on the last page is everything. Rows
// are printed to the millisecond but may be kept more finely, so the millisecond of the oldest row counts as unread.
func (c *credit) read(last bool) trace.Window {
	read := trace.Window{Start: c.window.Start, End: c.reach}
	if !last {
		read.Start = c.oldest.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	if read.Start.Before(c.window.Start) || !last && !c.descending {
		return trace.Window{}
	}
	c.unread.End = earlier(c.unread.End, read.Start)
	return read
}

// rest is what of the window has not been read yet.
func (c *credit) rest() trace.Window { return c.unread }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
