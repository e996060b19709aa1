// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// bounds are what follows from windows that could not be read. Both workers share them, since mail passes from one to the
// other as it grows older.
type bounds struct {
	mu sync.Mutex
	// narrowed bounds the windows that are asked for, and deferred is what is not asked for.
	narrowed plan.Limits
	deferred deferred
}

// limits bound the windows that are asked for at present, none of them longer than longest.
func (b *bounds) limits(longest time.Duration) plan.Limits {
	b.mu.Lock()
	defer b.mu.Unlock()
	limits := b.narrowed
	limits.Longest = longest
	return limits
}

func (b *bounds) narrow(w trace.Window, longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.narrowed = b.narrowed.Narrow(w, longest)
}

func (b *bounds) widen(w trace.Window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.narrowed = b.narrowed.Widen(w)
}

// put puts off windows at now.
func (b *bounds) put(windows plan.Intervals, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deferred.put(windows, now)
}

// putOff is the mail that is not asked for at now.
func (b *bounds) putOff(now time.Time) plan.Intervals {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deferred.at(now)
}

// forget forgets the bounds of mail that is not open, since it has been read or given up, and reports whether any others
// are left.
func (b *bounds) forget(open plan.Intervals) (left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.narrowed = b.narrowed.Within(open)
	b.deferred.forget(open)
	return b.narrowed.AnyNarrowed() || len(b.deferred.waits) > 0
}

// deferred is the mail that is not asked for again before a time. Times have a monotonic part, so that a clock that is set
// neither puts mail off for longer nor asks for it before its time.
type deferred struct {
	until map[time.Time]plan.Intervals
	// waits are for how long mail has been put off that has not been read since.
	waits map[time.Duration]plan.Intervals
}

// put puts off windows at now, each for twice as long as the last time.
func (d *deferred) put(windows plan.Intervals, now time.Time) {
	if d.until == nil {
		d.until, d.waits = map[time.Time]plan.Intervals{}, map[time.Duration]plan.Intervals{}
	}
	for _, w := range windows {
		wait := d.next(w)
		d.waits[wait] = d.waits[wait].Add(w)
		d.until[now.Add(wait)] = d.until[now.Add(wait)].Add(w)
	}
}

// next is for how long a window is put off next.
func (d *deferred) next(w trace.Window) time.Duration {
	wait := shortestDeferral
	for before, windows := range d.waits {
		if len(windows.Within(w)) > 0 {
			wait = max(wait, min(2*before, longestDeferral))
		}
	}
	return wait
}

// forget forgets mail that is not open.
func (d *deferred) forget(open plan.Intervals) {
	for wait, windows := range d.waits {
		var left plan.Intervals
		for _, w := range windows {
			left = left.Union(open.Within(w))
		}
		if d.waits[wait] = left; len(left) == 0 {
			delete(d.waits, wait)
		}
	}
}

// at returns the mail that is not asked for at now.
func (d *deferred) at(now time.Time) (all plan.Intervals) {
	for until, windows := range d.until {
		if !until.After(now) {
			delete(d.until, until)
			continue
		}
		all = all.Union(windows)
	}
	return all
}
