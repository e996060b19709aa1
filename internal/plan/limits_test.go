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

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func TestLimits(t *testing.T) {
	t.Parallel()
	hour := Limits{Longest: time.Hour}
	for name, tt := range map[string]struct {
		limits Limits
		window trace.Window
		// start and end are where a window begins that ends with this one, and the other way round.
		start, end int
	}{
		"the longest":                      {hour, window(0, 120), 60, 60},
		"no longer than what is open":      {hour, window(0, 50), 0, 50},
		"within a stretch":                 {hour.Narrow(window(0, 120), minutes(10)), window(0, 120), 110, 10},
		"no longer than the rest":          {hour.Narrow(window(0, 120), minutes(10)), window(0, 5), 0, 5},
		"not into a stretch":               {hour.Narrow(window(40, 80), minutes(10)), window(0, 120), 80, 40},
		"nor out of it":                    {hour.Narrow(window(40, 80), minutes(30)), window(60, 70), 60, 70},
		"nor out of it, at its ends":       {hour.Narrow(window(40, 45), minutes(30)), window(40, 45), 40, 45},
		"a stretch that begins there":      {hour.Narrow(window(0, 20), minutes(10)), window(0, 30), 20, 10},
		"a stretch that ends there":        {hour.Narrow(window(20, 30), minutes(10)), window(0, 30), 20, 20},
		"a stretch beside it":              {hour.Narrow(window(30, 40), minutes(1)).Narrow(window(-10, 0), minutes(1)), window(0, 30), 0, 30},
		"two stretches that touch":         {hour.Narrow(window(10, 20), minutes(15)).Narrow(window(20, 30), minutes(15)), window(10, 30), 20, 20},
		"the narrower of two":              {hour.Narrow(window(0, 40), minutes(20)).Narrow(window(20, 40), minutes(5)), window(0, 40), 35, 20},
		"the longest of all is the tenth":  {Limits{Longest: minutes(6)}.Narrow(window(0, 40), minutes(20)), window(0, 40), 34, 6},
		"what has been widened is no part": {hour.Narrow(window(0, 40), minutes(5)).Widen(window(10, 30)), window(10, 30), 10, 30},
		"but what is left of it is":        {hour.Narrow(window(0, 40), minutes(5)).Widen(window(10, 30)), window(0, 40), 35, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, at(tt.start), tt.limits.start(tt.window))
			assert.Equal(t, at(tt.end), tt.limits.end(tt.window))
		})
	}
}

func TestLimitsStayAsTheyWere(t *testing.T) {
	t.Parallel()
	none := Limits{Longest: time.Hour}
	one := none.Narrow(window(0, 60), minutes(10))
	two := one.Narrow(window(20, 30), minutes(5))
	wide := two.Widen(window(0, 60))
	assert.False(t, none.AnyNarrowed())
	assert.True(t, one.Narrowed(window(20, 30)))
	assert.True(t, one.Narrowed(window(0, 60)))
	assert.False(t, one.Narrowed(window(0, 61)))
	assert.False(t, two.Narrowed(window(10, 25)), "it lies in two")
	assert.True(t, two.Narrowed(window(20, 30)))
	assert.False(t, wide.AnyNarrowed())
	assert.True(t, two.AnyNarrowed())
	assert.Equal(t, at(50), one.start(window(0, 60)))
}

func TestLimitsOfWhatIsNoLongerOpenAreForgotten(t *testing.T) {
	t.Parallel()
	l := Limits{Longest: time.Hour}.Narrow(window(0, 10), minutes(1)).Narrow(window(20, 30), minutes(1)).Narrow(window(40, 50), minutes(1))
	l = l.Within(Intervals{window(5, 6), window(10, 20), window(49, 90)})
	assert.True(t, l.Narrowed(window(0, 10)))
	assert.False(t, l.Narrowed(window(20, 30)), "what is open only touches it")
	assert.True(t, l.Narrowed(window(40, 50)))
	assert.False(t, l.Within(nil).AnyNarrowed())
	assert.Equal(t, time.Hour, l.Longest)
}

// bounds are the naive form of limits: for each minute the bound of the stretch that it belongs to, and which one that is.
type bounds [100]struct{ longest, stretch int }

// some are limits that have been narrowed and widened, with their naive form.
func some(t *rapid.T) (Limits, *bounds) {
	limits := Limits{Longest: minutes(rapid.IntRange(1, 60).Draw(t, "longest"))}
	var naive bounds
	for n := range rapid.IntRange(0, 8).Draw(t, "changes") {
		start := rapid.IntRange(0, 98).Draw(t, "start")
		end := rapid.IntRange(start+1, 99).Draw(t, "end")
		longest := rapid.IntRange(0, 30).Draw(t, "bound")
		if longest > 0 {
			limits = limits.Narrow(window(start, end), minutes(longest))
		} else {
			limits = limits.Widen(window(start, end))
		}
		for i := start; i < end; i++ {
			naive[i].longest, naive[i].stretch = longest, 0
			if longest > 0 {
				naive[i].stretch = n + 1
			}
		}
	}
	return limits, &naive
}

// open is a set of whole minutes.
func open(t *rapid.T) (s Intervals) {
	for range rapid.IntRange(1, 5).Draw(t, "stretches") {
		start := rapid.IntRange(0, 98).Draw(t, "from")
		s = s.Add(window(start, rapid.IntRange(start+1, 99).Draw(t, "to")))
	}
	return s
}

func minuteOf(t time.Time) int { return int(t.Sub(ten) / time.Minute) }

// Whatever is open and however it is bounded, the windows of both orders read all of it once, none is longer than its bound,
// none reaches across an end of a stretch, and none is shorter than it must be.
func TestWindowsTileWhatIsOpen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits, naive := some(t)
		s := open(t)
		border := rapid.IntRange(-1, 100).Draw(t, "leaves at")
		for _, leaving := range []bool{false, true} {
			var windows []trace.Window
			p := stepper{limits: limits, leavesAt: at(border), yield: func(step Step) bool {
				windows = append(windows, step.Window)
				return true
			}}
			first := 0
			if leaving {
				require.True(t, p.leavingFirst(s, Step{Lane: trace.Backfill}))
				first = len(windows) - len(slices.DeleteFunc(slices.Clone(windows), func(w trace.Window) bool { return w.Start.Before(at(border)) }))
			} else {
				require.True(t, p.newestFirst(s, Step{Lane: trace.Backfill}))
			}
			requireTiles(t, s, windows)
			for i, w := range windows {
				requireBounded(t, w, limits, naive)
				switch {
				case i == 0 || i == first:
				case i < first:
					require.False(t, w.Start.Before(windows[i-1].End), "oldest first: %v", windows)
				default:
					require.False(t, w.End.After(windows[i-1].Start), "newest first: %v", windows)
				}
			}
			requireNoneTooShort(t, windows[:first], naive, limits, trace.Window{}.Start)
			requireNoneTooShort(t, windows[first:], naive, limits, at(border))
		}
	})
}

func requireTiles(t *rapid.T, s Intervals, windows []trace.Window) {
	var all Intervals
	var sum time.Duration
	for _, w := range windows {
		require.False(t, w.Empty())
		all = all.Add(w)
		sum += w.Duration()
	}
	require.Equal(t, s, all)
	require.Equal(t, s.Duration(), sum, "something is read twice: %v", windows)
}

func requireBounded(t *rapid.T, w trace.Window, limits Limits, naive *bounds) {
	require.LessOrEqual(t, w.Duration(), limits.Longest)
	first := naive[minuteOf(w.Start)]
	for i := minuteOf(w.Start); i < minuteOf(w.End); i++ {
		require.Equal(t, first.stretch, naive[i].stretch, "%s reaches across the end of a stretch", w)
	}
	if first.stretch > 0 {
		require.LessOrEqual(t, w.Duration(), minutes(first.longest), "%s", w)
		require.True(t, limits.Narrowed(w))
	}
}

// requireNoneTooShort sees that windows that follow each other are together longer than one may be.
func requireNoneTooShort(t *rapid.T, windows []trace.Window, naive *bounds, limits Limits, from time.Time) {
	for i := 1; i < len(windows); i++ {
		a, b := windows[i-1], windows[i]
		if b.Start.Before(a.Start) {
			a, b = b, a
		}
		here := naive[minuteOf(a.Start)]
		if !a.End.Equal(b.Start) || here.stretch != naive[minuteOf(b.Start)].stretch || a.Start.Before(from) {
			continue
		}
		longest := limits.Longest
		if here.stretch > 0 {
			longest = min(longest, minutes(here.longest))
		}
		require.Greater(t, a.Duration()+b.Duration(), longest, "%s and %s could be one", a, b)
	}
}

func TestStepsStopWhenNobodyWantsMore(t *testing.T) {
	t.Parallel()
	leaving := Config{Interval: 5 * time.Minute, Retention: 26 * time.Hour}
	s := Ask(Ask(State{Begin: at(0), Head: at(600), Unread: Intervals{window(-600, 600)}, Again: Intervals{window(-900, -600)}},
		window(-800, -700), false), window(-800, -700), true)
	s.Due = s.Unread
	scheduledOnce := moving(600, 0, 10*time.Minute)
	for _, c := range []Config{cfg, leaving, scheduledOnce, fixed(0, 100)} {
		all := slices.Collect(Steps(s, at(600), Limits{Longest: time.Hour}, nil, c))
		require.Greater(t, len(all), 5)
		for n := range all {
			var some []Step
			for step := range Steps(s, at(600), Limits{Longest: time.Hour}, nil, c) {
				if some = append(some, step); len(some) > n {
					break
				}
			}
			assert.Equal(t, all[:n+1], some)
		}
	}
}
