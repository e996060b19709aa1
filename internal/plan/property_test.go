// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Whatever happens to the machine, its clock, the service and the settings, what the plan promises holds after each tick.
func TestEveryPromiseHoldsWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.tick()
		for range rapid.IntRange(1, 15).Draw(t, "rounds") {
			w.work()
			w.happen()
			w.tick()
		}
		w.settle()
	})
}

// happen lets time pass, and whatever else may happen between two runs.
func (w *world) happen() {
	interval := int(w.cfg.Interval / unit)
	next := w.now + interval - w.now%interval
	switch rapid.SampledFrom([]string{
		"tick", "tick", "tick", "tick", "missed", "late", "down", "restart", "change", "change", "ahead", "back",
	}).Draw(w.t, "event") {
	case "tick":
		w.now = next
	case "missed":
		w.now = next + interval*rapid.IntRange(1, 12).Draw(w.t, "missed")
	case "late":
		w.now = next + rapid.IntRange(0, interval-1).Draw(w.t, "late by")
	case "down":
		w.now += rapid.IntRange(1, 20*hour).Draw(w.t, "down for")
	case "restart":
		w.restart(false)
		w.now = next
	case "change":
		w.restart(true)
		w.now++
	case "ahead":
		w.now += rapid.IntRange(1, 10*hour).Draw(w.t, "ahead by")
	case "back":
		w.now = max(0, w.now-rapid.IntRange(1, 10*hour).Draw(w.t, "back by"))
	}
	w.now = min(w.now, 60*hour)
}

// work reads windows as the receiver does, with whatever success.
func (w *world) work() {
	size := length(rapid.SampledFrom([]int{5 * minute, 25*minute + 1, hour}).Draw(w.t, "size"))
	outcomes := rapid.SampledFrom([][]string{
		{"read"}, {"read", "read", "read", "failed", "partly", "slow", "interrupted"}, {"failed"}, {"partly"},
	}).Draw(w.t, "service")
	var tried plan.Intervals
	for range rapid.SampledFrom([]int{0, 3, 40, 400}).Draw(w.t, "windows") {
		step, ok := first(w.ledger.State(), w.now, size, tried, w.cfg)
		if !ok {
			return
		}
		require.GreaterOrEqual(w.t, units(step.Window.Start), w.unkept(), "a window is clamped when it is sent")
		tried = tried.Add(step.Window)
		outcome := outcomes[0]
		if len(outcomes) > 1 {
			outcome = rapid.SampledFrom(outcomes).Draw(w.t, "outcome")
		}
		switch outcome {
		case "read":
			w.read(step, step.Window.Start)
		case "partly":
			// Pages come newest first, so the older part is missing.
			part := rapid.IntRange(1, int(step.Window.Duration()/unit)).Draw(w.t, "part")
			w.read(step, step.Window.End.Add(-length(part)))
		case "slow":
			// The age that counts is the one at the beginning of the reading.
			w.read(step, step.Window.Start)
			w.now = min(w.now+rapid.IntRange(1, 10*minute).Draw(w.t, "slow by"), 60*hour)
		case "interrupted":
			return
		}
	}
}

func first(s plan.State, now int, size time.Duration, tried plan.Intervals, cfg plan.Config) (plan.Step, bool) {
	for step := range plan.Steps(s, instant(now), plan.Limits{Longest: size}, tried, cfg) {
		return step, true
	}
	return plan.Step{}, false
}

// settle reads all that is left, at this tick and at one by which everything is old enough. Then no mail may be left
// that has neither been read at every age nor been given up.
func (w *world) settle() {
	head := units(w.ledger.State().Head)
	// What became due by a clock that was ahead since stays due until the clock is there again.
	w.now = max(w.now, units(w.ledger.State().Ticked))
	for range 2 {
		for step := range plan.Steps(w.ledger.State(), instant(w.now), plan.Limits{Longest: plan.MaxWindow}, nil, w.cfg) {
			w.read(step, step.Window.Start)
		}
		require.Empty(w.t, w.ledger.State().Unread)
		require.Empty(w.t, w.ledger.State().Again)
		w.now = max(w.now, head) + 14*hour
		w.tick()
	}
	for i := w.from; i < head; i++ {
		m := &w.mails[past+i]
		require.True(w.t, m.read || m.gap, "mail of %v has never been read", instant(i))
	}
}

// check compares the state with what the model expects at the tick, and what is asked for next with the state.
func (w *world) check(at int) {
	s := w.ledger.State()
	unread, again := bitmapOf(s.Unread), bitmapOf(s.Again)
	for i := w.from; i < units(s.Head); i++ {
		m := &w.mails[past+i]
		m.unkept = m.unkept || i < w.unkept()
		if unread.has(i) == (m.read || m.gap) {
			require.Fail(w.t, "unread is what has never been read, nor been given up", "%v: %v", instant(i), *m)
		}
		if unread.has(i) || again.has(i) || m.unkept {
			continue
		}
		for age, d := range w.dues {
			// The stretch that begins here is as long as it may be at the next tick, or longer.
			stretch := at - age - i
			if i < d.from || stretch < 1 || 12*(stretch+int(w.cfg.Interval/unit)) <= age || m.readAt(i, age) {
				continue
			}
			require.Fail(w.t, "mail that is due is not open", "%v at age %v: %v", instant(i), length(age), *m)
		}
	}
	w.checkSteps(s, unread, again)
}

// unkept is the beginning of what the service keeps, with a margin.
func (w *world) unkept() int {
	return units(instant(w.now).Add(plan.KeepMargin/2 - w.cfg.Retention))
}

func (w *world) checkSteps(s plan.State, unread, again *bitmap) {
	size := length(rapid.IntRange(minute, hour).Draw(w.t, "longest window"))
	skip := plan.Intervals{}
	for range rapid.IntRange(0, 2).Draw(w.t, "skipped windows") {
		start := rapid.IntRange(w.from, units(s.Head)).Draw(w.t, "skip from")
		skip = skip.Add(stretch(start, start+rapid.IntRange(1, hour).Draw(w.t, "skip for")))
	}
	skipped := bitmapOf(skip)
	steps := slices.Collect(plan.Steps(s, instant(w.now), plan.Limits{Longest: size}, skip, w.cfg))
	var asked bitmap
	for _, step := range steps {
		require.LessOrEqual(w.t, step.Window.Duration(), size)
		require.False(w.t, step.Window.Empty())
		require.False(w.t, step.Window.End.After(s.Head), "nothing younger than min_age is asked for")
		require.GreaterOrEqual(w.t, units(step.Window.Start), max(w.unkept(), w.from), "unkept, or never asked for")
		for i := units(step.Window.Start); i < units(step.Window.End); i++ {
			if asked.has(i) || unread.has(i) == (step.Lane == trace.Revisit) {
				require.Fail(w.t, "asked for twice, or as revisit though it has never been read", "%v: %v", instant(i), step)
			}
		}
		asked.set(step.Window, true)
	}
	for i := w.from; i < units(s.Head); i++ {
		if asked.has(i) != ((unread.has(i) || again.has(i)) && !skipped.has(i) && i >= w.unkept() && i < w.now) {
			require.Fail(w.t, "all that is open is asked for, and nothing else", "%v", instant(i))
		}
	}
	w.checkOrder(s, steps)
}

// checkOrder sees that newer mail comes first, but live mail before all and what the service is about to drop before
// other backfill.
func (w *world) checkOrder(s plan.State, steps []plan.Step) {
	leaving := instant(w.now).Add(25*time.Hour - w.cfg.Retention)
	liveFrom := later(s.Begin, s.Head.Add(-max(2*w.cfg.Interval, 10*time.Minute)))
	rank := func(step plan.Step) int {
		switch {
		case step.Lane == trace.Live:
			return 0
		case step.Lane == trace.Revisit:
			return 1
		case step.Window.Start.Before(leaving):
			return 2
		}
		return 3
	}
	for i, step := range steps {
		if rank(step) == 0 {
			require.True(w.t, step.Window.Start.After(liveFrom.Add(-time.Minute)), "live mail is new mail")
		}
		if i == 0 || rank(steps[i-1]) < rank(step) {
			continue
		}
		require.Equal(w.t, rank(steps[i-1]), rank(step), "%v after %v", step, steps[i-1])
		if rank(step) == 2 {
			require.False(w.t, step.Window.Start.Before(steps[i-1].Window.End), "oldest first")
		} else {
			require.False(w.t, step.Window.End.After(steps[i-1].Window.Start), "newest first")
		}
	}
}

// gap notes what was given up.
func (w *world) gap(gap plan.Intervals) {
	for _, each := range gap {
		for i := units(each.Start); i < units(each.End); i++ {
			m := &w.mails[past+i]
			require.True(w.t, i >= w.from && i < w.unkept(), "%v is still kept", instant(i))
			require.False(w.t, m.gap || m.read, "a gap is mail that was never read, named once: %v", instant(i))
			m.gap = true
		}
	}
}

func (w *world) neverBack(before, after plan.State) {
	require.False(w.t, after.Head.Before(before.Head))
	for _, b := range before.Served {
		for _, a := range after.Served {
			require.False(w.t, a.Age == b.Age && a.UpTo.Before(b.UpTo), "age %v moves back from %v to %v", a.Age, b.UpTo, a.UpTo)
			require.False(w.t, a.UpTo.After(after.Head), "age %v is ahead of the head", a.Age)
		}
	}
}

// assertSame compares states by the instants in them.
func assertSame(t assert.TestingT, want, got plan.State) {
	assert.True(t, want.Begin.Equal(got.Begin) && want.Head.Equal(got.Head))
	assert.True(t, slices.EqualFunc(want.Served, got.Served, func(a, b plan.Served) bool {
		return a.Age == b.Age && a.UpTo.Equal(b.UpTo)
	}))
	same := func(a, b trace.Window) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }
	assert.True(t, slices.EqualFunc(want.Unread, got.Unread, same))
	assert.True(t, slices.EqualFunc(want.Again, got.Again, same))
}
