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
		return tickOnce(s, tick, cfg)
	}
	if !tick.After(s.Ticked) {
		return s
	}
	due := cfg.kept(cfg.Range.At(tick), tick)
	s.Held = cfg.Hold
	s.Unread = s.Unread.Union(s.Due).Union(missed(s.Ticked, tick, cfg)).Remove(due)
	s.Due = Intervals{}.Add(due)
	s.Begin, s.Head, s.Ticked = due.Start, due.End, tick
	return s
}

// tickOnce opens an absolute range at the first tick, and notes at a later one that it has been read.
func tickOnce(s State, tick time.Time, cfg Config) State {
	s.Ticked = tick
	if s.Head.IsZero() && !slices.Contains(s.Done, cfg.Range.Absolute) {
		all := cfg.kept(cfg.Range.At(tick), tick)
		s.Begin, s.Head = all.Start, all.End
		s.Unread = s.Unread.Add(all)
		return s
	}
	return noteDone(s)
}

// kept returns what of a window is worth asking for at a tick: what the service has dropped before anybody asked is no gap.
func (cfg Config) kept(w trace.Window, tick time.Time) trace.Window {
	w.Start = later(w.Start, tick.Add(KeepMargin-cfg.Retention))
	w.End = later(w.End, w.Start)
	return w
}

// noteDone notes that an absolute range has been read.
func noteDone(s State) State {
	if s.Range == "" || s.Range == relative || s.Head.IsZero() || len(s.Unread) > 0 || slices.Contains(s.Done, s.Range) {
		return s
	}
	s.Done = append(slices.Clone(s.Done[max(0, len(s.Done)+1-maxDone):]), s.Range)
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

// readDue closes the window in that of the latest tick, which is read newest first.
func (s State) readDue(w trace.Window) State {
	if len(s.Due) == 0 {
		return s
	}
	switch s.Due = s.Due.Remove(w); {
	case len(s.Due) == 0:
		s.Finished = s.Head
	case s.Due[0].Start.After(s.Begin):
		s.Finished = later(s.Finished, s.Due[0].Start)
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

// keepInRange is how long rows are remembered with a range even if it does not bring them again, so that a change back to
// ages delivers nothing twice. It is as long as the longest age by default.
const keepInRange = 30 * time.Hour

// MayComeAgain reports whether a window can still bring rows that were received in w: an open one, the next one, or one of an
// age that has not been served past the end of w. Windows include their ends.
func MayComeAgain(s State, w trace.Window) bool {
	if s.willBeDue(w.End) {
		return true
	}
	touches := func(open trace.Window) bool { return !open.Start.After(w.End) && !open.End.Before(w.Start) }
	for _, open := range []Intervals{s.Unread, s.Due, s.Again, s.Asked, s.Redeliver} {
		if slices.ContainsFunc(open, touches) {
			return true
		}
	}
	return false
}

// willBeDue reports whether a window that becomes due later can bring rows that were received up to end.
func (s State) willBeDue(end time.Time) bool {
	if s.Range == "" {
		return !s.Head.After(end) || slices.ContainsFunc(s.Served, func(each Served) bool { return !each.UpTo.After(end) })
	}
	return !s.Ticked.Add(-keepInRange).After(end) || s.Range == relative && !s.Begin.After(end)
}

// LastChance reports whether no window that becomes due later brings a row that was received at the given instant once more.
// The reading that brought it began at the other instant.
func LastChance(s State, received, began time.Time, cfg Config) bool {
	switch {
	case cfg.Range == nil:
		return !slices.ContainsFunc(s.Served, func(each Served) bool {
			return !each.UpTo.After(received) && began.Before(received.Add(each.Age))
		})
	case cfg.Range.Absolute != "":
		return true
	}
	return received.Before(cfg.Range.At(s.Ticked.Add(cfg.Interval)).Start)
}

// changeMode begins a new position. What has been read but perhaps not delivered is read once more.
func changeMode(s State, cfg Config) State {
	s = noteDone(s)
	next := State{Range: cfg.Range.name(), Done: s.Done, Asked: s.Asked, Redeliver: s.Redeliver}
	if !s.Held {
		return next
	}
	from := s.Head
	if s.Range == relative {
		from = s.Begin
	}
	for _, each := range s.Served {
		from = earlier(from, each.UpTo)
	}
	next.Asked = next.Asked.Add(trace.Window{Start: from, End: s.Head})
	return next
}

// releaseHeld opens once more what may have been held back for ages that are no longer in the configuration, or all of it
// when nothing is held back any more.
func releaseHeld(s State, cfg Config) State {
	if !s.Held {
		return s
	}
	upTo, last := s.Head, time.Duration(0)
	if n := len(cfg.Ages); n > 0 && cfg.Hold {
		last = cfg.Ages[n-1]
		if served, known := servedUpTo(s, last); known {
			upTo = served
		}
	}
	for _, each := range s.Served {
		if each.Age > last {
			s.Again = s.Again.Add(trace.Window{Start: each.UpTo, End: upTo})
		}
	}
	return s
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

// Withdraw closes windows that somebody has asked for and no longer wants. What of them has never been read is the gap.
func Withdraw(s State, windows Intervals, cfg Config) (rest State, gap Intervals) {
	for _, w := range windows {
		gap = gap.Union(unread(s, s.Asked.Within(w), cfg))
		s.Asked, s.Redeliver = s.Asked.Remove(w), s.Redeliver.Remove(w)
	}
	return s, gap
}

// GiveUp closes windows of backfill that nobody wants any more. What of them has never been read is the gap.
func GiveUp(s State, windows Intervals, cfg Config) (rest State, gap Intervals) {
	s, gap = Withdraw(s, windows, cfg)
	for _, w := range windows {
		gap = gap.Union(s.Unread.Within(w))
		s.Unread = s.Unread.Remove(w)
	}
	return s, gap
}

// unread is what of the windows has not been read, nor is going to be.
func unread(s State, windows Intervals, cfg Config) Intervals {
	first := s.Begin
	if s.Range == "" {
		first = first.Add(-cfg.InitialLookback)
	}
	return windows.Remove(trace.Window{Start: first, End: s.Head})
}
