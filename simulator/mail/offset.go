// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"slices"
	"time"
)

// PageAt is Page for a service that knows a place by its number: it passes over
// the first skip rows that are visible and match, and reports whether there are
// more behind the page. Query.After has no effect. The page takes the place of
// what is in into.
//
// The order is newest first by 100 ns, then by recipient, then by trace id, and
// the bounds of the window are inclusive to 100 ns. Numbers are those of the
// instant of looking: a row that becomes visible between two pages moves all
// older ones one place on, so that the second page repeats rows, and a row that
// leaves the result, since its status no longer matches or the window has moved
// on, makes the second page miss one.
func (s *Store) PageAt(q Query, skip int, into []Sighting) (page []Sighting, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := walk{page: into[:0], skip: skip, enough: skip + q.Limit}
	from, to := ticks(q.Start), ticks(q.End)
	first, last := s.within(hourOf(q.Start.UnixMilli()), hourOf(q.End.UnixMilli()))
	for hour := last; hour >= first && !w.done; hour-- {
		all := s.hour(hour)
		rows := between(all, q.Start.UnixMilli(), q.End.UnixMilli())
		// Hours in the middle that show all their rows are passed over as a whole.
		inside := hour > hourOf(q.Start.UnixMilli()) && hour < hourOf(q.End.UnixMilli())
		if inside && q.Match == nil && !q.At.Before(s.settled(hour, all)) && w.pass(len(all)) {
			continue
		}
		for i := len(rows) - 1; i >= 0 && !w.done; i-- {
			row := &rows[i]
			if at := ticks(row.Received); at < from || at > to {
				continue
			}
			status, visible := row.StatusAt(q.At)
			if visible && (q.Match == nil || q.Match(row, status)) {
				w.add(Sighting{Row: row, Status: status})
			}
		}
	}
	w.sort()
	begin := min(max(skip-w.passed, 0), len(w.page))
	end := min(begin+q.Limit, len(w.page))
	return slices.Delete(w.page[:end], 0, begin), len(w.page) > end
}

// walk collects rows that arrive in the order of the store, which goes by the
// millisecond only, and keeps those that it may need.
type walk struct {
	page         []Sighting
	skip, enough int
	passed       int   // rows that were dropped again
	run          int   // where in page the rows of the last millisecond begin
	milli        int64 // which one that is
	done         bool
}

func (w *walk) add(s Sighting) {
	if milli := s.Row.Received.UnixMilli(); milli != w.milli || len(w.page) == 0 {
		if w.next(); w.done {
			return
		}
		w.milli = milli
	}
	w.page = append(w.page, s)
}

// next begins another millisecond.
func (w *walk) next() {
	w.sort()
	switch total := w.passed + len(w.page); {
	case total > w.enough:
		w.done = true
	case total <= w.skip:
		w.passed, w.page = total, w.page[:0]
	}
	w.run = len(w.page)
}

// pass passes over rows without a look at them, if none of them is needed.
func (w *walk) pass(rows int) bool {
	w.next()
	if len(w.page) > 0 || w.passed+rows > w.skip {
		return false
	}
	w.passed += rows
	return true
}

// sort puts the rows of the last millisecond in order.
func (w *walk) sort() {
	run, newestFirst := w.page[w.run:], func(a, b Sighting) int {
		return cmp.Compare(b.Row.Received.Nanosecond()/100, a.Row.Received.Nanosecond()/100)
	}
	if !slices.IsSortedFunc(run, newestFirst) { // as it is when a message to all staff fills it
		slices.SortStableFunc(run, newestFirst)
	}
}

// summary holds from when on all rows of an hour are visible.
type summary struct {
	first   *Row // of the slice that it is about: slices are replaced, not changed
	rows    int
	visible time.Time
}

// settled returns from when on all rows of an hour are visible. The caller holds
// the lock.
func (s *Store) settled(hour int64, rows []Row) time.Time {
	if len(rows) == 0 {
		return time.Time{}
	}
	known := s.summaries[hour]
	if known.first != &rows[0] || known.rows != len(rows) {
		known = summary{first: &rows[0], rows: len(rows)}
		for i := range rows {
			at := time.Unix(1<<40, 0) // never
			if list := rows[i].Timeline; len(list) > 0 {
				at = list[0].At
			}
			if at.After(known.visible) {
				known.visible = at
			}
		}
		s.summaries[hour] = known
	}
	return known.visible
}

// ticks are the units in which the message trace counts: 100 ns.
func ticks(t time.Time) int64 { return t.Unix()*10_000_000 + int64(t.Nanosecond()/100) }
