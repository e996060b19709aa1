// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"encoding/binary"
	"math"
	"slices"
)

// part is a part of the state in the writing.
type part struct{ buf, found []byte }

func (p *part) numbers(all ...uint64) {
	for _, n := range all {
		p.buf = binary.AppendUvarint(p.buf, n)
	}
}

func (p *part) hashes(all ...uint64) {
	for _, n := range all {
		p.buf = binary.LittleEndian.AppendUint64(p.buf, n)
	}
}

func (p *part) text(s string) {
	p.numbers(uint64(len(s)))
	p.buf = append(p.buf, s...)
}

func (p *part) series(s *series, rule string) {
	inside := uint64(0)
	if s.inside {
		inside = 1
	}
	p.hashes(s.id)
	for _, text := range []string{rule, s.tenant, s.key, s.about} {
		p.text(text)
	}
	p.numbers(inside, uint64(s.until), uint64(len(s.entries)))
	for i := range s.entries {
		n := &s.entries[i]
		p.hashes(n.row, n.counted, n.message)
		p.numbers(uint64(n.at), uint64(n.expires), uint64(n.bytes), uint64(n.flags))
	}
	p.numbers(uint64(len(s.samples)))
	for i := range s.samples {
		p.hashes(s.samples[i].message)
		p.text(s.samples[i].id)
		p.text(s.samples[i].recipient)
	}
	p.numbers(uint64(len(s.marks)))
	for _, k := range s.marks {
		p.numbers(uint64(k.period), uint64(k.levels), uint64(k.until))
	}
	p.numbers(uint64(len(s.held)))
	for _, h := range s.held {
		p.hashes(h.message)
		p.numbers(uint64(h.due))
	}
	p.numbers(uint64(len(s.days)))
	for _, d := range s.days {
		p.numbers(uint64(d.number), uint64(d.bytes), uint64(d.messages)) //nolint:gosec // not negative
	}
}

// cursor reads a part. After the first mistake it is bad, and reads zeros.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) number() uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		c.bad, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

// time reads a number of 32 bits.
func (c *cursor) time() uint32 { return uint32(min(c.number(), math.MaxUint32)) }

// amount reads a number of 63 bits.
func (c *cursor) amount() int64 { return int64(min(c.number(), math.MaxInt64)) }

// flags reads a number of 8 bits.
func (c *cursor) flags() uint8 { return uint8(min(c.number(), math.MaxUint8)) }

// count reads how many elements follow, each of at least one byte.
func (c *cursor) count() int {
	n := c.number()
	if n > uint64(len(c.rest)) {
		c.bad, c.rest = true, nil
		return 0
	}
	return int(n) //nolint:gosec // bounded
}

func (c *cursor) hash() uint64 {
	if len(c.rest) < 8 {
		c.bad, c.rest = true, nil
		return 0
	}
	n := binary.LittleEndian.Uint64(c.rest)
	c.rest = c.rest[8:]
	return n
}

func (c *cursor) text() string {
	n := c.count()
	text := string(c.rest[:n])
	c.rest = c.rest[n:]
	return text
}

// allSeries reads series. Those of rules that are off are left out.
func (c *cursor) allSeries(e *Engine) (all []*series) {
	for len(c.rest) > 0 && !c.bad {
		if s := c.series(e.names); s.rule >= 0 && !c.bad {
			all = append(all, s)
		}
	}
	return all
}

func (c *cursor) series(rules []string) *series {
	s := &series{id: c.hash(), rule: slices.Index(rules, c.text()), tenant: c.text(), key: c.text(), about: c.text()}
	s.inside, s.until = c.number() == 1, c.time()
	for range c.count() {
		n := entry{row: c.hash(), counted: c.hash(), message: c.hash()}
		n.at, n.expires, n.bytes, n.flags = c.time(), c.time(), c.time(), c.flags()
		s.entries = append(s.entries, n)
	}
	for range c.count() {
		n := sample{c.hash(), c.text(), c.text()}
		s.samples, s.texts = append(s.samples, n), s.texts+len(n.id)+len(n.recipient)
	}
	for range c.count() {
		s.marks = append(s.marks, mark{c.time(), c.flags(), c.time()})
	}
	for range c.count() {
		s.held = append(s.held, hold{c.hash(), c.time()})
	}
	for range c.count() {
		s.days = append(s.days, day{c.time(), c.amount(), c.amount()})
	}
	return s
}

func (c *cursor) found(into map[uid]uint32) {
	for len(c.rest) >= 20 {
		into[uid(c.rest[:16])] = binary.BigEndian.Uint32(c.rest[16:])
		c.rest = c.rest[20:]
	}
}
