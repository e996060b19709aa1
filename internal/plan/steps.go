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

	// crumb is a stretch too short for a query of its own where newer mail is asked for anyway.
	crumb = time.Minute
)

// Step is one window to read.
type Step struct {
	Window trace.Window
	Lane   trace.Lane
	// Redeliver says that the rows are to be delivered even if they have been before.
	Redeliver bool
}

// Steps walks the windows, none longer than size, that read all open time but what lies in skip: live mail first, then
// what is due again, then what somebody asked for, then backfill, each newest first, except that backfill begins with what
// the service is about to drop. With a range, the window of the latest tick comes first, then what earlier ones left.
// Nothing is asked for that the service no longer keeps.
func Steps(s State, now time.Time, size time.Duration, skip Intervals, cfg Config) iter.Seq[Step] {
	s, _ = DropUnkept(s, now, cfg)
	for _, open := range []*Intervals{&s.Unread, &s.Due, &s.Again, &s.Asked, &s.Redeliver} {
		for _, w := range skip {
			*open = open.Remove(w)
		}
	}
	asked := func(yield func(Step) bool) bool {
		return steps(s.Redeliver, min(size, MaxWindow), trace.Backfill, func(step Step) bool {
			step.Redeliver = true
			return yield(step)
		}) && steps(s.Asked, min(size, MaxWindow), trace.Backfill, yield)
	}
	if cfg.Range != nil {
		due, unread := withCrumb(s.Due.Within(trace.Window{End: now}), s.Unread.Within(trace.Window{End: now}))
		return func(yield func(Step) bool) {
			_ = steps(due, size, trace.Scheduled, yield) && asked(yield) &&
				steps(unread, min(size, MaxWindow), cfg.Range.lane(), yield)
		}
	}
	unread, again := s.Unread, s.Again
	live, backfill := split(unread, later(s.Begin, s.Head.Add(-max(2*cfg.Interval, minLive))))
	leaving, staying := cut(backfill, now.Add(urgent+KeepMargin-cfg.Retention))
	for _, w := range unread {
		again = again.Remove(w)
	}
	return func(yield func(Step) bool) {
		_ = steps(live, size, trace.Live, yield) && steps(again, size, trace.Revisit, yield) && asked(yield) &&
			steps(leaving, size, trace.Backfill, yield) && steps(staying, size, trace.Backfill, yield)
	}
}

// split parts the unread time into live mail and backfill. Live mail takes a crumb of older mail along.
func split(unread Intervals, liveFrom time.Time) (live, backfill Intervals) {
	for _, w := range unread {
		switch {
		case !w.Start.Before(liveFrom), w.End.After(liveFrom) && liveFrom.Sub(w.Start) < crumb:
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

// withCrumb lets the window of the latest tick take along a crumb that earlier ones left right before it: the last second
// of a window that ends now is always left, since the service may not show all of its mail yet.
func withCrumb(due, unread Intervals) (_, rest Intervals) {
	if len(due) == 0 {
		return due, unread
	}
	for _, w := range unread {
		if w.End.Equal(due[0].Start) && w.Duration() < crumb {
			return due.Add(w), unread.Remove(w)
		}
	}
	return due, unread
}

// cut parts a set at an instant.
func cut(s Intervals, at time.Time) (before, after Intervals) {
	if len(s) == 0 {
		return nil, nil
	}
	return s.Within(trace.Window{End: at}), s.Within(trace.Window{Start: at, End: later(at, s[len(s)-1].End)})
}

// steps cuts a set into windows, newest first. It returns false when yield asked to stop.
func steps(s Intervals, size time.Duration, lane trace.Lane, yield func(Step) bool) bool {
	for _, w := range slices.Backward(s) {
		for !w.Empty() {
			start := later(w.Start, w.End.Add(-size))
			if !yield(Step{Window: trace.Window{Start: start, End: w.End}, Lane: lane}) {
				return false
			}
			w.End = start
		}
	}
	return true
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
