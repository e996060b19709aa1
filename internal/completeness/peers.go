// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// cursor reads forward from where it stopped, up to a lag behind the clock, and never looks back.
type cursor struct {
	lag  time.Duration
	upTo time.Time
}

func newCursor(lag time.Duration) *cursor {
	return &cursor{lag: lag, upTo: epoch.Add(-lag)}
}

func (c *cursor) run(s *service, deliver func(*row)) error {
	w := trace.Window{Start: c.upTo, End: s.now.Add(-c.lag)}
	if w.Empty() {
		return nil
	}
	for _, r := range s.read(w) {
		deliver(r)
	}
	c.upTo = w.End.Add(time.Millisecond)
	return nil
}

// relative reads the same window before the clock every time, and remembers nothing.
type relative struct{ from, to time.Duration }

func (c relative) run(s *service, deliver func(*row)) error {
	for _, r := range s.read(trace.Window{Start: s.now.Add(-c.from), End: s.now.Add(-c.to)}) {
		deliver(r)
	}
	return nil
}

// newest reads a short window from the newest row that it has seen, or from the end of the last window if that had none.
// It remembers the rows at that very instant.
type newest struct {
	length time.Duration
	upTo   time.Time
	seen   map[trace.Key]bool
}

func (c *newest) run(s *service, deliver func(*row)) error {
	w := trace.Window{Start: c.upTo, End: c.upTo.Add(c.length)}
	if w.End.After(s.now) {
		w.End = s.now
	}
	rows := s.read(w)
	if len(rows) == 0 {
		c.upTo = w.End
		return nil
	}
	for _, r := range rows {
		if !c.seen[r.key] {
			deliver(r)
		}
	}
	c.upTo = rows[len(rows)-1].received
	c.seen = map[trace.Key]bool{}
	for _, r := range rows {
		if r.received.Equal(c.upTo) {
			c.seen[r.key] = true
		}
	}
	return nil
}

// rereading reads everything of the last hours every time, and remembers the status of every row.
type rereading struct {
	hours time.Duration
	seen  map[trace.Key]trace.Status
}

func (c *rereading) run(s *service, deliver func(*row)) error {
	for _, r := range s.read(trace.Window{Start: s.now.Add(-c.hours), End: s.now}) {
		if status, known := c.seen[r.key]; !known || status != r.status(s.now) {
			deliver(r)
			c.seen[r.key] = r.status(s.now)
		}
	}
	return nil
}
