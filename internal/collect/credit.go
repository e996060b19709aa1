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
	// reach is the end of what may be counted: mail younger than the service's answer may still be on its way.
	reach time.Time
	// oldest is the time of the last row, which is the oldest one while the order holds.
	oldest     time.Time
	descending bool
}

func newCredit(w trace.Window) *credit {
	return &credit{window: w, reach: w.End, oldest: w.End, descending: true}
}

// served notes the service's clock at the first answer. Its resolution is a second.
func (c *credit) served(date time.Time) {
	if !date.IsZero() && date.Add(-time.Second).Before(c.reach) {
		c.reach = date.Add(-time.Second)
	}
}

// row notes the time of the next row.
func (c *credit) row(received time.Time) {
	if received.IsZero() {
		return
	}
	if received.After(c.oldest) {
		c.descending = false
	}
	c.oldest = received
}

// read returns what has been read so far, which on the last page is everything. Rows are printed to the millisecond but
// may be kept more finely, so the millisecond of the oldest row counts as unread.
func (c *credit) read(last bool) trace.Window {
	read := trace.Window{Start: c.window.Start, End: c.reach}
	if !last {
		read.Start = c.oldest.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	if read.Start.Before(c.window.Start) || !last && !c.descending {
		return trace.Window{}
	}
	return read
}
