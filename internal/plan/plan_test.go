// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
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

func TestFirstTickReadsTheLookbackAsBackfill(t *testing.T) {
	s := Tick(State{}, at(3), cfg)
	assert.Equal(t, []Step{{window(-57, 3), trace.Backfill}}, Steps(s, cfg))
}

func TestLaterTicksReadWhatIsNewAsLiveMail(t *testing.T) {
	s := Read(Tick(State{}, at(3), cfg), window(-57, 3))
	s = Tick(s, at(5), cfg)
	assert.Equal(t, []Step{{window(3, 5), trace.Live}}, Steps(s, cfg))
	assert.Equal(t, at(3), CompleteUpTo(s))

	s = Read(s, window(3, 5))
	assert.Empty(t, Steps(s, cfg))
	assert.Equal(t, at(5), CompleteUpTo(s))
}

func TestFailedWindowStaysOpen(t *testing.T) {
	s := Read(Tick(State{}, at(0), cfg), window(-60, 0))
	s = Tick(Tick(s, at(5), cfg), at(10), cfg)
	assert.Equal(t, []Step{{window(0, 10), trace.Live}}, Steps(s, cfg))
}

func TestPartlyReadWindowKeepsItsOlderPart(t *testing.T) {
	s := Read(Tick(State{}, at(0), cfg), window(-20, 0))
	assert.Equal(t, []Step{{window(-60, -20), trace.Backfill}}, Steps(s, cfg))
}

func TestAfterAPauseTheNewestMailComesFirst(t *testing.T) {
	s := Read(Tick(State{}, at(0), cfg), window(-60, 0))
	s = Tick(s, at(150), cfg)
	assert.Equal(t, []Step{
		{window(140, 150), trace.Live},
		{window(80, 140), trace.Backfill},
		{window(20, 80), trace.Backfill},
		{window(0, 20), trace.Backfill},
	}, Steps(s, cfg))
}

func TestMinAgeHoldsBackTheNewestMail(t *testing.T) {
	old := cfg
	old.MinAge = 10 * time.Minute
	s := Tick(State{}, at(0), old)
	assert.Equal(t, []Step{{window(-70, -10), trace.Backfill}}, Steps(s, old))
}

func TestNothingMovesBack(t *testing.T) {
	s := Read(Tick(State{}, at(0), cfg), window(-60, 0))
	s = Tick(s, at(-30), cfg)
	assert.Empty(t, Steps(s, cfg))
	s = Tick(s, at(5), cfg)
	assert.Equal(t, []Step{{window(0, 5), trace.Live}}, Steps(s, cfg))
}

func TestWhatTheServiceDroppedIsAGap(t *testing.T) {
	s := Read(Tick(State{}, at(0), cfg), window(-60, 0))
	now := at(0).Add(100 * 24 * time.Hour)
	s, gap := DropUnkept(Tick(s, now, cfg), now, cfg)
	assert.Equal(t, 10*24*time.Hour+time.Hour, gap.Duration())
	assert.Equal(t, 90*24*time.Hour-time.Hour, s.Open.Duration())
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
