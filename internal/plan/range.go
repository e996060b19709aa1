// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// MaxQuery is the longest window that the services allow.
	MaxQuery = 10 * 24 * time.Hour

	// relative names every range that moves with the ticks, so that a position outlives a change from one to another.
	relative = "relative"

	// maxMissed is how many missed ticks are looked at one by one. Between the first and the last of those before them
	// everything is read, which bounds the size of the state.
	maxMissed = 1000

	// maxDone is how many absolute ranges are remembered as read.
	maxDone = 100
)

// Range is the stretch of mail that is read at each tick.
type Range struct {
	// Absolute names a range that is the same at every tick, and read once; empty for one that moves.
	Absolute string
	// At returns the window of a tick. It never moves back from tick to tick.
	At func(tick time.Time) trace.Window
}

func (r *Range) name() string {
	switch {
	case r == nil:
		return ""
	case r.Absolute != "":
		return r.Absolute
	}
	return relative
}

// lane is the lane of what is read of the range apart from the window of the latest tick.
func (r *Range) lane() trace.Lane {
	if r.Absolute != "" {
		return trace.Backfill
	}
	return trace.Scheduled
}

// queries is the least number of queries that a tick takes.
func (r *Range) queries() int {
	if r.Absolute != "" {
		return 0
	}
	return int((r.At(time.Unix(0, 0)).Duration() + MaxQuery - 1) / MaxQuery)
}

// LongestWindow is the longest window that one query asks for.
func (cfg Config) LongestWindow() time.Duration {
	if cfg.Range != nil && cfg.Range.Absolute == "" {
		return MaxQuery
	}
	return MaxWindow
}

// LastTick is the latest tick at now.
func (cfg Config) LastTick(now time.Time) time.Time {
	return now.Add(-cfg.Offset).Truncate(cfg.Interval).Add(cfg.Offset)
}

// Abandoned is the open time that the next tick gives up, since the configuration has changed between ages and a range, or
// from one absolute range to another.
func Abandoned(s State, cfg Config) Intervals {
	if s.Range == cfg.Range.name() {
		return nil
	}
	return s.Unread.Union(s.Due)
}

// tickRange opens the window of the tick, and those of the ticks that were missed before it.
func tickRange(s State, tick time.Time, cfg Config) State {
	if cfg.Range.Absolute != "" {
		return tickOnce(s, tick, cfg.Range)
	}
	if !tick.After(s.Ticked) {
		return s
	}
	due := cfg.Range.At(tick)
	s.Unread = s.Unread.Union(s.Due).Union(missed(s.Ticked, tick, cfg)).Remove(due)
	s.Due = Intervals{}.Add(due)
	s.Begin, s.Head, s.Ticked = due.Start, due.End, tick
	return s
}

// tickOnce opens an absolute range at the first tick, and notes at a later one that it has been read.
func tickOnce(s State, tick time.Time, r *Range) State {
	s.Ticked = tick
	switch {
	case slices.Contains(s.Done, r.Absolute):
	case s.Begin.IsZero():
		all := r.At(tick)
		s.Begin, s.Head = all.Start, all.End
		s.Unread = s.Unread.Add(all)
	case len(s.Unread) == 0:
		s.Done = append(slices.Clone(s.Done[max(0, len(s.Done)+1-maxDone):]), r.Absolute)
	}
	return s
}

// missed is what the ticks after last and before tick would have read.
func missed(last, tick time.Time, cfg Config) (all Intervals) {
	if last.IsZero() {
		return nil
	}
	first := cfg.LastTick(last).Add(cfg.Interval)
	if from := tick.Add(-maxMissed * cfg.Interval); first.Before(from) {
		all = all.Add(trace.Window{Start: cfg.Range.At(first).Start, End: cfg.Range.At(from).End})
		first = from
	}
	for t := first; t.Before(tick); t = t.Add(cfg.Interval) {
		all = all.Add(cfg.Range.At(t))
	}
	return all
}

// readDue closes the window in that of the latest tick.
func (s State) readDue(w trace.Window) State {
	if len(s.Due) == 0 {
		return s
	}
	if s.Due = s.Due.Remove(w); len(s.Due) == 0 {
		s.Finished = s.Head
	}
	return s
}

// pullBackRange corrects the ticks of a clock that was ahead. What they opened is read as far as it exists by now.
func pullBackRange(s State, now time.Time) State {
	if !s.Ticked.After(now) {
		return s
	}
	ahead := trace.Window{Start: now, End: later(s.Head, now)}
	s.Unread, s.Due = s.Unread.Remove(ahead), s.Due.Remove(ahead)
	s.Ticked, s.Head, s.Begin, s.Finished = now, earlier(s.Head, now), earlier(s.Begin, now), earlier(s.Finished, now)
	return s
}

// MayComeAgain says whether a window can still bring rows that were received in w: an open one, the next one, or one of an
// age that has not been served past the end of w. Windows include their ends.
func MayComeAgain(s State, w trace.Window) bool {
	touches := func(open trace.Window) bool { return !open.Start.After(w.End) && !open.End.Before(w.Start) }
	for _, open := range []Intervals{s.Unread, s.Due, s.Again, s.Asked, s.Redeliver} {
		if slices.ContainsFunc(open, touches) {
			return true
		}
	}
	switch s.Range {
	case "":
		return !s.Head.After(w.End) || slices.ContainsFunc(s.Served, func(each Served) bool { return !each.UpTo.After(w.End) })
	case relative:
		return !s.Begin.After(w.End)
	}
	return false
}

// LastChance says whether no window that becomes due later brings a row that was received at the given instant once more.
// The reading that brought it began at the other instant.
func LastChance(s State, received, began time.Time, cfg Config) bool {
	switch {
	case cfg.Range == nil:
		return len(cfg.Ages) == 0 || !began.Before(received.Add(cfg.Ages[len(cfg.Ages)-1]))
	case cfg.Range.Absolute != "":
		return true
	}
	return received.Before(cfg.Range.At(s.Ticked.Add(cfg.Interval)).Start)
}

// Ask opens a window that somebody asks for, whether or not it has been read.
func Ask(s State, w trace.Window, redeliver bool) State {
	if redeliver {
		s.Redeliver = s.Redeliver.Add(w)
	} else {
		s.Asked = s.Asked.Add(w)
	}
	return s
}

// Redelivered closes the window in what was to be delivered again.
func Redelivered(s State, w trace.Window) State {
	s.Redeliver = s.Redeliver.Remove(w)
	return s
}

// GiveUp closes a window of backfill that nobody wants any more, and returns what of it has never been read.
func GiveUp(s State, w trace.Window) (rest State, gap Intervals) {
	gap = s.Unread.Within(w).Union(s.Asked.Within(w))
	s.Unread, s.Asked, s.Redeliver = s.Unread.Remove(w), s.Asked.Remove(w), s.Redeliver.Remove(w)
	return s, gap
}
