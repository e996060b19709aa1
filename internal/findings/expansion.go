// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "slices"

// A message to a distribution list has a row for the list, expanded, and one for each member. It counts as one recipient,
// the list. The members' rows may be read before the list's, on another page: a message with several recipients is held
// until the list's row would have been read, had there been one. So is one that lists alone would explain.
const (
	// mostRecipients is how many recipients a message can have without a list: the most that Exchange Online's documentation
	// of limits allows an administrator to set.
	mostRecipients = 1000
	// settling is for how long a message is held, in seconds of the clock.
	settling = 30
)

// hold is a message that is held until a time of the clock.
type hold struct {
	message uint64
	due     uint32
}

// waiting is a series with a message that is held.
type waiting struct {
	series uint64
	due    uint32
}

// expanding is a rule that counts what lists may have made.
type expanding interface{ expands() }

// unexpanded returns which entries do not count: the members of lists, and what is held. It is nil if all count.
func (e *Engine) unexpanded(s *series, entries []entry) func(*entry) bool {
	if _, ok := e.rules[s.rule].(expanding); !ok {
		return nil
	}
	lists := map[uint64]bool{}
	clear(e.perMessage)
	for i := range entries {
		n := &entries[i]
		e.perMessage[n.message]++
		if n.flags&shared != 0 {
			e.perMessage[n.message]++ // it went to several
		}
		if n.flags&expanded != 0 {
			lists[n.message] = true
		}
	}
	held := map[uint64]bool{}
	for message, n := range e.perMessage {
		if n > 1 && !lists[message] && (n > mostRecipients || e.holds(s, message)) {
			held[message] = true
		}
	}
	for i := range entries {
		if held[entries[i].message] {
			entries[i].expires = max(entries[i].expires, e.now+e.lateness+settling)
			s.until = max(s.until, entries[i].expires)
		}
	}
	if len(lists)+len(held) == 0 {
		return nil
	}
	return func(n *entry) bool { return held[n.message] || n.flags&expanded == 0 && lists[n.message] }
}

// holds reports whether a message is still held. It begins to be so when it is first asked for.
func (e *Engine) holds(s *series, message uint64) bool {
	for i := range s.held {
		if s.held[i].message == message {
			return e.now < s.held[i].due
		}
	}
	due := e.now + settling
	s.held = slices.DeleteFunc(s.held, func(h hold) bool { return h.due+e.lateness < e.now })
	s.held = append(s.held, hold{message, due})
	e.waiting = append(e.waiting, waiting{s.id, due})
	return true
}

// wake has the series judged again that waited long enough.
func (e *Engine) wake() {
	n := 0
	for n < len(e.waiting) && e.waiting[n].due <= e.now {
		if s := e.byID(e.waiting[n].series); s != nil && len(s.entries) > 0 {
			if !s.dirty {
				s.dirty = true
				e.dirty = append(e.dirty, s)
			}
			s.again = true
		}
		n++
	}
	e.waiting = e.waiting[n:]
}
