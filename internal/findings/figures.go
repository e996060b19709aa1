// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

// figures are what is in a window, or in several of them together.
type figures struct {
	// start is the time of the first entry, 0 for no certain one.
	start uint32
	// rows is the number of entries, distinct of what is counted once.
	rows, distinct, delivered int64
	bytes                     int64
}

// window is a window that crosses a threshold.
type window struct {
	figures
	entries []entry
	// count, of what the rule measures, is at least limit.
	count, limit int64
	// levels is how often the limit is reached, grown tenfold each time, in the period that the window counts for. It lies
	// in that period as a whole, or not.
	levels uint8
	whole  bool
	// skip tells what in entries does not count, until they are complete.
	skip func(*entry) bool
	// messages is the number of messages.
	messages int64
	end      uint32
}

// tally are figures that entries are put into and taken from.
type tally struct {
	figures
	counts map[uint64]int32
}

func newTally() *tally { return &tally{counts: map[uint64]int32{}} }

// usedAgain is for how many entries tallies are used again. To empty those of more takes longer than to make new ones.
const usedAgain = 512

// tallies are three empty tallies, valid until the next call.
func (e *Engine) tallies(entries int) (a, b, c *tally) {
	if entries > usedAgain || e.used[0] == nil {
		all := [...]*tally{newTally(), newTally(), newTally()}
		if entries <= usedAgain {
			e.used = all
		}
		return all[0], all[1], all[2]
	}
	for _, t := range e.used {
		clear(t.counts)
		t.figures = figures{}
	}
	return e.used[0], e.used[1], e.used[2]
}

func (t *tally) put(n *entry) {
	t.rows++
	t.bytes += int64(n.bytes)
	t.delivered += int64(n.flags & delivered)
	t.counts[n.counted]++
	if t.counts[n.counted] == 1 {
		t.distinct++
	}
}

func (t *tally) take(n *entry) {
	t.rows--
	t.bytes -= int64(n.bytes)
	t.delivered -= int64(n.flags & delivered)
	if t.counts[n.counted]--; t.counts[n.counted] == 0 {
		delete(t.counts, n.counted)
		t.distinct--
	}
}
