// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"cmp"
	"slices"
)

// series is what one rule knows of one sender, domain or mailbox. All times are in seconds since 1970. What is used most is at
// the beginning, in few lines of the processor's cache.
type series struct {
	id uint64
	// next is the next one in its chain.
	next *series
	// turn is that of the last use, 0 once the series is forgotten.
	turn uint64
	// until is when the series is forgotten.
	until uint32
	// changed reports whether entries have changed since they were judged; first and last are the times of such.
	first, last uint32
	changed     bool
	inside      bool
	dirty       bool
	// again has all windows judged, also where nothing has changed.
	again bool
	// entries are sorted and unique; fresh ones are not yet merged into them. room are free places, if any, right before the
	// entries: backfill brings the newest mail first.
	entries, room, fresh []entry
	rule                 int
	// size is what the series was last weighed with, texts what its samples add to that.
	size, texts int

	// about tells series of the same key apart: the destination of what is sent.
	tenant, key, about string
	// samples are the latest entries in plain text.
	samples []sample
	// marks are what has been found already.
	marks []mark
	// held are messages of which it is not yet known whether a list has expanded them.
	held []hold
	// days are what was counted on earlier days.
	days []day
	// one is room for the first entry. Most series have no other.
	one [1]entry
}

// entry is a row, or a message, in a series.
type entry struct {
	// row identifies the entry, counted is what is counted once however often it occurs.
	row, counted, message uint64
	at                    uint32
	// expires is when the entry is forgotten.
	expires uint32
	// bytes is the size of the message; of a removed one, for how many seconds it could be read.
	bytes uint32
	flags uint8
}

// The flags of an entry.
const (
	delivered uint8 = 1 << iota
	expanded
	quarantined
	failed
	recalled
	// shared is set where the sign is a message ID that inside and outside recipients share.
	shared
)

// sample is an entry in plain text.
type sample struct {
	message       uint64
	id, recipient string
}

// mark is a number of levels that has been found in a quiet period.
type mark struct {
	period uint32
	levels uint8
	until  uint32
}

// What a series and its parts take up in memory, with their share of the maps and lists that they are in, in bytes.
const (
	seriesSize = 420
	entrySize  = 40
	sampleSize = 40
)

// measured is about what the series takes up in memory.
func (s *series) measured() int {
	return seriesSize + len(s.key) + len(s.about) + entrySize*(len(s.room)+cap(s.entries)+cap(s.fresh)) + sampleSize*cap(s.samples) +
		16*(len(s.marks)+len(s.held)+len(s.days)) + s.texts
}

func (a *entry) before(b *entry) bool { return a.at < b.at || a.at == b.at && a.row < b.row }

func (a *entry) compare(b *entry) int {
	switch {
	case a.before(b):
		return -1
	case b.before(a):
		return 1
	}
	return 0
}

// few is how far from the end entries are put in their place at once.
const few = 8

// add adds an entry. One that does not belong about at the end, or may be there already, is yet to be merged.
func (s *series) add(n entry) {
	s.until = max(s.until, n.expires)
	if s.entries == nil {
		s.entries = s.one[:0]
	}
	if len(s.fresh) == 0 {
		at, least := len(s.entries), len(s.entries)-few
		for at > 0 && at > least && n.before(&s.entries[at-1]) {
			at--
		}
		if at == 0 || s.entries[at-1].before(&n) {
			s.grow(1)
			s.entries = slices.Insert(s.entries, at, n)
			s.note(&n)
			return
		}
	}
	s.fresh = append(s.fresh, n)
}

// note notes that an entry has changed.
func (s *series) note(n *entry) {
	if !s.changed || n.at < s.first {
		s.first = n.at
	}
	s.last, s.changed = max(s.last, n.at), true
}

// sampled keeps a row in plain text, in place of the oldest one. Of a series with many entries it is every fourth.
func (s *series) sampled(message uint64, m *mail) {
	if n := len(s.samples); n > 0 && s.samples[n-1].message == message && n >= MaxRecipients {
		return
	}
	if len(s.samples) == MaxMessages {
		if (len(s.entries)+len(s.fresh))%4 != 0 {
			return
		}
		s.texts -= len(s.samples[0].id) + len(s.samples[0].recipient)
		s.samples = slices.Delete(s.samples, 0, 1)
	}
	both := m.Message + m.recipient
	s.texts += len(both)
	s.samples = append(s.samples, sample{message, both[:len(m.Message)], both[len(m.Message):]})
}

// grow makes sure that so many entries more can be put behind the others.
func (s *series) grow(n int) {
	if cap(s.entries)-len(s.entries) < n {
		s.entries, s.room = slices.Grow(s.entries, n), nil
	}
}

// growBefore makes so many places part of the entries that are right before the others.
func (s *series) growBefore(n int) {
	if len(s.room) < n {
		room := n + len(s.entries)/2
		all := make([]entry, room+len(s.entries))
		copy(all[room:], s.entries)
		s.room, s.entries = all[:room], all[room:]
	}
	first := len(s.room) - n
	s.entries = s.room[:len(s.room)+len(s.entries)][first:]
	s.room = s.room[:first]
}

// merge merges the fresh entries, without those that are there already.
func (s *series) merge() {
	if len(s.fresh) > 1 {
		slices.SortFunc(s.fresh, func(a, b entry) int { return a.compare(&b) })
	}
	added := s.fresh[:0]
	for i := range s.fresh {
		n := &s.fresh[i]
		if k := len(added); k > 0 && added[k-1].compare(n) == 0 {
			s.update(&added[k-1], n)
		} else if at, found := s.find(n); found {
			s.update(&s.entries[at], n)
		} else {
			s.note(n)
			added = append(added, *n)
		}
	}
	if len(added) > 0 {
		s.insert(added)
	}
	s.fresh = s.fresh[:0]
	if cap(s.fresh) > 16 {
		s.fresh = nil
	}
}

// insert puts sorted entries, none of which is there already, where they belong. It moves those before or those behind them,
// whichever are fewer.
func (s *series) insert(added []entry) {
	first, _ := s.find(&added[0])
	last, _ := s.find(&added[len(added)-1])
	if last < len(s.entries)-first {
		s.growBefore(len(added))
		for to, from := 0, len(added); len(added) > 0; to++ {
			if from < len(s.entries) && s.entries[from].before(&added[0]) {
				s.entries[to] = s.entries[from]
				from++
			} else {
				s.entries[to], added = added[0], added[1:]
			}
		}
		return
	}
	s.grow(len(added))
	from := len(s.entries) - 1
	s.entries = s.entries[:len(s.entries)+len(added)]
	for to := len(s.entries) - 1; len(added) > 0; to-- {
		if n := len(added) - 1; from >= 0 && added[n].before(&s.entries[from]) {
			s.entries[to] = s.entries[from]
			from--
		} else {
			s.entries[to], added = added[n], added[:n]
		}
	}
}

// update adds to an entry what is new of it.
func (s *series) update(old, n *entry) {
	if old.flags|n.flags != old.flags {
		s.note(n)
	}
	old.flags |= n.flags
	old.bytes = max(old.bytes, n.bytes)
	old.expires = max(old.expires, n.expires)
}

// find returns where an entry is, or belongs. Most belong at the end.
func (s *series) find(n *entry) (at int, found bool) {
	if k := len(s.entries); k == 0 || s.entries[k-1].before(n) {
		return k, false
	}
	return slices.BinarySearchFunc(s.entries, n, func(a entry, b *entry) int { return a.compare(b) })
}

// expire drops what has expired. Entries expire in about the order of their times.
func (s *series) expire(now uint32) {
	if len(s.entries) > 0 && s.entries[0].expires < now {
		s.entries = slices.DeleteFunc(s.entries, func(n entry) bool { return n.expires < now })
		if len(s.room)+cap(s.entries) > 4*len(s.entries)+16 {
			s.entries, s.room = slices.Clone(s.entries), nil
		}
		if len(s.entries) == 0 {
			s.entries, s.samples, s.texts = nil, nil, 0
		}
	}
	s.marks = slices.DeleteFunc(s.marks, func(k mark) bool { return k.until < now })
}

// between are the entries from one time to before another.
func (s *series) between(from, to uint32) []entry {
	i, _ := slices.BinarySearchFunc(s.entries, from, func(n entry, at uint32) int { return cmp.Compare(n.at, at) })
	j, _ := slices.BinarySearchFunc(s.entries, to, func(n entry, at uint32) int { return cmp.Compare(n.at, at) })
	return s.entries[i:j]
}

// levels is how many levels of a period have been found.
func (s *series) levels(period uint32) uint8 {
	for i := range s.marks {
		if s.marks[i].period == period {
			return s.marks[i].levels
		}
	}
	return 0
}

func (s *series) mark(period uint32, levels uint8, until uint32) {
	for i := range s.marks {
		if s.marks[i].period == period {
			s.marks[i].levels = levels
			return
		}
	}
	s.marks = append(s.marks, mark{period, levels, until})
}

// drop takes a row out.
func (s *series) drop(row uint64) {
	is := func(n entry) bool { return n.row == row }
	s.entries, s.fresh = slices.DeleteFunc(s.entries, is), slices.DeleteFunc(s.fresh, is)
}
