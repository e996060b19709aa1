// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Intervals is a set of received time: ascending windows that neither overlap nor touch. Its methods return a new set and
// leave the receiver as it was.
type Intervals []trace.Window

// Add returns the set with w in it.
func (s Intervals) Add(w trace.Window) Intervals {
	if w.Empty() {
		return s
	}
	out := make(Intervals, 0, len(s)+1)
	for i, have := range s {
		if have.End.Before(w.Start) {
			out = append(out, have)
			continue
		}
		if w.End.Before(have.Start) {
			return append(append(out, w), s[i:]...)
		}
		w = trace.Window{Start: earlier(w.Start, have.Start), End: later(w.End, have.End)}
	}
	return append(out, w)
}

// Remove returns the set without w. What remains on either side keeps its edge, since windows include both their ends.
func (s Intervals) Remove(w trace.Window) Intervals {
	if w.Empty() {
		return s
	}
	out := make(Intervals, 0, len(s)+1)
	for _, have := range s {
		before := trace.Window{Start: have.Start, End: earlier(have.End, w.Start)}
		after := trace.Window{Start: later(have.Start, w.End), End: have.End}
		for _, rest := range []trace.Window{before, after} {
			if !rest.Empty() {
				out = append(out, rest)
			}
		}
	}
	return out
}

// Union returns what is in either set.
func (s Intervals) Union(t Intervals) Intervals {
	for _, w := range t {
		s = s.Add(w)
	}
	return s
}

// Within returns what of the set lies in w.
func (s Intervals) Within(w trace.Window) Intervals {
	var out Intervals
	for _, have := range s {
		cut := trace.Window{Start: later(have.Start, w.Start), End: earlier(have.End, w.End)}
		if !cut.Empty() {
			out = append(out, cut)
		}
	}
	return out
}

// Duration is the length of all windows together.
func (s Intervals) Duration() (sum time.Duration) {
	for _, w := range s {
		sum += w.Duration()
	}
	return sum
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
