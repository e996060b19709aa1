// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"iter"
	"strings"
)

// kind is what a message was to a mailbox.
type kind uint8

const (
	// received is a message to an inside recipient, sent one from an inside sender to an outside recipient.
	received kind = iota
	sent
	// relayed is a message from an outside sender to an outside recipient.
	relayed
	// listed is a message that a distribution list has expanded.
	listed
)

// passed is one row that may be half of a message passed on.
type passed struct {
	message uint64
	// mailbox is the inside address, other the outside one, or the sender of what was received.
	mailbox, other uint64
	// subject is a hash of mailbox and subject, 0 for none.
	subject uint64
	// name is the mailbox of what was received, else the outside recipient.
	name     string
	at, size uint32
	kind     kind

	// nextSubject and nextMessage are the places of the next of the same, plus one.
	nextSubject, nextMessage int32
}

// is reports whether both are of the same row.
func (p *passed) is(o *passed) bool {
	return p.message == o.message && p.kind == o.kind && p.mailbox == o.mailbox && p.other == o.other
}

// generation is a stretch of rows in the order in which they came. Only those that are rare are found by their message at once:
// relayed and listed ones.
type generation struct {
	serial    uint32
	started   uint32
	rows      []passed
	bySubject map[uint64]int32
	byMessage map[uint64]int32
	names     map[uint64]string
	saved     int
}

// roomAtFirst is for how many rows a generation has room from the beginning on, at most.
const roomAtFirst = 1 << 14

func newGeneration(serial, started uint32, capacity int) *generation {
	room := min(capacity, roomAtFirst)
	return &generation{
		serial: serial, started: started, rows: make([]passed, 0, room), bySubject: make(map[uint64]int32, room),
		byMessage: map[uint64]int32{}, names: map[uint64]string{},
	}
}

// reuse empties a generation.
func (h *generation) reuse(serial, started uint32) *generation {
	clear(h.rows)
	clear(h.bySubject)
	clear(h.byMessage)
	clear(h.names)
	h.serial, h.started, h.rows, h.saved = serial, started, h.rows[:0], 0
	return h
}

// messages are the rows that may be halves of messages passed on, in two generations: when one is full or old, the other one
// makes place for it.
type messages struct {
	now, before *generation
	capacity    int
}

func newMessages(maxTracked int) messages {
	capacity := max(maxTracked/8, 64)
	return messages{now: newGeneration(1, 0, capacity), before: newGeneration(0, 0, capacity), capacity: capacity}
}

// longestChain bounds how many rows of one message or subject are looked at.
const longestChain = 64

// add adds a row, unless it is there already or nobody can look for it.
func (s *messages) add(p passed) {
	if p.subject != 0 {
		for at, h := s.now.bySubject[p.subject], s.now; at > 0; at = h.rows[at-1].nextSubject {
			if p.is(&h.rows[at-1]) {
				return
			}
		}
	}
	if p.kind == sent && p.subject == 0 {
		return
	}
	if len(s.now.rows) >= s.capacity {
		s.turn(s.now.started)
	}
	s.now.add(p)
}

// rare reports whether there are few of the kind.
func (k kind) rare() bool { return k == relayed || k == listed }

func (h *generation) add(p passed) {
	named := p.other
	if p.kind == received {
		named = p.mailbox
	}
	name, known := h.names[named]
	if !known {
		name = strings.Clone(p.name)
		h.names[named] = name
	}
	p.name = name
	at := int32(len(h.rows)) + 1 //nolint:gosec // bounded by the capacity
	if p.subject != 0 {
		p.nextSubject, h.bySubject[p.subject] = h.bySubject[p.subject], at
	}
	if p.kind.rare() {
		p.nextMessage, h.byMessage[p.message] = h.byMessage[p.message], at
	}
	h.rows = append(h.rows, p)
}

func (s *messages) turn(started uint32) {
	s.before, s.now = s.now, s.before.reuse(s.now.serial+1, started)
}

// rotate begins a new generation when the present one is older than late rows may be.
func (s *messages) rotate(now, lateness uint32) {
	switch {
	case s.now.started == 0:
		s.now.started = now
	case now > s.now.started+lateness+promptly:
		s.turn(now)
	}
}

// ofSubject are the rows of a mailbox and subject.
func (s *messages) ofSubject(subject uint64) iter.Seq[*passed] {
	return func(yield func(*passed) bool) {
		n := 0
		for _, h := range [...]*generation{s.now, s.before} {
			for at := h.bySubject[subject]; at > 0 && n < longestChain; at = h.rows[at-1].nextSubject {
				n++
				if !yield(&h.rows[at-1]) {
					return
				}
			}
		}
	}
}

// rareOf reports whether there are relayed or listed rows of a message.
func (s *messages) rareOf(message uint64) bool {
	return s.now.byMessage[message] > 0 || s.before.byMessage[message] > 0
}

// ofMessage are the rows of a message. It looks through all.
func (s *messages) ofMessage(message uint64) (all []*passed) {
	for _, h := range [...]*generation{s.now, s.before} {
		for i := range h.rows {
			if h.rows[i].message == message && len(all) < longestChain {
				all = append(all, &h.rows[i])
			}
		}
	}
	return all
}
