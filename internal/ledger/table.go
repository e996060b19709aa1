// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// table maps the keys of rows to their versions, with open addressing. Keys are hashes already, of a kind that nobody can
// choose, so that looking one up takes half the time that it takes in a map.
type table struct {
	// A free slot has a version without records.
	slots []slot
	count int
}

type slot struct {
	key trace.Key
	version
}

// minSlots is how many slots a table has at least.
const minSlots = 16

// newTable returns an empty table with room for so many rows.
func newTable(rows int) *table {
	return &table{slots: make([]slot, slotsFor(rows))}
}

// emptied returns the table without its rows.
func (t *table) emptied() *table {
	clear(t.slots)
	t.count = 0
	return t
}

// slotsFor returns how many slots so many rows take. A third is free, and a quarter at least once more rows have come.
func slotsFor(rows int) int { return max(minSlots, rows+rows/2) }

// find returns the slot that has the key, or else the free one where it belongs.
func (t *table) find(k *trace.Key) *slot {
	for i := t.home(k); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		if s := &t.slots[i]; s.count == 0 || s.key == *k {
			return s
		}
	}
}

// home returns where the search for a key begins.
func (t *table) home(k *trace.Key) int {
	first, _ := bits.Mul64(binary.LittleEndian.Uint64(k[:]), uint64(len(t.slots)))
	return int(first) //nolint:gosec // less than the number of slots
}

// maxOthers is how many others a key that is a hash is found behind, at the most. Keys that somebody has chosen may be
// behind all others, so that looking them up takes long.
const maxOthers = 1000

// crowded reports whether the key, which the table has, is none that is a hash.
func (t *table) crowded(k *trace.Key) bool {
	i := t.home(k)
	for range maxOthers {
		if t.slots[i].key == *k {
			return false
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return true
}

// get returns the version of the row with the key, if there is one.
func (t *table) get(k trace.Key) (v version, ok bool) {
	s := t.find(&k)
	return s.version, s.count > 0
}

// claim returns where the version of the row with the key is. That of a new row has no records yet, and is to be given at
// least one.
func (t *table) claim(k *trace.Key) *version {
	s := t.find(k)
	if s.count == 0 {
		if t.count++; t.count > len(t.slots)*3/4 {
			t.grow()
			s = t.find(k)
		}
		s.key = *k
	}
	return &s.version
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, len(old)+len(old)/2)
	for i := range old {
		if old[i].count > 0 {
			*t.find(&old[i].key) = old[i]
		}
	}
}

// keys walks the keys.
func (t *table) keys() iter.Seq[trace.Key] {
	return func(yield func(trace.Key) bool) {
		for i := range t.slots {
			if t.slots[i].count > 0 && !yield(t.slots[i].key) {
				return
			}
		}
	}
}
