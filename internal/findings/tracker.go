// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"slices"
	"strings"
)

// bytesPerTracked times MaxTracked is the most that series may take up in memory, in bytes. What auto_forward remembers
// of single messages comes on top.
const bytesPerTracked = 520

// tracker holds all series.
type tracker struct {
	// heads are the first series of each chain, by the end of the id, which is a keyed hash: nobody can make chains long.
	heads   []*series
	tracked int
	// uses are the series from the one that was used least recently on. What is outdated is passed over.
	uses    []use
	turn    uint64
	bytes   int
	evicted int64
}

const leastHeads = 1 << 8

// use is a use of a series, outdated if that was used again or forgotten.
type use struct {
	*series
	turn uint64
}

func (u *use) outdated() bool { return u.series.turn != u.turn }

func newTracker() tracker { return tracker{heads: make([]*series, leastHeads)} }

// key is what a series of a rule is about. Both texts come with their hashes; about may be empty.
type key struct {
	text, about     string
	hash, aboutHash uint64
}

func (t *tracker) head(id uint64) **series { return &t.heads[id%uint64(len(t.heads))] }

// byID returns the series with an id, nil if there is none.
func (t *tracker) byID(id uint64) *series {
	s := *t.head(id)
	for s != nil && s.id != id {
		s = s.next
	}
	return s
}

// grow doubles the number of chains.
func (t *tracker) grow() {
	old := t.heads
	t.heads = make([]*series, 2*len(old))
	for _, s := range old {
		for s != nil {
			next, head := s.next, t.head(s.id)
			*head, s.next = s, *head
			s = next
		}
	}
}

// use makes a series the one that was used last.
func (t *tracker) use(s *series) {
	if len(t.uses) > 2*t.tracked+leastHeads {
		t.uses = slices.DeleteFunc(t.uses, func(u use) bool { return u.outdated() })
	}
	t.turn++
	s.turn = t.turn
	t.uses = append(t.uses, use{s, t.turn})
}

// oldest is the series that was used least recently, nil if there is none.
func (t *tracker) oldest() *series {
	for len(t.uses) > 0 {
		if u := &t.uses[0]; !u.outdated() {
			return u.series
		}
		t.uses[0] = use{}
		t.uses = t.uses[1:]
	}
	return nil
}

// series returns a series of a rule, a new one if there is none yet.
func (e *Engine) series(rule int, m *mail, k key) *series {
	id := e.seriesID(rule, m, k)
	s := e.byID(id)
	if s == nil {
		s = &series{id: id, rule: rule, tenant: e.tenant, key: strings.Clone(k.text), about: strings.Clone(k.about)}
		e.insert(s)
	}
	if !s.dirty {
		e.use(s)
		s.dirty = true
		e.dirty = append(e.dirty, s)
	}
	return s
}

// seriesID identifies a series.
func (e *Engine) seriesID(rule int, m *mail, k key) uint64 {
	id := mix(mix(e.ruleHashes[rule], m.tenantHash), k.hash)
	if k.about != "" {
		id = mix(id, k.aboutHash)
	}
	return id
}

func (e *Engine) insert(s *series) {
	if 2*e.tracked >= len(e.heads) {
		e.grow()
	}
	head := e.head(s.id)
	*head, s.next = s, *head
	e.tracked++
	e.weigh(s)
}

// weigh notes how large a series is, and that it has to be saved.
func (e *Engine) weigh(s *series) {
	size := s.measured()
	e.bytes += size - s.size
	s.size = size
	e.unsaved[s.id%buckets] = true
}

func (e *Engine) remove(s *series) {
	at := e.head(s.id)
	for *at != s {
		at = &(*at).next
	}
	*at, s.next = s.next, nil
	e.tracked--
	s.turn = 0
	e.bytes -= s.size
	e.unsaved[s.id%buckets] = true
}

// shrink forgets the series whose time is over, and then those that were used least recently until all are within bounds.
func (e *Engine) shrink() {
	for s := e.oldest(); s != nil; s = e.oldest() {
		over := e.tracked > e.settings.MaxTracked || e.bytes > e.settings.MaxTracked*bytesPerTracked
		if !over && s.until >= e.now {
			return
		}
		if over && s.until >= e.now {
			e.evicted++
		}
		e.remove(s)
	}
}

// sweepEvery is how often what has expired is dropped from what nothing is added to, in seconds.
const sweepEvery = 6 * 3600

// sweep drops what has expired.
func (e *Engine) sweep() {
	if e.now < e.swept+sweepEvery {
		return
	}
	e.swept = e.now
	e.forget()
	for _, s := range e.heads {
		for ; s != nil; s = s.next {
			if s.expire(e.now); s.measured() != s.size {
				e.weigh(s)
			}
		}
	}
}
