// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"cmp"
	"math"
	"slices"
)

// levels is how often the count is a limit grown tenfold.
func levels(count, limit int64) (n uint8) {
	for n < 18 && limit > 0 && count >= limit {
		n++
		if limit > math.MaxInt64/10 {
			break
		}
		limit *= 10
	}
	return n
}

// judge looks at all windows that have changed.
func (e *Engine) judge(s *series) {
	s.merge()
	if s.again && len(s.entries) > 0 {
		s.changed, s.first, s.last = true, s.entries[0].at, s.entries[len(s.entries)-1].at
	}
	first, last, changed := s.first, s.last, s.changed
	s.again, s.changed, s.first, s.last = false, false, 0, 0
	r, within := e.rules[s.rule], e.within[s.rule]
	if a, ok := r.(remembering); ok && changed {
		a.remember(e, s)
	}
	if !changed || len(s.entries) < e.least[s.rule] {
		return
	}
	entries := s.between(first-min(first, within-1), last+within)
	if !e.worthwhile(r, s, entries) {
		return
	}
	skip := e.unexpanded(s, entries)
	for period, found := range e.fullest(r, s, entries, last, skip) {
		e.report(r, s, period, found)
	}
}

// remembering is a rule that remembers something of a series that has changed.
type remembering interface{ remember(e *Engine, s *series) }

// worthwhile reports whether any period could reach a level that has not been found: only if all windows together hold so
// much, and the period half of it.
func (e *Engine) worthwhile(r rule, s *series, entries []entry) bool {
	if len(entries) == 0 {
		return false
	}
	all := atMost(entries)
	n := levels(r.measure(s, &all))
	if n == 0 {
		return false
	}
	length := e.periods[s.rule]
	for len(entries) > 0 {
		period := entries[0].at / length
		next := firstFrom(entries, (period+1)*length)
		part := atMost(entries[:next])
		count, limit := r.measure(s, &part)
		if s.levels(period) < min(n, levels(2*count, limit)) {
			return true
		}
		entries = entries[next:]
	}
	return false
}

// atMost are figures that those of no window in the entries exceed.
func atMost(entries []entry) figures {
	f := figures{rows: int64(len(entries)), distinct: int64(len(entries))}
	for i := range entries {
		f.bytes += int64(entries[i].bytes)
	}
	return f
}

// firstFrom is the place of the first entry that is not before a time.
func firstFrom(entries []entry, from uint32) int {
	i, _ := slices.BinarySearchFunc(entries, from, func(n entry, at uint32) int { return cmp.Compare(n.at, at) })
	return i
}

// fullest returns for each quiet period its fullest window, of those that cross a threshold. Windows begin with an entry,
// at last with one of the given time. One that reaches into the next period counts for each in which at least half of what
// it takes lies: so a burst is found wherever it is, mostly once, and more mail takes nothing back.
func (e *Engine) fullest(r rule, s *series, entries []entry, last uint32, skip func(*entry) bool) map[uint32]*fullest {
	best := map[uint32]*fullest{}
	whole, here, next := e.tallies(len(entries))
	var w window
	within, length := e.within[s.rule], e.periods[s.rule]
	var border uint32
	for i, j := 0, 0; i < len(entries) && entries[i].at <= last; i++ {
		start := entries[i].at
		if start >= border {
			// What reached into the next period is now in this one.
			border = (start/length + 1) * length
			here, next = next, here
		}
		for ; j < len(entries) && entries[j].at-start < within; j++ {
			if n := &entries[j]; skip == nil || !skip(n) {
				whole.put(n)
				if n.at < border {
					here.put(n)
				} else {
					next.put(n)
				}
			}
		}
		if i == 0 || entries[i-1].at != start {
			whole.start, here.start, next.start = start, start, start
			w = window{figures: whole.figures, entries: entries[i:j], skip: skip, whole: next.rows == 0}
			if w.count, w.limit = r.measure(s, &w.figures); w.count >= w.limit {
				w.offer(best, start/length, w.reaches(r, s, here))
				w.offer(best, start/length+1, w.reaches(r, s, next))
			}
		}
		if skip == nil || !skip(&entries[i]) {
			whole.take(&entries[i])
			here.take(&entries[i])
		}
	}
	return best
}

// reaches is how many levels the window has for a period that a part of it lies in.
func (w *window) reaches(r rule, s *series, part *tally) uint8 {
	if w.whole {
		if part.rows == 0 {
			return 0
		}
		return levels(w.count, w.limit)
	}
	count, limit := r.measure(s, &part.figures)
	return min(levels(w.count, w.limit), levels(2*count, limit))
}

// fullest are the fullest windows of a period: of those that lie in it as a whole, and of all others. The former prove more.
type fullest struct{ inside, across *window }

// offer makes the window the fullest one of a period, if it is.
func (w *window) offer(best map[uint32]*fullest, period uint32, reached uint8) {
	if reached == 0 {
		return
	}
	f := best[period]
	if f == nil {
		f = &fullest{}
		best[period] = f
	}
	place := &f.across
	if w.whole {
		place = &f.inside
	}
	if *place != nil && cmp.Or(cmp.Compare(reached, (*place).levels), cmp.Compare(w.count, (*place).count)) <= 0 {
		return
	}
	better := *w
	better.levels = reached
	*place = &better
}

// of returns the window that shows best that a level is reached, nil if none does.
func (f *fullest) of(level uint8) *window {
	for _, w := range []*window{f.inside, f.across} {
		if w != nil && w.levels > level {
			return w
		}
	}
	return nil
}

// complete finds out the rest about a window, and leaves out of it what does not count.
func (w *window) complete(e *Engine) {
	counted := make([]entry, 0, w.rows)
	clear(e.perMessage)
	for i := range w.entries {
		if n := &w.entries[i]; w.skip == nil || !w.skip(n) {
			counted = append(counted, *n)
			e.perMessage[n.message]++
		}
	}
	w.entries, w.skip, w.messages = counted, nil, int64(len(e.perMessage))
	if len(counted) > 0 {
		w.start, w.end = counted[0].at, counted[len(counted)-1].at
	}
}
