// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// settings are ages, a relative or an absolute range.
func settings(t *rapid.T) Config {
	c := rapid.SampledFrom([]Config{
		cfg,
		withAges(5*time.Minute, 30*time.Minute, 2*time.Hour),
		moving(30, 0, 5*time.Minute), moving(30, 10, 10*time.Minute), moving(90, 60, 10*time.Minute),
		fixed(-300, 0),
	}).Draw(t, "settings")
	c.Hold = rapid.Bool().Draw(t, "hold")
	if c.Range == nil {
		c.MinAge = minutes(rapid.SampledFrom([]int{0, 0, 4}).Draw(t, "min_age"))
	}
	return c
}

// lived is the state of a receiver that has run for a while, and when that is.
func lived(t *rapid.T, c Config) (s State, now int) {
	for range rapid.IntRange(1, 12).Draw(t, "ticks") {
		now += rapid.SampledFrom([]int{5, 10, 10, 20, 200}).Draw(t, "minutes")
		s = Tick(s, at(now), oldest(s), c)
		if rapid.IntRange(0, 9).Draw(t, "asked") == 0 {
			s = Ask(s, anyWindow(t, now), rapid.Bool().Draw(t, "redeliver"))
		}
		for step := range Steps(s, at(now), Limits{Longest: time.Hour}, nil, c) {
			switch rapid.SampledFrom([]string{"read", "read", "partly", "failed"}).Draw(t, "outcome") {
			case "read":
				s = Read(s, step.Window, at(now))
			case "partly":
				s = Read(s, trace.Window{Start: step.Window.Start.Add(step.Window.Duration() / 2), End: step.Window.End}, at(now))
			}
		}
	}
	return s, now
}

// oldest is since when a ledger in the state remembers everything.
func oldest(s State) time.Time {
	known := s.Head
	for _, each := range s.Served {
		known = earlier(known, each.UpTo)
	}
	return known
}

func anyWindow(t *rapid.T, now int) trace.Window {
	start := rapid.IntRange(now-400, now-1).Draw(t, "start")
	return window(start, rapid.IntRange(start+1, now).Draw(t, "end"))
}

// sets are all sets of a state, by what they are called.
func sets(s State) map[string]Intervals {
	return map[string]Intervals{"unread": s.Unread, "again": s.Again, "due": s.Due, "asked": s.Asked, "redeliver": s.Redeliver}
}

// minus returns what of a set is not in another one.
func minus(s, t Intervals) Intervals {
	for _, w := range t {
		s = s.Remove(w)
	}
	return s
}

// requireEqualSets compares sets by the instants in them.
func requireEqualSets(t require.TestingT, want, got Intervals, text string) {
	require.True(t, slices.EqualFunc(want, got, func(a, b trace.Window) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }),
		"%s: want %v, got %v", text, want, got)
}

// Whatever a receiver has been through, a window that is read and opened again is as it was before.
func TestReopenUndoesRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := settings(t)
		before, now := lived(t, c)
		w := anyWindow(t, now)
		began := at(now - rapid.IntRange(0, 30).Draw(t, "began before"))
		s := Read(before, w, began)
		if rapid.Bool().Draw(t, "redelivered") {
			s = Redelivered(s, w)
		}
		s = Reopen(s, before, w)
		for name, want := range sets(before) {
			requireEqualSets(t, want, sets(s)[name], name)
		}
		require.Equal(t, before.Served, s.Served)
		require.True(t, LiveUpTo(before).Equal(LiveUpTo(s)), "live up to %s, before %s", LiveUpTo(s), LiveUpTo(before))
		require.True(t, SettledUpTo(before).Equal(SettledUpTo(s)))
		require.True(t, CompleteUpTo(before).Equal(CompleteUpTo(s)))
	})
}

// Whatever else is read meanwhile, and whichever ticks come, nothing of what has been opened again is taken for read, and
// nothing else is opened.
func TestReopenLosesNothingAndOpensNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := settings(t)
		before, now := lived(t, c)
		w, other := anyWindow(t, now), anyWindow(t, now)
		change := func(s State) State { return Read(s, other, at(now)) }
		if rapid.Bool().Draw(t, "tick") {
			change = func(s State) State { return Tick(s, at(now+10), oldest(s), c) }
		}
		reopened := Reopen(change(Read(before, w, at(now))), before, w)
		unread := change(before)
		require.Empty(t, minus(Open(before).Within(w), Open(reopened)), "taken for read")
		require.Empty(t, minus(Open(reopened), Open(unread).Union(Open(before).Within(w))), "opened although it has been read")
		for _, each := range reopened.Served {
			upTo, known := servedUpTo(before, each.Age)
			require.False(t, known && !w.Start.After(upTo) && w.End.After(upTo) && each.UpTo.After(later(upTo, w.Start)),
				"age %s is served up to %s by what has been opened again", each.Age, each.UpTo)
		}
	})
}

func TestReopenedWindowOfARangeHasNotBeenFinished(t *testing.T) {
	t.Parallel()
	c := moving(20, 10, 10*time.Minute)
	before := tick(read(tick(State{}, 100, c), 80, 90, 100), 110, c)
	assert.Equal(t, at(90), LiveUpTo(before))
	s := read(before, 90, 100, 110)
	assert.Equal(t, at(100), LiveUpTo(s))
	s = Reopen(s, before, window(90, 100))
	assert.Equal(t, at(90), LiveUpTo(s))
	assert.Equal(t, at(100), LiveUpTo(read(s, 90, 100, 111)))
}
