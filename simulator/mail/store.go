// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Source makes mail on demand, an hour at a time.
type Source interface {
	// Hour returns the rows received in the hour that begins at start, in any
	// order. A store asks once for each hour and keeps the answer.
	Hour(start time.Time) []Row
	// Span returns the first and last instant of which there is mail. A zero
	// first instant means that there is none at all; a zero last one, that
	// mail never ends.
	Span() (first, last time.Time)
}

// Store keeps rows by hour of receipt and asks its source for an hour when
// somebody first looks at it. It is safe for concurrent use.
type Store struct {
	source Source // may be nil

	mu    sync.Mutex
	hours map[int64][]Row // ascending by key; a slice is never changed, only replaced
	added span            // hours that hold rows from Add

	summaries map[int64]summary // of those hours that PageAt went through
}

// span is a closed range of hours since the epoch.
type span struct {
	first, last int64
	any         bool
}

// NewStore returns a store over a source, which may be nil.
func NewStore(source Source) *Store {
	return &Store{source: source, hours: make(map[int64][]Row), summaries: make(map[int64]summary)}
}

// Add puts rows into the store, atomically. A row without a timeline counts as
// delivered and visible from the moment it was received.
func (s *Store) Add(rows ...Row) error {
	byHour := make(map[int64][]Row)
	for i, row := range rows {
		if err := complete(&row); err != nil {
			return fmt.Errorf("row %d (%s): %w", i, row.ID, err)
		}
		hour := hourOf(row.Received.UnixMilli())
		byHour[hour] = append(byHour[hour], row)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for hour, more := range byHour {
		merged := slices.Concat(s.hour(hour), more)
		sortRows(merged)
		s.hours[hour] = merged
		s.added.extend(hour)
	}
	return nil
}

func complete(row *Row) error {
	if row.Received.IsZero() {
		return errors.New("received time is missing")
	}
	row.Received = row.Received.UTC()
	if len(row.Timeline) == 0 {
		row.Timeline = []Change{{At: row.Received, Status: Delivered}}
		return nil
	}
	row.Timeline = slices.Clone(row.Timeline)
	for i := 1; i < len(row.Timeline); i++ {
		if !row.Timeline[i].At.After(row.Timeline[i-1].At) {
			return errors.New("timeline does not ascend")
		}
	}
	return nil
}

// hour returns the rows of an hour, made now if nobody asked before. The
// caller holds the lock.
func (s *Store) hour(n int64) []Row {
	rows, ok := s.hours[n]
	if ok || s.source == nil || !s.generated(n) {
		return rows
	}
	rows = s.source.Hour(time.UnixMilli(n * millisPerHour).UTC())
	sortRows(rows)
	s.hours[n] = rows
	return rows
}

// generated reports whether the source can have mail in an hour, so that far
// away hours cost neither a call nor a map entry.
func (s *Store) generated(n int64) bool {
	first, last := s.source.Span()
	return !first.IsZero() && n >= hourOf(first.UnixMilli()) &&
		(last.IsZero() || n <= hourOf(last.UnixMilli()))
}

// within narrows a range of hours to those that can hold rows at all, which
// keeps a request for a thousand years from walking through them.
func (s *Store) within(from, to int64) (first, last int64) {
	all := s.added
	if s.source != nil {
		begin, end := s.source.Span()
		if !begin.IsZero() {
			all.extend(hourOf(begin.UnixMilli()))
			if end.IsZero() {
				all.extend(to)
			} else {
				all.extend(hourOf(end.UnixMilli()))
			}
		}
	}
	if !all.any {
		return 0, -1
	}
	return max(from, all.first), min(to, all.last)
}

func (r *span) extend(hour int64) {
	if !r.any {
		*r = span{first: hour, last: hour, any: true}
		return
	}
	r.first, r.last = min(r.first, hour), max(r.last, hour)
}
