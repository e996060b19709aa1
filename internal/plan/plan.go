// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package plan decides which windows of received time are read, and in which order. It is pure: the same state, tick and
// configuration give the same windows; there is no clock, no I/O and no logger in it.
package plan

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// MaxWindow is the longest window that one query asks for. Both services allow ten days; shorter windows lose less
	// work when a query fails and let newer mail in between.
	MaxWindow = time.Hour

	// keepMargin is kept clear of the instant at which the service drops mail, since a query that begins before it is
	// refused whole.
	keepMargin = time.Hour

	// minWindow is the least stretch of older mail that is worth a query of its own where newer mail is asked for anyway.
	minWindow = time.Minute

	// minLive is the least stretch of newest mail that is read before everything else.
	minLive = 10 * time.Minute
)

// Config is what of the receiver's configuration the plan depends on.
type Config struct {
	// Interval is the time between ticks.
	Interval time.Duration
	// InitialLookback is how much mail from before the first start is read.
	InitialLookback time.Duration
	// MinAge is how old mail is before it is asked for.
	MinAge time.Duration
	// Retention is how long the service keeps mail.
	Retention time.Duration
}

// State is what the plan has to remember from tick to tick. Its zero value stands for a receiver that never ran.
type State struct {
	// Begin is the head of the first tick. Mail received before it is only ever backfill.
	Begin time.Time
	// Head is the instant up to which received time has been opened.
	Head time.Time
	// Open is the received time that still has to be read. Whatever fails, stays open.
	Open Intervals
}

// Step is one window to read.
type Step struct {
	Window trace.Window
	Lane   trace.Lane
}

// Tick opens the received time that became due between the last tick and this one. Nothing moves back: a tick before an
// earlier one opens nothing.
func Tick(s State, tick time.Time, cfg Config) State {
	head := tick.Add(-cfg.MinAge)
	if s.Begin.IsZero() {
		s = State{Begin: head, Head: head.Add(-cfg.InitialLookback)}
	}
	s.Open = s.Open.Add(trace.Window{Start: s.Head, End: head})
	s.Head = later(s.Head, head)
	return s
}

// DropUnkept gives up the open time that the service no longer keeps at now, or will have dropped before it can be read,
// and returns it as the gap.
func DropUnkept(s State, now time.Time, cfg Config) (kept State, gap Intervals) {
	var forever time.Time
	unkept := trace.Window{Start: forever, End: now.Add(keepMargin - cfg.Retention)}
	gap = s.Open.Within(unkept)
	s.Open = s.Open.Remove(unkept)
	return s, gap
}

// Read closes the part of the open time that has been read.
func Read(s State, w trace.Window) State {
	s.Open = s.Open.Remove(w)
	return s
}

// Steps returns the windows that read all open time, newest first: live mail, then backfill.
func Steps(s State, cfg Config) []Step {
	live := later(s.Begin, s.Head.Add(-max(2*cfg.Interval, minLive)))
	var steps []Step
	for i := len(s.Open) - 1; i >= 0; i-- {
		newer := trace.Window{Start: later(s.Open[i].Start, live), End: s.Open[i].End}
		older := trace.Window{Start: s.Open[i].Start, End: earlier(s.Open[i].End, live)}
		if !newer.Empty() && older.Duration() < minWindow {
			newer.Start, older = earlier(newer.Start, older.Start), trace.Window{}
		}
		steps = appendSteps(steps, newer, trace.Live)
		steps = appendSteps(steps, older, trace.Backfill)
	}
	return steps
}

// CompleteUpTo is the instant up to which all mail that could be asked for has been read.
func CompleteUpTo(s State) time.Time {
	if len(s.Open) > 0 {
		return s.Open[0].Start
	}
	return s.Head
}

// LiveUpTo is the instant up to which the newest mail has been read, whatever is still open of older mail.
func LiveUpTo(s State) time.Time {
	if n := len(s.Open); n > 0 && s.Open[n-1].End.Equal(s.Head) {
		return s.Open[n-1].Start
	}
	return s.Head
}

func appendSteps(steps []Step, w trace.Window, lane trace.Lane) []Step {
	for !w.Empty() {
		start := later(w.Start, w.End.Add(-MaxWindow))
		steps = append(steps, Step{Window: trace.Window{Start: start, End: w.End}, Lane: lane})
		w.End = start
	}
	return steps
}
