// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var (
	ten = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	cfg = Config{Interval: 5 * time.Minute, InitialLookback: time.Hour, Retention: 90 * 24 * time.Hour}
)

// at returns the instant minutes after ten o'clock.
func at(minutes int) time.Time { return ten.Add(time.Duration(minutes) * time.Minute) }

func window(start, end int) trace.Window { return trace.Window{Start: at(start), End: at(end)} }

func withAges(ages ...time.Duration) Config {
	c := cfg
	c.Ages = ages
	return c
}

func tick(s State, minute int, c Config) State { return Tick(s, at(minute), s.Head, c) }

func read(s State, start, end, began int) State { return Read(s, window(start, end), at(began)) }

func allSteps(s State, c Config) []Step {
	return slices.Collect(Steps(s, s.Head, Limits{Longest: MaxWindow}, nil, c))
}

func TestFirstTickReadsTheLookbackAsBackfill(t *testing.T) {
	s := tick(State{}, 3, cfg)
	assert.Equal(t, []Step{{Window: window(-57, 3), Lane: trace.Backfill}}, allSteps(s, cfg))
}

func TestLaterTicksReadWhatIsNewAsLiveMail(t *testing.T) {
	s := read(tick(State{}, 3, cfg), -57, 3, 3)
	s = tick(s, 5, cfg)
	assert.Equal(t, []Step{{Window: window(3, 5), Lane: trace.Live}}, allSteps(s, cfg))
	assert.Equal(t, at(3), CompleteUpTo(s))

	s = read(s, 3, 5, 5)
	assert.Empty(t, allSteps(s, cfg))
	assert.Equal(t, at(5), CompleteUpTo(s))
}

func TestFailedWindowStaysOpen(t *testing.T) {
	s := read(tick(State{}, 0, cfg), -60, 0, 0)
	s = tick(tick(s, 5, cfg), 10, cfg)
	assert.Equal(t, []Step{{Window: window(0, 10), Lane: trace.Live}}, allSteps(s, cfg))
}

func TestPartlyReadWindowKeepsItsOlderPart(t *testing.T) {
	s := read(tick(State{}, 0, cfg), -20, 0, 0)
	assert.Equal(t, []Step{{Window: window(-60, -20), Lane: trace.Backfill}}, allSteps(s, cfg))
}

func TestLiveMailTakesARemainderOfOlderMailAlong(t *testing.T) {
	s := Read(tick(State{}, 0, cfg), trace.Window{Start: at(-60), End: at(0).Add(-time.Second)}, at(0))
	s = tick(s, 5, cfg)
	assert.Equal(t, []Step{{Window: trace.Window{Start: at(0).Add(-time.Second), End: at(5)}, Lane: trace.Live}}, allSteps(s, cfg))
}

func TestAfterAPauseTheNewestMailComesFirst(t *testing.T) {
	s := read(tick(State{}, 0, cfg), -60, 0, 0)
	s = tick(s, 150, cfg)
	assert.Equal(t, []Step{
		{Window: window(140, 150), Lane: trace.Live},
		{Window: window(80, 140), Lane: trace.Backfill},
		{Window: window(20, 80), Lane: trace.Backfill},
		{Window: window(0, 20), Lane: trace.Backfill},
	}, allSteps(s, cfg))
}

func TestBackfillBeginsWithWhatTheServiceIsAboutToDrop(t *testing.T) {
	short := cfg
	short.Retention = 26 * time.Hour
	s := read(tick(State{}, 0, short), -60, 0, 0)
	s = tick(s, 150, short)
	assert.Equal(t, []Step{
		{Window: window(140, 150), Lane: trace.Live},
		{Window: window(0, 60), Lane: trace.Backfill},
		{Window: window(60, 120), Lane: trace.Backfill},
		{Window: window(120, 140), Lane: trace.Backfill},
	}, allSteps(s, short))
}

func TestShortWindowsAfterTrouble(t *testing.T) {
	s := tick(State{}, 0, cfg)
	assert.Equal(t, []Step{
		{Window: window(-25, 0), Lane: trace.Backfill},
		{Window: window(-50, -25), Lane: trace.Backfill},
		{Window: window(-60, -50), Lane: trace.Backfill},
	}, slices.Collect(Steps(s, s.Head, Limits{Longest: 25 * time.Minute}, nil, cfg)))
}

func TestSkippedTimeIsNotAskedForButStaysOpen(t *testing.T) {
	s := tick(State{}, 0, cfg)
	skip := Intervals{window(-40, -30)}
	assert.Equal(t, []Step{
		{Window: window(-30, 0), Lane: trace.Backfill},
		{Window: window(-60, -40), Lane: trace.Backfill},
	}, slices.Collect(Steps(s, s.Head, Limits{Longest: MaxWindow}, skip, cfg)))
	assert.Equal(t, time.Hour, s.Unread.Duration())
}

func TestMinAgeHoldsBackTheNewestMail(t *testing.T) {
	old := cfg
	old.MinAge = 10 * time.Minute
	s := tick(State{}, 0, old)
	assert.Equal(t, []Step{{Window: window(-70, -10), Lane: trace.Backfill}}, allSteps(s, old))
}

func TestNothingMovesBack(t *testing.T) {
	s := read(tick(State{}, 0, cfg), -60, 0, 0)
	s = tick(s, -30, cfg)
	assert.Empty(t, allSteps(s, cfg))
	s = tick(s, 5, cfg)
	assert.Equal(t, []Step{{Window: window(0, 5), Lane: trace.Live}}, allSteps(s, cfg))
}

func TestWhatTheServiceDroppedUnreadIsAGap(t *testing.T) {
	ages := withAges(30 * time.Hour)
	s := read(tick(State{}, 0, ages), -60, 0, 0)
	now := at(0).Add(100 * 24 * time.Hour)
	s, gap := DropUnkept(Tick(s, now, s.Head, ages), now, ages)
	assert.Equal(t, 10*24*time.Hour+30*time.Minute, gap.Duration(), "a revisit that comes too late is no gap")
	assert.Equal(t, 90*24*time.Hour-30*time.Minute, s.Unread.Duration())
	assert.Equal(t, now.Add(30*time.Minute-90*24*time.Hour), s.Again[0].Start)
}

func TestEverySecondIsReadAgainAtEachAge(t *testing.T) {
	ages := withAges(15*time.Minute, 2*time.Hour)
	s := read(tick(State{}, 0, ages), -60, 0, 0)
	assert.Empty(t, s.Again, "the lookback is not older than itself")

	s = read(tick(s, 5, ages), 0, 5, 5)
	assert.Equal(t, []Step{{Window: window(-15, -10), Lane: trace.Revisit}}, allSteps(s, ages))
	s = read(s, -15, -10, 5)

	s = read(tick(s, 10, ages), 5, 10, 10)
	assert.Equal(t, []Step{{Window: window(-10, -5), Lane: trace.Revisit}}, allSteps(s, ages))
}

func TestARevisitWaitsForATwelfthOfItsAge(t *testing.T) {
	ages := withAges(2 * time.Hour)
	s := read(tick(State{}, 0, ages), -60, 0, 0)
	for minute := 5; minute <= 65; minute += 5 {
		s = read(tick(s, minute, ages), minute-5, minute, minute)
		assert.Empty(t, s.Again, "minute %d", minute)
	}
	s = read(tick(s, 70, ages), 65, 70, 70)
	assert.Equal(t, []Step{{Window: window(-60, -50), Lane: trace.Revisit}}, allSteps(s, ages))
}

func TestReadingOldMailServesTheAgesItHas(t *testing.T) {
	ages := withAges(15*time.Minute, 2*time.Hour)
	s := read(tick(State{}, 0, ages), -60, 0, 0)
	s = tick(s, 180, ages)
	assert.Equal(t, Intervals{window(-60, 165)}, s.Again)

	s = read(s, 0, 180, 180)
	assert.Equal(t, Intervals{window(-60, 0)}, s.Again)
	assert.Equal(t, []Served{{15 * time.Minute, at(165)}, {2 * time.Hour, at(60)}}, s.Served)
	assert.Equal(t, at(-60), SettledUpTo(s))
}

func TestReadingAtANewAgeBeginsWithWhatIsRemembered(t *testing.T) {
	s := read(tick(State{}, 0, cfg), -60, 0, 0)
	s = Tick(s, at(5), at(-10), withAges(15*time.Minute))
	assert.Equal(t, []Served{{15 * time.Minute, at(-10)}}, s.Served)
}

func TestADroppedAgeIsForgotten(t *testing.T) {
	s := tick(State{}, 0, withAges(15*time.Minute))
	s = tick(s, 5, cfg)
	assert.Empty(t, s.Served)
}

func TestAPositionAheadOfTheServiceIsPulledBack(t *testing.T) {
	ages := withAges(15 * time.Minute)
	s := PullBack(tick(State{}, 0, ages), at(-30), ages)
	assert.Equal(t, at(-30), s.Head)
	assert.Equal(t, Intervals{window(-90, -30)}, s.Unread, "the look-back is from the corrected start")
	assert.Equal(t, []Served{{15 * time.Minute, at(-45)}}, s.Served)
	assert.Equal(t, s, PullBack(s, at(-30), ages))
}

func TestIntervals(t *testing.T) {
	for _, tt := range []struct {
		name      string
		have      Intervals
		change    trace.Window
		added     Intervals
		remaining Intervals
	}{
		{"empty set", nil, window(0, 1), Intervals{window(0, 1)}, Intervals{}},
		{"empty window", Intervals{window(0, 1)}, window(3, 3), Intervals{window(0, 1)}, Intervals{window(0, 1)}},
		{"apart", Intervals{window(0, 1)}, window(2, 3), Intervals{window(0, 1), window(2, 3)}, Intervals{window(0, 1)}},
		{"before", Intervals{window(4, 5)}, window(2, 3), Intervals{window(2, 3), window(4, 5)}, Intervals{window(4, 5)}},
		{"touching", Intervals{window(0, 2)}, window(2, 3), Intervals{window(0, 3)}, Intervals{window(0, 2)}},
		{"inside", Intervals{window(0, 9)}, window(2, 3), Intervals{window(0, 9)}, Intervals{window(0, 2), window(3, 9)}},
		{"across", Intervals{window(0, 3), window(5, 8)}, window(2, 6), Intervals{window(0, 8)}, Intervals{window(0, 2), window(6, 8)}},
		{"covering", Intervals{window(1, 2), window(3, 4)}, window(0, 9), Intervals{window(0, 9)}, Intervals{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.added, tt.have.Add(tt.change))
			assert.Equal(t, tt.remaining, tt.have.Remove(tt.change))
		})
	}
}
