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

func TestLiveUpToIsTheOldestHole(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		unread Intervals
		want   int
	}{
		"nothing is open":               {nil, 100},
		"only the look-back":            {Intervals{window(-60, 0)}, 100},
		"the look-back and the newest":  {Intervals{window(-60, 0), window(95, 100)}, 95},
		"a hole in the middle":          {Intervals{window(-60, -10), window(40, 41), window(95, 100)}, 40},
		"a hole across the first start": {Intervals{window(-60, 5), window(40, 41)}, 0},
		"a hole at the first start":     {Intervals{window(0, 1)}, 0},
		"what ends at the first start":  {Intervals{window(-60, 0), window(99, 100)}, 99},
		"nothing has been read":         {Intervals{window(-60, 100)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := State{Begin: at(0), Head: at(100), Unread: tt.unread}
			assert.Equal(t, at(tt.want), LiveUpTo(s))
			assert.False(t, SettledUpTo(s).After(LiveUpTo(s)), "what has not been read is not settled")
		})
	}
	again := State{Begin: at(0), Head: at(100), Again: Intervals{window(10, 20)}}
	assert.Equal(t, at(100), LiveUpTo(again), "what is due again has been read")
	assert.Equal(t, at(10), SettledUpTo(again))
}

func TestDrop(t *testing.T) {
	t.Parallel()
	s := State{
		Begin: at(60), Head: at(200),
		Unread: Intervals{window(0, 20)}, Again: Intervals{window(20, 40)}, Due: Intervals{window(100, 120)},
		// The look-back begins an hour before Begin: what comes before it has never been read.
		Asked: Intervals{window(-30, 10), window(150, 160)}, Redeliver: Intervals{window(-30, 160)},
	}
	for name, tt := range map[string]struct {
		unkept trace.Window
		hold   bool
		gap    Intervals
		// open is what stays open.
		open map[string]Intervals
	}{
		"before everything": {window(-90, -40), false, nil, sets(s)},
		"touching":          {window(-90, -30), false, nil, sets(s)},
		"a minute": {window(5, 6), false, Intervals{window(5, 6)}, map[string]Intervals{
			"unread": {window(0, 5), window(6, 20)}, "again": s.Again, "due": s.Due,
			"asked": {window(-30, 5), window(6, 10), window(150, 160)}, "redeliver": {window(-30, 5), window(6, 160)},
		}},
		"a revisit": {window(25, 35), false, nil, map[string]Intervals{
			"unread": s.Unread, "again": {window(20, 25), window(35, 40)}, "due": s.Due,
			"asked": s.Asked, "redeliver": {window(-30, 25), window(35, 160)},
		}},
		"a revisit whose rows may have been held back": {window(25, 35), true, Intervals{window(25, 35)}, map[string]Intervals{
			"unread": s.Unread, "again": {window(20, 25), window(35, 40)}, "due": s.Due,
			"asked": s.Asked, "redeliver": {window(-30, 25), window(35, 160)},
		}},
		"everything": {window(-90, 300), false, Intervals{window(-30, 20), window(100, 120)}, map[string]Intervals{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cfg
			c.Hold = tt.hold
			kept, gap := Drop(s, tt.unkept, c)
			requireEqualSets(t, tt.gap, gap, "gap")
			for name, open := range sets(kept) {
				requireEqualSets(t, tt.open[name], open, name)
			}
			again, none := Drop(kept, tt.unkept, c)
			assert.Equal(t, kept, again)
			assert.Empty(t, none, "named once")
		})
	}
}

func TestWhatIsDroppedSoonIsWhatHalfTheMarginLeaves(t *testing.T) {
	t.Parallel()
	short := cfg
	short.Retention = 10 * time.Hour
	s := State{Begin: at(-600), Head: at(0), Unread: Intervals{window(-700, 0)}}
	kept, gap := DropUnkept(s, at(0), short)
	assert.Equal(t, Intervals{window(-700, -570)}, gap)
	assert.Equal(t, Intervals{window(-570, 0)}, kept.Unread)
}

// Whatever a receiver has been through, a position that is pulled back opens nothing that has been read, nor anything of the
// future, and the next ticks open only what comes after.
func TestPullBackOpensNothingThatHasBeenRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := settings(t)
		before, ticked := lived(t, c)
		now := rapid.IntRange(-1000, ticked+20).Draw(t, "now")
		s := PullBack(before, at(now), c)
		require.Equal(t, s, PullBack(s, at(now), c), "once is enough")
		if c.Range != nil && c.Range.Absolute != "" {
			requireEqualSets(t, before.Unread.Within(trace.Window{End: at(now)}), s.Unread.Within(trace.Window{End: at(now)}), "unread")
			return
		}
		if !Position(before).After(at(now)) {
			require.Equal(t, before, s)
			return
		}
		require.False(t, Position(s).After(at(now)))
		begun := before.Begin.Add(-c.InitialLookback)
		for _, fresh := range minus(Open(s), Open(before)) {
			require.False(t, fresh.End.After(begun), "%s has been read", fresh)
		}
		for _, open := range s.Unread.Union(s.Due).Union(s.Again) {
			require.False(t, open.End.After(at(now)), "%s is the future", open)
		}
		for _, each := range s.Served {
			require.False(t, each.UpTo.After(later(at(now).Add(-each.Age), s.Begin.Add(-c.InitialLookback))))
		}
		next := Tick(s, at(now+10), oldest(s), c)
		for _, fresh := range minus(next.Unread.Union(next.Due), Open(s)) {
			require.False(t, c.Range == nil && fresh.Start.Before(s.Head), "%s is not new", fresh)
		}
	})
}

func TestWhatIsLeavingIsReadOldestFirst(t *testing.T) {
	t.Parallel()
	// At minute 0 the service drops within a day what was received up to minute 0, less the margin.
	leaving := Config{Interval: 5 * time.Minute, InitialLookback: time.Hour, Retention: 25 * time.Hour}
	backfill := func(redeliver bool, windows ...trace.Window) (steps []Step) {
		for _, w := range windows {
			steps = append(steps, Step{Window: w, Lane: trace.Backfill, Redeliver: redeliver})
		}
		return steps
	}
	base := State{Begin: at(-2000), Head: at(0), Ticked: at(0)}
	oldestFirst := []trace.Window{window(-300, -240), window(-240, -180), window(-180, -120)}
	for name, tt := range map[string]struct {
		change func(s *State)
		cfg    Config
		want   []Step
	}{
		"backfill": {func(s *State) { s.Unread = Intervals{window(-300, -120)} }, leaving, backfill(false, oldestFirst...)},
		"asked":    {func(s *State) { s.Asked = Intervals{window(-300, -120)} }, leaving, backfill(false, oldestFirst...)},
		"once more": {
			func(s *State) { s.Redeliver = Intervals{window(-300, -120)} }, leaving, backfill(true, oldestFirst...),
		},
		"a range": {func(s *State) { s.Unread, s.Range = Intervals{window(-300, -120)}, "fixed" }, func() Config {
			c := fixed(-300, -120)
			c.Retention = leaving.Retention
			return c
		}(), backfill(false, oldestFirst...)},
		"ticks that were missed": {
			func(s *State) { s.Unread, s.Range = Intervals{window(-300, -120)}, relative }, func() Config {
				c := moving(10, 0, 10*time.Minute)
				c.Retention = leaving.Retention
				return c
			}(), scheduled(oldestFirst...),
		},
		"stretch by stretch": {
			func(s *State) { s.Unread = Intervals{window(-300, -290), window(-280, -210), window(-120, -110)} }, leaving,
			backfill(false, window(-300, -290), window(-280, -220), window(-220, -210), window(-120, -110)),
		},
		"the rest newest first": {func(s *State) { s.Unread = Intervals{window(-300, -120)} }, func() Config {
			c := leaving
			c.Retention = leaving.Retention + minutes(230)
			return c
		}(), backfill(false, window(-300, -240), window(-240, -180), window(-180, -120))},
		"a border within a window cuts nothing off": {func(s *State) { s.Unread = Intervals{window(-300, -20)} }, func() Config {
			c := leaving
			c.Retention = leaving.Retention + minutes(299)
			return c
		}(), backfill(false, window(-300, -240), window(-80, -20), window(-140, -80), window(-200, -140), window(-240, -200))},
		"not at all before the border": {func(s *State) { s.Unread = Intervals{window(-300, -120)} }, func() Config {
			c := leaving
			c.Retention = leaving.Retention + minutes(300)
			return c
		}(), backfill(false, window(-180, -120), window(-240, -180), window(-300, -240))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := base
			tt.change(&s)
			assert.Equal(t, tt.want, slices.Collect(Steps(s, at(0), Limits{Longest: time.Hour}, nil, tt.cfg)))
		})
	}
}

// Whatever ages and statuses are configured from one tick to the next, what may have been held back is read at a later age,
// or once more.
func TestWhatMayBeHeldIsReadAgainWhateverChanges(t *testing.T) {
	t.Parallel()
	ages := []time.Duration{minutes(5), minutes(30), 2 * time.Hour, 5 * time.Hour}
	draw := func(t *rapid.T) Config {
		c := cfg
		for _, age := range ages {
			if rapid.Bool().Draw(t, "age") {
				c.Ages = append(c.Ages, age)
			}
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		held := draw(t)
		held.Hold = true
		before, now := lived(t, held)
		changed := draw(t)
		changed.Hold = rapid.Bool().Draw(t, "hold")
		s := Tick(before, at(now+5), oldest(before), changed)
		if len(held.Ages) == 0 {
			requireEqualSets(t, before.Again, s.Again.Within(trace.Window{End: oldest(before)}), "nothing was held back")
			return
		}
		require.Equal(t, changed.Hold, s.Held)
		last, _ := servedUpTo(before, held.Ages[len(held.Ages)-1])
		next := s.Head
		if n := len(changed.Ages); n > 0 && changed.Hold {
			next, _ = servedUpTo(s, changed.Ages[n-1])
		}
		missing := Intervals{}.Add(trace.Window{Start: last, End: earlier(next, before.Head)})
		require.Empty(t, minus(missing, Open(s)), "read before its last age %s, and not again", held.Ages[len(held.Ages)-1])
	})
}
