// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"iter"
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// MaxWindow is the longest window that one query asks for. Both services allow ten days; shorter windows lose less
	// work when a query fails and let newer mail in between.
	MaxWindow = time.Hour

	// urgent is how long before the service drops mail it is read before newer backfill.
	urgent = 24 * time.Hour

	// minOwn is how long a stretch must be for a query of its own where newer mail is asked for anyway.
	minOwn = time.Minute
)

// Step is one window to read.
type Step struct {
	Window trace.Window
	Lane   trace.Lane
	// Redeliver reports whether the rows are to be delivered even if they have been before.
	Redeliver bool
}

// Steps walks the windows, none longer than the limits allow, that read all open time but what lies in skip: live mail
// first, then what is due again, then what somebody asked for, then backfill, each newest first, except that of all but the
// first two what the service will drop within a day comes before the rest, oldest first. With a range, the window of the
// latest tick comes first, then what earlier ones left. Nothing is asked for that the service no longer keeps at now, nor
// anything later than that; it must not change between two steps of a tick.
func Steps(s State, now time.Time, limits Limits, skip Intervals, cfg Config) iter.Seq[Step] {
	s, _ = DropUnkept(s, now, cfg)
	for _, open := range []*Intervals{&s.Unread, &s.Due, &s.Again, &s.Asked, &s.Redeliver} {
		*open = open.Within(trace.Window{End: now})
		for _, w := range skip {
			*open = open.Remove(w)
		}
	}
	p := stepper{limits: limits, leavesAt: now.Add(urgent + KeepMargin - cfg.Retention)}
	return func(yield func(Step) bool) {
		p.yield = yield
		if cfg.Range != nil {
			p.ofRange(s, cfg)
		} else {
			p.ofAges(s, cfg)
		}
	}
}

// stepper cuts sets of time into windows and yields them. Its methods return false when yield asked to stop.
type stepper struct {
	limits Limits
	// leavesAt is the instant before which the service will drop mail within a day.
	leavesAt time.Time
	yield    func(Step) bool
}

func (p *stepper) ofAges(s State, cfg Config) bool {
	live, backfill := split(s.Unread, liveFrom(s, cfg))
	again := s.Again
	for _, w := range s.Unread {
		again = again.Remove(w)
	}
	return p.newestFirst(live, Step{Lane: trace.Live}) && p.newestFirst(again, Step{Lane: trace.Revisit}) && p.asked(s) &&
		p.leavingFirst(backfill, Step{Lane: trace.Backfill})
}

func (p *stepper) ofRange(s State, cfg Config) bool {
	due, unread := withRemainder(s.Due, s.Unread)
	if !p.newestFirst(due, Step{Lane: trace.Scheduled}) || !p.asked(s) {
		return false
	}
	p.limits.Longest = min(p.limits.Longest, MaxWindow)
	return p.leavingFirst(unread, Step{Lane: cfg.Range.lane()})
}

func (p *stepper) asked(s State) bool {
	short := *p
	short.limits.Longest = min(p.limits.Longest, MaxWindow)
	return short.leavingFirst(s.Redeliver, Step{Lane: trace.Backfill, Redeliver: true}) &&
		short.leavingFirst(s.Asked, Step{Lane: trace.Backfill})
}

// newestFirst cuts a set into windows from its end on.
func (p *stepper) newestFirst(s Intervals, step Step) bool {
	for _, w := range slices.Backward(s) {
		for !w.Empty() {
			step.Window = trace.Window{Start: p.limits.start(w), End: w.End}
			if !p.yield(step) {
				return false
			}
			w.End = step.Window.Start
		}
	}
	return true
}

// leavingFirst cuts what the service will drop within a day into windows from its beginning on, and then the rest of the
// set. The last of the first windows is as long as the others, so that a border that moves with the ticks cuts off nothing.
func (p *stepper) leavingFirst(s Intervals, step Step) bool {
	rest := s
	for _, w := range s {
		for !w.Empty() && w.Start.Before(p.leavesAt) {
			step.Window = trace.Window{Start: w.Start, End: p.limits.end(w)}
			if !p.yield(step) {
				return false
			}
			rest, w.Start = rest.Remove(step.Window), step.Window.End
		}
	}
	return p.newestFirst(rest, step)
}

// liveFrom is where the newest mail begins, which is read before everything else.
func liveFrom(s State, cfg Config) time.Time {
	return later(s.Begin, s.Head.Add(-max(2*cfg.Interval, minLive)))
}

// split parts the unread time into live mail and backfill. Live mail takes a remainder of older mail along.
func split(unread Intervals, liveFrom time.Time) (live, backfill Intervals) {
	for _, w := range unread {
		switch {
		case !w.Start.Before(liveFrom), w.End.After(liveFrom) && liveFrom.Sub(w.Start) < minOwn:
			live = append(live, w)
		case w.End.After(liveFrom):
			live = append(live, trace.Window{Start: liveFrom, End: w.End})
			backfill = append(backfill, trace.Window{Start: w.Start, End: liveFrom})
		default:
			backfill = append(backfill, w)
		}
	}
	return live, backfill
}

// withRemainder lets the window of the latest tick take along a remainder that earlier ones left right before it: the last second
// of a window that ends now is always left, since the service may not show all of its mail yet.
func withRemainder(due, unread Intervals) (_, rest Intervals) {
	if len(due) == 0 {
		return due, unread
	}
	for _, w := range unread {
		if w.End.Equal(due[0].Start) && w.Duration() < minOwn {
			return due.Add(w), unread.Remove(w)
		}
	}
	return due, unread
}

// Requests is the least number of requests that reading at every tick takes within a stretch of time: one for new mail
// and one for each window of each age that is due.
func Requests(cfg Config, within time.Duration) int {
	requests := float64(within) / float64(cfg.Interval)
	if cfg.Range != nil {
		return int(requests * float64(cfg.Range.queries()))
	}
	for _, age := range cfg.Ages {
		// A stretch waits for whole ticks, as many as fit.
		stretch := max(cfg.Interval, (age / agePart).Truncate(cfg.Interval))
		windows := (stretch + MaxWindow - 1) / MaxWindow
		requests += float64(windows) * float64(within) / float64(stretch)
	}
	return int(requests)
}
