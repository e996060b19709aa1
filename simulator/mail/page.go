// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"iter"
	"slices"
	"time"
)

// Query asks for one page.
type Query struct {
	// Start and End bound the time of receipt, cut to milliseconds. Both are
	// inclusive.
	Start, End time.Time
	// At is the instant of looking: rows not visible by then do not exist.
	At time.Time
	// After, if set, continues behind a row of an earlier page.
	After *Position
	// Limit is how many rows the page may hold.
	Limit int
	// Match, if set, picks rows.
	Match func(row *Row, status Status) bool
}

// Sighting is a row together with the status it shows to whoever looked. The
// row belongs to the store and must not be changed.
type Sighting struct {
	Row    *Row
	Status Status
}

// Page appends the next rows in reading order to into, and reports whether
// there are more behind them. What becomes visible between two pages in front
// of the position is not seen by the second, as with the real service.
func (s *Store) Page(q Query, into []Sighting) (page []Sighting, more bool) {
	from, to := millis(q.Start, q.End)
	if q.After != nil {
		to = min(to, q.After.Received.UnixMilli())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, last := s.within(hourOf(from), hourOf(to))
	left := q.Limit
	for hour := last; hour >= first; hour-- {
		rows := between(s.hour(hour), from, to)
		if q.After != nil {
			rows = rows[:beyond(rows, q.After)]
		}
		for i := len(rows) - 1; i >= 0; i-- {
			row := &rows[i]
			status, visible := row.StatusAt(q.At)
			if !visible || q.Match != nil && !q.Match(row, status) {
				continue
			}
			if left == 0 {
				return into, true
			}
			into = append(into, Sighting{Row: row, Status: status})
			left--
		}
	}
	return into, false
}

// All yields every row received in [start, end], newest first, visible or not.
// A zero start means from the first row on. Strings and timelines of the rows
// are shared with the store and must not be changed.
func (s *Store) All(start, end time.Time) iter.Seq[Row] {
	from, to := millis(start, end)
	return func(yield func(Row) bool) {
		s.mu.Lock()
		first, last := s.within(hourOf(from), hourOf(to))
		s.mu.Unlock()
		for hour := last; hour >= first; hour-- {
			s.mu.Lock()
			rows := between(s.hour(hour), from, to) // replaced by Add, never changed: no lock needed to read on
			s.mu.Unlock()
			for _, row := range slices.Backward(rows) {
				if !yield(row) {
					return
				}
			}
		}
	}
}
