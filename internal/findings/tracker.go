// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"container/list"
	"strings"
)

// bytesPerTracked times MaxTracked is the most that series may take up in memory, in bytes. What auto_forward remembers
// of single messages comes on top.
const bytesPerTracked = 520

// tracker holds all series, the one that was used last first.
type tracker struct {
	byID    map[uint64]*series
	recent  list.List
	bytes   int
	evicted int64
}

// series returns a series of a rule, a new one if there is none yet.
func (e *Engine) series(rule int, m *mail, key string, keyHash uint64, about string) *series {
	id := e.seriesID(rule, m, keyHash, about)
	s := e.byID[id]
	if s == nil {
		s = &series{id: id, rule: rule, tenant: e.tenant, key: strings.Clone(key), about: strings.Clone(about)}
		e.insert(s)
	}
	if !s.dirty {
		e.recent.MoveToFront(s.place)
		s.dirty = true
		e.dirty = append(e.dirty, s)
	}
	return s
}

// seriesID identifies a series.
func (e *Engine) seriesID(rule int, m *mail, keyHash uint64, about string) uint64 {
	id := mix(mix(e.ruleHashes[rule], m.tenantHash), keyHash)
	if about != "" {
		id = mix(id, e.hash(about))
	}
	return id
}

func (e *Engine) insert(s *series) {
	e.byID[s.id] = s
	s.place = e.recent.PushFront(s)
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
	delete(e.byID, s.id)
	e.recent.Remove(s.place)
	e.bytes -= s.size
	e.unsaved[s.id%buckets] = true
}

// shrink forgets the series whose time is over, and then those that were used least recently until all are within bounds.
func (e *Engine) shrink() {
	for back := e.recent.Back(); back != nil; back = e.recent.Back() {
		s := back.Value.(*series)
		over := len(e.byID) > e.settings.MaxTracked || e.bytes > e.settings.MaxTracked*bytesPerTracked
		if !over && s.until >= e.now {
			return
		}
		if over && s.until >= e.now {
			e.evicted++
		}
		e.remove(s)
	}
}
