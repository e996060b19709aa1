// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// The state is stored in parts, so that only those that have changed are written again: series and findings by their hash,
// single messages in blocks in the order in which they came.
const (
	buckets   = 256
	blockRows = 512
	// format is the first byte of each part. What has another one is not read.
	format = 1
)

// Save hands over the parts of the state that have changed since the last call; a nil value is a part that is gone.
func (e *Engine) Save(put func(key string, value []byte)) {
	var parts [buckets]part
	for i := range parts {
		parts[i].buf = []byte{format}
	}
	// From the one that was used least recently on, in which order they are read again.
	for i := range e.uses {
		s := e.uses[i].series
		if e.uses[i].outdated() {
			continue
		}
		if bucket := s.id % buckets; e.unsaved[bucket] {
			parts[bucket].series(s, e.names[s.rule])
		}
	}
	for id, until := range e.found {
		if e.unsaved[id[0]] {
			p := &parts[id[0]]
			p.found = binary.BigEndian.AppendUint32(append(p.found, id[:]...), until)
		}
	}
	for bucket, unsaved := range e.unsaved {
		if !unsaved {
			continue
		}
		p := &parts[bucket]
		put("findings-series-"+strconv.Itoa(bucket), sealed(p.buf))
		put("findings-found-"+strconv.Itoa(bucket), sealed(append([]byte{format}, p.found...)))
	}
	e.unsaved = [buckets]bool{}
	for _, h := range []*generation{e.messages.before, e.messages.now} {
		h.save(put)
	}
	var p part
	p.buf = []byte{format}
	p.numbers(uint64(e.messages.now.serial), uint64(e.messages.now.started), uint64(e.messages.before.started))
	put("findings-position", sealed(p.buf))
}

// Load takes over a state that was saved. What is damaged is left out and reported.
func (e *Engine) Load(get func(key string) ([]byte, error)) error {
	var errs []error
	read := func(key string) *cursor {
		text, err := get(key)
		if err == nil && text == nil {
			return nil
		}
		c, openErr := opened(text)
		if err = cmp.Or(err, openErr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
			return nil
		}
		return c
	}
	position := read("findings-position")
	if position == nil {
		return errors.Join(errs...)
	}
	serial := position.time()
	e.messages.now.reuse(serial, position.time())
	e.messages.before.reuse(serial-1, position.time())
	var all []*series
	for bucket := range buckets {
		if c := read("findings-series-" + strconv.Itoa(bucket)); c != nil {
			all = append(all, c.allSeries(e)...)
		}
		if c := read("findings-found-" + strconv.Itoa(bucket)); c != nil {
			c.found(e.found)
		}
	}
	slices.SortStableFunc(all, func(a, b *series) int { return cmp.Compare(a.lastUsed(), b.lastUsed()) })
	for _, s := range all {
		e.insert(s)
		e.use(s)
		for _, h := range s.held {
			e.waiting = append(e.waiting, waiting{s.id, h.due})
		}
	}
	slices.SortFunc(e.waiting, func(a, b waiting) int { return cmp.Compare(a.due, b.due) })
	for _, h := range []*generation{e.messages.before, e.messages.now} {
		h.load(read)
	}
	e.unsaved = [buckets]bool{}
	return errors.Join(errs...)
}

// lastUsed is about when the series was used last.
func (s *series) lastUsed() (at uint32) {
	for i := range s.entries {
		at = max(at, s.entries[i].expires)
	}
	return at
}

func (h *generation) key(block int) string {
	return fmt.Sprintf("findings-messages-%d-%d", h.serial%2, block)
}

func (h *generation) save(put func(key string, value []byte)) {
	for block := h.saved / blockRows; block*blockRows < len(h.rows); block++ {
		p := part{buf: []byte{format}}
		p.numbers(uint64(h.serial))
		for _, row := range h.rows[block*blockRows : min((block+1)*blockRows, len(h.rows))] {
			p.hashes(row.message, row.mailbox, row.other, row.subject)
			p.text(h.name(&row))
			p.numbers(uint64(row.at), uint64(row.size), uint64(row.kind))
		}
		put(h.key(block), sealed(p.buf))
	}
	h.saved = len(h.rows)
}

func (h *generation) load(read func(key string) *cursor) {
	for block := 0; ; block++ {
		c := read(h.key(block))
		if c == nil || c.time() != h.serial {
			break
		}
		for len(c.rest) > 0 && !c.bad {
			p := passed{message: c.hash(), mailbox: c.hash(), other: c.hash(), subject: c.hash()}
			name := c.text()
			p.at, p.size, p.kind = c.time(), c.time(), kind(c.flags())
			if !c.bad {
				h.add(p, name)
			}
		}
	}
	h.saved = len(h.rows)
}

// sealed is a part with a checksum before it, opened what was sealed.
func sealed(part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(part)), part...)
}

var errDamaged = errors.New("the stored state is damaged")

func opened(text []byte) (*cursor, error) {
	if len(text) < 5 || binary.BigEndian.Uint32(text) != crc32.ChecksumIEEE(text[4:]) || text[4] != format {
		return nil, errDamaged
	}
	return &cursor{rest: text[5:]}, nil
}
