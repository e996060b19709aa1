// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// moving reads at each tick from so many minutes before it to so many minutes before it.
func moving(from, to int, interval time.Duration) Config {
	return Config{
		Interval:  interval,
		Retention: 90 * 24 * time.Hour,
		Range: &Range{At: func(tick time.Time) trace.Window {
			return trace.Window{Start: tick.Add(-time.Duration(from) * time.Minute), End: tick.Add(-time.Duration(to) * time.Minute)}
		}},
	}
}

// fixed reads one stretch once.
func fixed(from, to int) Config {
	return Config{
		Interval:  5 * time.Minute,
		Retention: 90 * 24 * time.Hour,
		Range:     &Range{Absolute: "fixed", At: func(time.Time) trace.Window { return window(from, to) }},
	}
}

func scheduled(windows ...trace.Window) (steps []Step) {
	for _, w := range windows {
		steps = append(steps, Step{Window: w, Lane: trace.Scheduled})
	}
	return steps
}

func rangeSteps(s State, c Config) (steps []Step) {
	for step := range Steps(s, s.Ticked, Limits{Longest: c.LongestWindow()}, nil, c) {
		steps = append(steps, step)
	}
	return steps
}

func TestEveryTickReadsItsOwnWindow(t *testing.T) {
	c := moving(30, 10, 10*time.Minute)
	s := tick(State{}, 100, c)
	assert.Equal(t, scheduled(window(70, 90)), rangeSteps(s, c))
	assert.Zero(t, LiveUpTo(s), "no window has been read")

	s = tick(read(s, 70, 90, 100), 110, c)
	assert.Equal(t, scheduled(window(80, 100)), rangeSteps(s, c), "what overlaps is read again")
	assert.Equal(t, at(90), LiveUpTo(s))
}

func TestMissedTicksAreUnitedAndReadAfterTheLatest(t *testing.T) {
	c := moving(20, 10, 10*time.Minute)
	s := tick(read(tick(State{}, 100, c), 80, 90, 100), 150, c)
	assert.Equal(t, scheduled(window(130, 140), window(90, 130)), rangeSteps(s, c))

	gappy := moving(15, 10, 10*time.Minute)
	s = tick(read(tick(State{}, 100, gappy), 85, 90, 100), 130, gappy)
	assert.Equal(t, scheduled(window(115, 120), window(105, 110), window(95, 100)), rangeSteps(s, gappy))
}

func TestWindowThatFailedIsReadAfterTheNext(t *testing.T) {
	c := moving(20, 10, 10*time.Minute)
	s := tick(read(tick(State{}, 100, c), 85, 90, 100), 110, c)
	assert.Equal(t, scheduled(window(90, 100), window(80, 85)), rangeSteps(s, c))
	assert.Zero(t, LiveUpTo(s))
	assert.Equal(t, at(80), CompleteUpTo(s))
}

func TestTickBeforeAnEarlierOneOpensNothing(t *testing.T) {
	c := moving(20, 10, 10*time.Minute)
	s := read(tick(State{}, 100, c), 80, 90, 100)
	assert.Equal(t, s, tick(s, 90, c))
	assert.Equal(t, s, tick(s, 100, c))
}

func TestManyMissedTicksAreReadAsOne(t *testing.T) {
	c := moving(2, 1, 10*time.Minute)
	s := tick(read(tick(State{}, 0, c), -2, -1, 0), 10*(maxMissed+100), c)
	assert.Len(t, s.Unread, maxMissed, "the oldest hundred are one")
	assert.Equal(t, at(8), s.Unread[0].Start)
	assert.Equal(t, at(10*100-1), s.Unread[0].End)
}

func TestLongWindowIsSplitAtTenDays(t *testing.T) {
	const day = 24 * 60
	c := moving(25*day, 0, time.Hour)
	s := tick(State{}, 0, c)
	assert.Equal(t, scheduled(window(-10*day, 0), window(-20*day, -10*day), window(-25*day, -20*day)), rangeSteps(s, c))
	assert.Equal(t, 3, Requests(c, time.Hour))
}

func TestAbsoluteRangeIsReadOnce(t *testing.T) {
	c := fixed(-90, 0)
	s := tick(State{}, 100, c)
	assert.Equal(t, []Step{{Window: window(-60, 0), Lane: trace.Backfill}, {Window: window(-90, -60), Lane: trace.Backfill}}, rangeSteps(s, c))
	s = tick(read(s, -60, 0, 100), 105, c)
	assert.Equal(t, []Step{{Window: window(-90, -60), Lane: trace.Backfill}}, rangeSteps(s, c), "it goes on where it was")
	s = tick(read(s, -90, -60, 105), 110, c)
	assert.Empty(t, rangeSteps(s, c))
	assert.Equal(t, []string{"fixed"}, s.Done)

	other := fixed(-200, -190)
	other.Range.Absolute = "other"
	s = tick(s, 115, other)
	assert.Equal(t, []Step{{Window: window(-200, -190), Lane: trace.Backfill}}, rangeSteps(s, other))
	s = tick(tick(read(s, -200, -190, 115), 120, other), 125, c)
	assert.Empty(t, rangeSteps(s, c), "it has been read before the other one")
	assert.True(t, MayComeAgain(s, window(-90, 0)), "for a day and a bit")
	assert.False(t, MayComeAgain(tick(s, 100+31*60, c), window(-90, 0)))
}

func TestChangeOfModeBeginsAnew(t *testing.T) {
	c := moving(20, 10, 10*time.Minute)
	s := Ask(tick(State{}, 100, cfg), window(-500, -490), false)
	assert.Equal(t, Intervals{window(40, 100)}, Abandoned(s, c))
	s = tick(s, 110, c)
	assert.Equal(t, []Step{
		{Window: window(90, 100), Lane: trace.Scheduled},
		{Window: window(-500, -490), Lane: trace.Backfill},
	}, rangeSteps(s, c))
	assert.Empty(t, Abandoned(s, moving(30, 0, time.Minute)), "another relative range goes on from the same position")

	s = tick(s, 200, cfg)
	assert.Equal(t, at(200), s.Begin)
	assert.Equal(t, at(200), s.Head)
}

func TestWhatMayComeAgainIsRemembered(t *testing.T) {
	c := moving(30, 10, 10*time.Minute)
	s := read(tick(State{}, 100, c), 70, 90, 100)
	assert.True(t, MayComeAgain(s, window(60, 70)), "the next window begins at 80, but this one has not been left for good")
	assert.False(t, MayComeAgain(s, window(-30*60, -29*60)))
	assert.True(t, MayComeAgain(Ask(s, window(-29*60, -29*60+5), true), window(-30*60, -29*60)))
}

func TestWhatAnAgeWillBringIsRemembered(t *testing.T) {
	s := State{Begin: at(0), Head: at(100), Served: []Served{{UpTo: at(90)}, {UpTo: at(70)}, {UpTo: at(80)}}}
	assert.False(t, MayComeAgain(s, window(60, 69)), "all ages have been served")
	assert.True(t, MayComeAgain(s, window(60, 70)), "the stretch of the second age begins with its end")
	none := State{Begin: at(0), Head: at(100)}
	assert.False(t, MayComeAgain(none, window(90, 99)))
	assert.True(t, MayComeAgain(none, window(90, 100)), "live mail goes on from its end")
}

func TestLastChance(t *testing.T) {
	ages := cfg
	ages.Ages = []time.Duration{10 * time.Minute, 30 * time.Minute}
	none := cfg
	none.Ages = nil
	c := moving(30, 10, 10*time.Minute)
	for name, test := range map[string]struct {
		cfg      Config
		received int
		want     bool
	}{
		"the last age has passed":       {cfg: ages, received: 70, want: true},
		"the last age is to come":       {cfg: ages, received: 71},
		"no age ever reads it":          {cfg: ages, received: -10, want: true},
		"there are no ages":             {cfg: none, received: 100, want: true},
		"before the next window":        {cfg: c, received: 79, want: true},
		"in the next window":            {cfg: c, received: 80},
		"an absolute range has no next": {cfg: fixed(0, 100), received: 100, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := tick(State{}, 100, test.cfg)
			assert.Equal(t, test.want, LastChance(s, at(test.received), at(100), test.cfg))
		})
	}
}

func TestAskedWindows(t *testing.T) {
	s := read(tick(State{}, 100, cfg), 40, 100, 100)
	s = Ask(Ask(s, window(0, 30), false), window(10, 20), true)
	assert.Equal(t, []Step{
		{Window: window(10, 20), Lane: trace.Backfill, Redeliver: true},
		{Window: window(0, 30), Lane: trace.Backfill},
	}, allSteps(s, cfg))

	s = read(s, 0, 30, 100)
	assert.Equal(t, []Step{{Window: window(10, 20), Lane: trace.Backfill, Redeliver: true}}, allSteps(s, cfg), "an ordinary reading redelivers nothing")
	assert.Empty(t, allSteps(Redelivered(s, window(10, 20)), cfg))

	s, gap := Withdraw(Ask(s, window(0, 60), false), Intervals{window(5, 55)}, cfg)
	assert.Equal(t, Intervals{window(5, 40)}, gap, "what comes after has been read")
	assert.Equal(t, Intervals{window(0, 5), window(55, 60)}, s.Asked)
	assert.Empty(t, s.Redeliver)
}

func TestWhatAnAbsoluteRangeNeverReadsIsAGapWhenWithdrawn(t *testing.T) {
	c := fixed(-90, 0)
	s := read(tick(State{}, 100, c), -90, 0, 100)
	_, gap := Withdraw(Ask(s, window(-120, -60), false), Intervals{window(-120, -60)}, c)
	assert.Equal(t, Intervals{window(-120, -90)}, gap)
}

func TestGivenUpBackfill(t *testing.T) {
	s := tick(State{}, 100, cfg)
	s, gap := GiveUp(Ask(s, window(90, 100), false), Intervals{window(50, 60)}, cfg)
	assert.Equal(t, Intervals{window(50, 60)}, gap)
	assert.Equal(t, Intervals{window(40, 50), window(60, 100)}, s.Unread)
	assert.Equal(t, Intervals{window(90, 100)}, s.Asked)
}

func TestClockThatWasAheadPullsTheRangeBack(t *testing.T) {
	c := moving(20, 10, 10*time.Minute)
	s := read(tick(tick(State{}, 100, c), 500, c), 480, 490, 500)
	assert.True(t, Position(s).After(at(120)))
	pulled := PullBack(s, at(120), c)
	assert.Equal(t, []time.Time{at(120), at(120), at(120), at(120)}, []time.Time{pulled.Ticked, pulled.Head, pulled.Begin, pulled.Finished})
	pulled = PullBack(s, at(485), c)
	assert.Equal(t, []time.Time{at(485), at(485), at(480), at(485)}, []time.Time{pulled.Ticked, pulled.Head, pulled.Begin, pulled.Finished})
	pulled = PullBack(s, at(495), c)
	assert.Equal(t, []time.Time{at(495), at(490), at(480), at(490)}, []time.Time{pulled.Ticked, pulled.Head, pulled.Begin, pulled.Finished})
	s = tick(PullBack(s, at(120), c), 130, c)
	assert.Contains(t, rangeSteps(s, c), Step{Window: window(110, 120), Lane: trace.Scheduled})
	for _, step := range rangeSteps(s, c) {
		assert.False(t, step.Window.End.After(at(130)), "%s", step.Window)
	}
}

func TestWindowThatEndsNowTakesTheLastSecondAlong(t *testing.T) {
	c := moving(10, 0, 10*time.Minute)
	s := tick(State{}, 100, c)
	s = Read(s, trace.Window{Start: at(90), End: at(100).Add(-time.Second)}, at(100))
	assert.Equal(t, at(100).Add(-time.Second), LiveUpTo(s))
	s = tick(s, 110, c)
	assert.Equal(t, scheduled(trace.Window{Start: at(100).Add(-time.Second), End: at(110)}), rangeSteps(s, c))
}

func TestWindowAheadOfTheServiceIsReadWhenItGetsThere(t *testing.T) {
	c := moving(10, 0, 10*time.Minute)
	s := tick(State{}, 100, c)
	steps := func(now int) (all []Step) {
		for step := range Steps(s, at(now), Limits{Longest: MaxQuery}, nil, c) {
			all = append(all, step)
		}
		return all
	}
	assert.Equal(t, scheduled(window(90, 95)), steps(95))
	s = tick(read(s, 90, 95, 95), 110, c)
	assert.Equal(t, scheduled(window(100, 105), window(95, 100)), steps(105))
	assert.Empty(t, Intervals{}.Union(s.Due).Within(window(95, 100)))
}

func TestFirstRangeIsRememberedAcrossASecond(t *testing.T) {
	first, second := fixed(-90, 0), fixed(-200, -190)
	second.Range.Absolute = "second"
	s := tick(read(tick(State{}, 100, first), -90, 0, 100), 101, second)
	s = tick(read(s, -200, -190, 101), 102, first)
	assert.Empty(t, rangeSteps(s, first), "there was no tick between its last page and the second one")
}

func TestWhatMayBeHeldIsReadOnceMore(t *testing.T) {
	held := withAges(10*time.Minute, 30*time.Minute)
	held.Hold = true
	s := read(tick(State{}, 100, held), 40, 100, 100)
	s = tick(s, 105, held)

	fewer := held
	fewer.Ages = held.Ages[:1]
	assert.Equal(t, Intervals{window(70, 95)}, tick(s, 105, fewer).Again.Union(Intervals{window(75, 95)}), "what the longer age had not read")
	none := held
	none.Ages = nil
	assert.Equal(t, at(105), tick(s, 105, none).Again[0].End)

	scheduled := moving(20, 10, 10*time.Minute)
	scheduled.Hold = true
	assert.Equal(t, at(105), tick(s, 110, scheduled).Asked[0].End)
	assert.Equal(t, at(105), tick(s, 110, moving(20, 10, 10*time.Minute)).Asked[0].End, "also where nothing is held back any more")
	all := withAges(10 * time.Minute)
	assert.Equal(t, Intervals{window(70, 105)}, tick(s, 105, all).Again)

	_, gap := DropUnkept(State{Again: Intervals{window(0, 10)}}, at(200), Config{Hold: true, Retention: 2 * time.Hour})
	assert.Equal(t, Intervals{window(0, 10)}, gap)
}
