// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Limits bound the windows that are asked for. Its methods return new limits and leave the receiver as it was.
type Limits struct {
	// Longest bounds all windows.
	Longest time.Duration
	// narrowed are stretches with bounds of their own, ascending, none of which overlap.
	narrowed []narrowed
}

type narrowed struct {
	trace.Window
	longest time.Duration
}

// Narrow bounds the windows within w by longest. No window reaches across an end of w.
func (l Limits) Narrow(w trace.Window, longest time.Duration) Limits {
	l = l.Widen(w)
	i, _ := slices.BinarySearchFunc(l.narrowed, w, func(n narrowed, w trace.Window) int { return n.Start.Compare(w.Start) })
	l.narrowed = slices.Insert(slices.Clone(l.narrowed), i, narrowed{w, longest})
	return l
}

// Widen forgets the bounds within w.
func (l Limits) Widen(w trace.Window) Limits {
	var kept []narrowed
	for _, n := range l.narrowed {
		for _, rest := range (Intervals{n.Window}).Remove(w) {
			kept = append(kept, narrowed{rest, n.longest})
		}
	}
	l.narrowed = kept
	return l
}

// Within forgets the bounds of stretches in which nothing is open.
func (l Limits) Within(open Intervals) Limits {
	l.narrowed = slices.DeleteFunc(slices.Clone(l.narrowed), func(n narrowed) bool { return len(open.Within(n.Window)) == 0 })
	return l
}

// Narrowed reports whether w lies in a stretch with bounds of its own.
func (l Limits) Narrowed(w trace.Window) bool {
	return slices.ContainsFunc(l.narrowed, func(n narrowed) bool { return n.Contains(w.Start) && n.Contains(w.End) })
}

// AnyNarrowed reports whether any stretch has bounds of its own.
func (l Limits) AnyNarrowed() bool { return len(l.narrowed) > 0 }

// start is where a window that ends with w begins.
func (l Limits) start(w trace.Window) time.Time {
	start := later(w.Start, w.End.Add(-l.Longest))
	for _, n := range l.narrowed {
		switch {
		case !n.Start.Before(w.End) || !n.End.After(start):
		case n.End.Before(w.End):
			start = n.End
		default:
			start = later(start, later(n.Start, w.End.Add(-n.longest)))
		}
	}
	return start
}

// end is where a window that begins with w ends.
func (l Limits) end(w trace.Window) time.Time {
	end := earlier(w.End, w.Start.Add(l.Longest))
	for _, n := range slices.Backward(l.narrowed) {
		switch {
		case !n.End.After(w.Start) || !n.Start.Before(end):
		case n.Start.After(w.Start):
			end = n.Start
		default:
			end = earlier(end, earlier(n.End, w.Start.Add(n.longest)))
		}
	}
	return end
}
