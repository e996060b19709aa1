// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "iter"

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

// passed is one row that may be half of a message passed on. It is as large as a line of the processor's cache, and has no
// pointers.
type passed struct {
	message uint64
	// mailbox is the inside address, other the outside one, or the sender of what was received.
	mailbox, other uint64
	// subject is a hash of mailbox and subject, of what was received its complement, 0 for none.
	subject  uint64
	at, size uint32

	// nextSubject is the place of the next row in the chain of its subject, nextMessage that of the next one of the same
	// message, plus one.
	nextSubject, nextMessage uint32
	// nameAt and nameLength tell where in names the mailbox of what was received is, else the outside recipient.
	nameAt     uint32
	nameLength uint32

	kind kind
	// odd reports whether the serial of the generation is.
	odd bool
}

// counterpart is the subject of what a row would be passed on as, or was received as.
func (p *passed) counterpart() uint64 { return ^p.subject }

// is reports whether both are of the same row.
func (p *passed) is(o *passed) bool {
	return p.message == o.message && p.kind == o.kind && p.mailbox == o.mailbox && p.other == o.other
}

// generation is a stretch of rows in the order in which they came. Only those that are rare are found by their message at once:
// relayed and listed ones.
type generation struct {
	serial  uint32
	started uint32
	rows    []passed
	names   []byte
	// subjects are the first rows of each chain, plus one, by the end of the subject's hash.
	subjects []uint32
	// seen has a bit for each subject that there may be, so that most look-ups need nothing else.
	seen      []uint64
	byMessage map[uint64]uint32
	saved     int
}

// roomAtFirst is for how many rows a generation has room from the beginning on, at most. It is a power of two.
const roomAtFirst = 1 << 14

// seenPer is for how many rows there is a word of seen: 16 bits for each.
const seenPer = 4

func newGeneration(serial, started uint32, capacity int) *generation {
	return &generation{
		serial: serial, started: started, rows: make([]passed, 0, min(capacity, roomAtFirst)),
		subjects: make([]uint32, roomAtFirst), seen: make([]uint64, roomAtFirst/seenPer), byMessage: map[uint64]uint32{},
	}
}

// reuse empties a generation.
func (h *generation) reuse(serial, started uint32) *generation {
	clear(h.subjects)
	clear(h.seen)
	clear(h.byMessage)
	h.serial, h.started, h.rows, h.names, h.saved = serial, started, h.rows[:0], h.names[:0], 0
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

// nameSize is how long the names of rows are on average, at most.
const nameSize = 64

// add adds a row, unless it is there already or nobody can look for it.
func (s *messages) add(p passed, name string) {
	if p.subject == 0 && p.kind == sent {
		return
	}
	n := 0
	for row := s.now.first(p.subject); row != nil && n < longestChain; row = s.now.next(row) {
		if p.is(row) {
			return
		}
		n++
	}
	if len(s.now.rows) >= s.capacity || len(s.now.names) >= s.capacity*nameSize {
		s.turn(s.now.started)
	}
	s.now.add(p, name)
}

// rare reports whether there are few of the kind.
func (k kind) rare() bool { return k == relayed || k == listed }

func (h *generation) head(subject uint64) *uint32 {
	return &h.subjects[subject%uint64(len(h.subjects))]
}

// bit is where in seen the bit of a subject is.
func (h *generation) bit(subject uint64) (in *uint64, bit uint64) {
	return &h.seen[(subject>>32)%uint64(len(h.seen))], 1 << (subject >> 58)
}

// first is the row of a subject that came last, nil for none.
func (h *generation) first(subject uint64) *passed {
	if word, bit := h.bit(subject); subject == 0 || *word&bit == 0 {
		return nil
	}
	return h.same(*h.head(subject), subject)
}

// next is the row of the same subject that came before.
func (h *generation) next(row *passed) *passed { return h.same(row.nextSubject, row.subject) }

func (h *generation) same(at uint32, subject uint64) *passed {
	for ; at > 0; at = h.rows[at-1].nextSubject {
		if row := &h.rows[at-1]; row.subject == subject {
			return row
		}
	}
	return nil
}

func (h *generation) add(p passed, name string) {
	if len(h.rows) == len(h.subjects) {
		h.grow()
	}
	p.odd = h.odd()
	p.nameAt, p.nameLength = uint32(len(h.names)), uint32(len(name)) //nolint:gosec // bounded by the capacity
	h.names = append(h.names, name...)
	at := uint32(len(h.rows)) + 1 //nolint:gosec // bounded by the capacity
	if p.kind.rare() {
		p.nextMessage, h.byMessage[p.message] = h.byMessage[p.message], at
	}
	h.rows = append(h.rows, p)
	h.link(at)
}

func (h *generation) link(at uint32) {
	if row := &h.rows[at-1]; row.subject != 0 {
		head := h.head(row.subject)
		row.nextSubject, *head = *head, at
		word, bit := h.bit(row.subject)
		*word |= bit
	}
}

// grow doubles the number of chains.
func (h *generation) grow() {
	h.subjects, h.seen = make([]uint32, 2*len(h.subjects)), make([]uint64, 2*len(h.seen))
	for i := range h.rows {
		h.link(uint32(i) + 1)
	}
}

func (h *generation) odd() bool { return h.serial%2 == 1 }

func (h *generation) name(row *passed) string {
	return string(h.names[row.nameAt : row.nameAt+row.nameLength])
}

// name is the mailbox or the outside recipient of a row that has been added.
func (s *messages) name(row *passed) string {
	if row.odd == s.now.odd() {
		return s.now.name(row)
	}
	return s.before.name(row)
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
			for row := h.first(subject); row != nil && n < longestChain; row = h.next(row) {
				n++
				if !yield(row) {
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
