// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package plan decides which windows of received time are read, and in which order. It is pure: the same state, tick and
// configuration give the same windows; there is no clock, no I/O and no logger in it.
//
// Rows appear late and change in place, and neither service can be asked for what changed. So every second of mail is
// read once as soon as possible and again at each of the configured ages. Whatever is due is open time; a read closes it,
// and whatever fails, stays open.
package plan

import (
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// KeepMargin is kept clear of the instant at which the service drops mail by what is newly asked for, since a query that
	// begins before that instant is refused whole. Half of it is left for the reading.
	KeepMargin = time.Hour
	dropMargin = KeepMargin / 2

	// minLive is the least stretch of newest mail that is read before everything else.
	minLive = 10 * time.Minute

	// beginSlack is how much earlier than its tick a reading may seem to begin, by a clock that is known to the second.
	beginSlack = 2 * time.Second

	// agePart is the part of an age that a stretch due at this age may wait for company: a twelfth.
	agePart = 12
)

// Config is what of the receiver's configuration the plan depends on.
type Config struct {
	// Interval is the time between ticks.
	Interval time.Duration
	// InitialLookback is how much mail from before the first start is read.
	InitialLookback time.Duration
	// MinAge is how old mail is before it is asked for.
	MinAge time.Duration
	// Ages are the ages at which mail is read again, ascending, each greater than MinAge.
	Ages []time.Duration
	// Retention is how long the service keeps mail.
	Retention time.Duration
	// Offset is how much later than the multiples of Interval the ticks are.
	Offset time.Duration
	// Hold reports whether rows are held back until their last age has passed, so that what has been read may not have been
	// delivered.
	Hold bool
	// Range is the stretch of mail that each tick reads instead of what InitialLookback, MinAge and Ages select; nil if they do.
	Range *Range
}

// State is what the plan has to remember from tick to tick. Its zero value stands for a receiver that never ran.
type State struct {
	// Begin is the head of the first tick. Mail received before it is only ever backfill.
	Begin time.Time
	// Head is the instant up to which received time has been opened.
	Head time.Time
	// Ticked is the latest tick.
	Ticked time.Time
	// Unread is the open time that has not been read at all.
	Unread Intervals `json:",omitempty"`
	// Again is the open time that has been read, but is due at a greater age.
	Again Intervals `json:",omitempty"`
	// Served is for each age the instant up to which mail has been opened or read at this age.
	Served []Served `json:",omitempty"`
	// Held reports whether rows have been held back, as Config.Hold did at the latest tick.
	Held bool `json:",omitempty"`

	// Range names the range that all of the above is about: with a relative one, Begin and Head are the ends of the window of
	// the latest tick.
	Range string `json:",omitempty"`
	// Due is what has not been read of the window of the latest tick.
	Due Intervals `json:",omitempty"`
	// Finished is the end of the newest window of a tick that has been read.
	Finished time.Time `json:",omitzero"`
	// Done names the absolute ranges that have been read, the latest last.
	Done []string `json:",omitempty"`

	// Asked is the time that somebody has asked for and that has not been read since.
	Asked Intervals `json:",omitempty"`
	// Redeliver is the same of what is to be delivered even if it has been before.
	Redeliver Intervals `json:",omitempty"`
}

// Served is the instant up to which mail has been opened or read at an age.
type Served struct {
	Age  time.Duration
	UpTo time.Time
}

// Tick opens the received time that became due between the last tick and this one. Nothing moves back: a tick before an
// earlier one opens nothing. An age that is new in the configuration begins at oldestKnown at the earliest, the oldest
// mail whose rows are remembered.
func Tick(s State, tick, oldestKnown time.Time, cfg Config) State {
	if s.Range != cfg.Range.name() {
		s = changeMode(s, cfg)
	}
	if cfg.Range != nil {
		return tickRange(s, tick, cfg)
	}
	head := tick.Add(-cfg.MinAge)
	if s.Begin.IsZero() {
		s.begin(tick, cfg)
	}
	s.Unread = s.Unread.Add(trace.Window{Start: s.Head, End: head})
	s.Head, s.Ticked = later(s.Head, head), later(s.Ticked, tick)

	s = releaseHeld(s, cfg)
	s.Held = cfg.Hold
	served := make([]Served, 0, len(cfg.Ages))
	for _, age := range cfg.Ages {
		upTo, known := servedUpTo(s, age)
		if !known {
			upTo = later(tick.Add(-age), oldestKnown)
		}
		due := trace.Window{Start: upTo, End: tick.Add(-age)}
		// At the next tick the stretch would be longer than it may be.
		if due.Duration()+cfg.Interval > age/agePart {
			s.Again = s.Again.Add(due)
			upTo = later(upTo, due.End)
		}
		served = append(served, Served{Age: age, UpTo: upTo})
	}
	s.Served = served
	return s
}

// begin makes the state that of before the very first tick. Revisits never bring mail that nobody asked for.
func (s *State) begin(tick time.Time, cfg Config) {
	s.Begin = tick.Add(-cfg.MinAge)
	s.Head = s.Begin.Add(-cfg.InitialLookback)
	s.Served = nil
	for _, age := range cfg.Ages {
		s.Served = append(s.Served, Served{Age: age, UpTo: later(tick.Add(-age), s.Head)})
	}
}

func servedUpTo(s State, age time.Duration) (upTo time.Time, known bool) {
	i := slices.IndexFunc(s.Served, func(each Served) bool { return each.Age == age })
	if i < 0 {
		return time.Time{}, false
	}
	return s.Served[i].UpTo, true
}

// Read closes the window, whose reading began at the given instant. It serves every age that its mail had by then.
func Read(s State, w trace.Window, began time.Time) State {
	s.Unread = s.Unread.Remove(w)
	s.Asked = s.Asked.Remove(w)
	s = s.readDue(w)
	// What has become due since the reading began was too young for it.
	if !began.Before(s.Ticked.Add(-beginSlack)) {
		s.Again = s.Again.Remove(w)
	}
	s.Served = slices.Clone(s.Served)
	for i, each := range s.Served {
		oldEnough := earlier(w.End, began.Add(-each.Age))
		if !w.Start.After(each.UpTo) {
			s.Served[i].UpTo = later(each.UpTo, oldEnough)
		}
	}
	return s
}

// DropUnkept gives up the open time that the service no longer keeps at now, or will have dropped before it can be read.
// What of it has never been read is the gap, and with Hold what may never have been delivered.
func DropUnkept(s State, now time.Time, cfg Config) (kept State, gap Intervals) {
	return Drop(s, trace.Window{End: now.Add(dropMargin - cfg.Retention)}, cfg)
}

// Drop gives up the open time in a window that the service does not keep, and returns what of it has never been read.
func Drop(s State, unkept trace.Window, cfg Config) (kept State, gap Intervals) {
	gap = s.Unread.Within(unkept).Union(s.Due.Within(unkept)).Union(unread(s, s.Asked.Within(unkept), cfg))
	if cfg.Hold {
		gap = gap.Union(s.Again.Within(unkept))
	}
	for _, open := range []*Intervals{&s.Unread, &s.Due, &s.Again, &s.Asked, &s.Redeliver} {
		*open = open.Remove(unkept)
	}
	return s, gap
}

// PullBack corrects a position that is ahead of the present, which is what is left after a clock that was ahead. Nothing
// that has been read is opened again; what was opened of the future is due when its time has come. If the very first tick
// was by that clock, the look-back begins as much earlier as the first tick should have been.
func PullBack(s State, now time.Time, cfg Config) State {
	if s.Range != "" {
		return pullBackRange(s, now)
	}
	if !s.Head.After(now) {
		return s
	}
	head := now.Add(-cfg.MinAge)
	if head.Before(s.Begin) {
		s.Unread = s.Unread.Add(trace.Window{Start: head.Add(-cfg.InitialLookback), End: s.Begin.Add(-cfg.InitialLookback)})
		s.Begin = head
	}
	ahead := trace.Window{Start: head, End: s.Head}
	s.Unread, s.Again = s.Unread.Remove(ahead), s.Again.Remove(ahead)
	s.Head, s.Ticked = head, now
	s.Served = slices.Clone(s.Served)
	for i, each := range s.Served {
		s.Served[i].UpTo = earlier(each.UpTo, later(now.Add(-each.Age), s.Begin.Add(-cfg.InitialLookback)))
	}
	return s
}

// Reopen opens a window again that has been closed since the state was as before: its rows turned out not to be in the order
// that proved that all of them had come.
func Reopen(s, before State, w trace.Window) State {
	s.Unread = s.Unread.Union(before.Unread.Within(w))
	s.Again = s.Again.Union(before.Again.Within(w))
	if due := before.Due.Within(w); len(due) > 0 {
		s.Due, s.Finished = s.Due.Union(due), earlier(s.Finished, before.Finished)
	}
	s.Asked = s.Asked.Union(before.Asked.Within(w))
	s.Redeliver = s.Redeliver.Union(before.Redeliver.Within(w))
	s.Served = slices.Clone(s.Served)
	for i, each := range s.Served {
		if upTo, known := servedUpTo(before, each.Age); known && !w.End.Before(upTo) {
			s.Served[i].UpTo = earlier(each.UpTo, later(upTo, w.Start))
		}
	}
	return s
}

// Open is all time that is still to be read, for whatever reason.
func Open(s State) Intervals {
	return s.Unread.Union(s.Due).Union(s.Again).Union(s.Asked).Union(s.Redeliver)
}

// Backfill is the open time that is read as backfill: older mail that has never been read, and what somebody has asked for.
func Backfill(s State, cfg Config) Intervals {
	older := s.Unread
	if cfg.Range == nil {
		_, older = split(s.Unread, liveFrom(s, cfg))
	}
	return older.Union(s.Asked).Union(s.Redeliver)
}

// Position is the instant up to which the plan has got.
func Position(s State) time.Time {
	if s.Range == "" {
		return s.Head
	}
	return s.Ticked
}

// CompleteUpTo is the instant up to which all mail that could be asked for has been read at least once.
func CompleteUpTo(s State) time.Time {
	if open := s.Unread.Union(s.Due); len(open) > 0 {
		return open[0].Start
	}
	return s.Head
}

// LiveUpTo is the instant up to which all mail since the first start has been read, whatever is still open of older mail;
// with a range, zero before the first of its windows has been read.
func LiveUpTo(s State) time.Time {
	if s.Range != "" {
		return s.Finished
	}
	if unread := s.Unread.Within(trace.Window{Start: s.Begin, End: s.Head}); len(unread) > 0 {
		return unread[0].Start
	}
	return s.Head
}

// SettledUpTo is the instant up to which mail has been read at every age: nothing before it is expected to change.
func SettledUpTo(s State) time.Time {
	if s.Range != "" {
		return s.Finished
	}
	upTo := CompleteUpTo(s)
	if len(s.Again) > 0 {
		upTo = earlier(upTo, s.Again[0].Start)
	}
	for _, each := range s.Served {
		upTo = earlier(upTo, each.UpTo)
	}
	return upTo
}
