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

// put puts off windows.
func (b *bounds) put(windows plan.Intervals, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deferred.put(windows, until)
}

// putOff is the mail that is not asked for at now.
func (b *bounds) putOff(now time.Time) plan.Intervals {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deferred.at(now)
}

// forget forgets the bounds of mail that is not open, since it has been read or given up, and reports whether any others
// are left at now.
func (b *bounds) forget(open plan.Intervals, now time.Time) (left bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.narrowed = b.narrowed.Within(open)
	left = b.narrowed.AnyNarrowed()
	for _, w := range b.deferred.at(now) {
		left = left || len(open.Within(w)) > 0
	}
	return left
}

// deferred is the mail that is not asked for again before a time. Times have a monotonic part, so that a clock that is set
// neither puts mail off for longer nor asks for it before its time.
type deferred map[time.Time]plan.Intervals

func (d *deferred) put(windows plan.Intervals, until time.Time) {
	if *d == nil {
		*d = deferred{}
	}
	(*d)[until] = (*d)[until].Union(windows)
}

// at returns the mail that is not asked for at now.
func (d deferred) at(now time.Time) (all plan.Intervals) {
	for until, windows := range d {
		if !until.After(now) {
			delete(d, until)
			continue
		}
		all = all.Union(windows)
	}
	return all
}
