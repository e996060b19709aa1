// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var at = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

const (
	second = time.Second
	hour   = time.Hour
)

// shown is a difference that so many answers tell.
func shown(answers int, ahead time.Duration) []time.Duration {
	return slices.Repeat([]time.Duration{ahead}, answers)
}

func TestDifferenceIsBelievedWhenItIsToldForAMinute(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		// shown is by how much the service's clock is ahead in answers that come every ten seconds.
		shown []time.Duration
		want  time.Duration
		// disputed and proven are what is so after the last of them.
		disputed, proven bool
	}{
		"nothing":                     {},
		"a small difference at first": {shown: []time.Duration{-second}, want: -second},
		"agreement for a minute":      {shown: []time.Duration{0, second, -second, 0, second, 0, -second}, proven: true},
		"agreement for less":          {shown: []time.Duration{0, second, -second, 0, second, 0}},
		"up to a minute is agreement": {shown: shown(7, 60*second), want: 60 * second, proven: true},
		"more than a minute is none":  {shown: shown(7, 61*second), want: 61 * second},
		"told for a minute":           {shown: []time.Duration{-hour, -hour, -hour, -hour + second, -hour, -hour, -hour}, want: -hour},
		"told too short":              {shown: shown(6, -hour), disputed: true},
		"one right answer ends it":    {shown: slices.Concat(shown(2, -hour), shown(1, 0), shown(6, -hour))},
		"but not for good":            {shown: slices.Concat(shown(2, -hour), shown(1, 0), shown(7, -hour)), want: -hour},
		"two kinds of wrong":          {shown: []time.Duration{-hour, hour, -hour, hour, -hour, hour, -hour, hour, -hour}, disputed: true},
		"known before it is wrong":    {shown: slices.Concat(shown(1, 0), shown(6, -hour))},
		"and wrong for long":          {shown: slices.Concat(shown(1, 0), shown(7, -hour)), want: -hour},
		"and right again too short":   {shown: slices.Concat(shown(7, hour), shown(6, 0)), want: hour},
		"and right again":             {shown: slices.Concat(shown(7, hour), shown(7, 0)), proven: true},
		"a wrong answer ends a proof": {shown: slices.Concat(shown(7, 0), shown(1, hour))},
		"a drift is followed":         {shown: slices.Concat(shown(1, 0), shown(7, 3*second)), want: 3 * second, proven: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c clock
			for i, shown := range tt.shown {
				believed := c.hear(shown, at.Add(time.Duration(i)*10*second))
				assert.False(t, believed && c.ahead != shown)
			}
			assert.Equal(t, tt.want, c.ahead)
			assert.Equal(t, tt.disputed, c.disputed())
			assert.Equal(t, tt.proven, c.proven())
			assert.Equal(t, tt.want.Abs() > MaxSkew, c.differs())
			assert.Equal(t, len(tt.shown) > 0 && !tt.disputed, c.isKnown())
		})
	}
}

func TestAnswersThatTellNoTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tell            func(c *clock)
		known, disputed bool
	}{
		"count as agreement that is not proven": {func(c *clock) { c.answered(at); c.answered(at.Add(hour)) }, true, false},
		"prove nothing after one that did":      {func(c *clock) { c.hear(0, at); c.answered(at.Add(hour)) }, true, false},
		"end no dispute":                        {func(c *clock) { c.hear(hour, at); c.answered(at.Add(second)) }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c clock
			assert.Zero(t, c.silentSince())
			tt.tell(&c)
			assert.NotZero(t, c.silentSince(), "there is no use in asking for it")
			assert.Equal(t, tt.known, c.isKnown())
			assert.Equal(t, tt.disputed, c.disputed())
			assert.False(t, c.proven())
		})
	}
}

func TestBoundIsTheEarlierClock(t *testing.T) {
	t.Parallel()
	half := at.Add(500 * time.Millisecond)
	for name, tt := range map[string]struct {
		ahead time.Duration
		in    time.Time
		want  time.Time
	}{
		"the service is ahead":           {hour, half, half},
		"no difference":                  {0, half, half},
		"less than can be told":          {-2*second + 1, at, at},
		"two seconds behind":             {-2 * second, at, at.Add(-2 * second)},
		"behind, in whole seconds":       {-90 * second, half, at.Add(-90 * second)},
		"behind by a fraction, likewise": {-90*second - 700*time.Millisecond, at, at.Add(-91 * second)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clock{known: true, ahead: tt.ahead}
			assert.Equal(t, tt.want, c.bound(tt.in))
		})
	}
}

func TestTheLatestOfBothClocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pass(700 * time.Millisecond)
		whole := wallClock().Truncate(second)
		for _, tt := range []struct {
			c     *clock
			known bool
			want  time.Time
		}{
			{&clock{}, false, whole},
			{&clock{known: true, ahead: -hour}, true, whole},
			{&clock{known: true, ahead: hour}, true, whole.Add(hour)},
			{&clock{known: true, ahead: hour + 400*time.Millisecond}, true, whole.Add(hour + second)},
		} {
			now, known := tt.c.latest()
			assert.Equal(t, tt.want, now)
			assert.Equal(t, tt.known, known)
		}
		behind := clock{known: true, ahead: -hour}
		assert.Equal(t, whole.Add(-hour), behind.now())
	})
}

func TestADisputeThatNothingEndsIsSettledForTheEarlierClock(t *testing.T) {
	t.Parallel()
	for shown, want := range map[time.Duration]time.Duration{-hour: -hour, hour: 0} {
		var c clock
		c.hear(shown, at)
		c.hear(-shown, at.Add(second))
		c.hear(shown, at.Add(2*second))
		require.True(t, c.disputed())
		c.settle()
		assert.Equal(t, want, c.ahead)
		assert.True(t, c.isKnown())
		assert.False(t, c.disputed())
		assert.False(t, c.proven(), "nothing that cannot be undone follows")
	}
}

// shifted is t as if the wall clock had been set by d since, while the monotonic clock went on.
func shifted(t time.Time, d time.Duration) time.Time {
	// The lower thirty bits of a time with a monotonic part are nanoseconds, the seconds of the wall clock lie above them.
	*(*uint64)(unsafe.Pointer(&t)) -= uint64(d/time.Second) << 30
	return t
}

func TestAClockThatIsSetForgetsWhatWasKnown(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, second, 2 * second, -2 * second, 3 * second, -3 * second, hour, -24 * hour} {
		var c clock
		c.look()
		for i := range 7 {
			c.hear(0, at.Add(time.Duration(i)*10*second))
		}
		c.seen = shifted(c.seen, d)
		c.look()
		same := d.Abs() < 2*second
		if d.Abs() == 2*second {
			continue // what passes between two looks decides
		}
		assert.Equal(t, same, c.isKnown(), d)
		assert.Equal(t, same, c.proven(), d)
		assert.False(t, c.disputed(), d)
		c.look()
		c.hear(hour, at.Add(2*hour))
		assert.Equal(t, !same, c.disputed(), "%second: what was known before no longer speaks against it", d)
	}
}

// Whatever the answers tell, nothing that cannot be undone follows from one clock, and no window ends after either.
func TestNoClockIsBelievedAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var c clock
		now := at
		// agreed is since when all answers that told the time have agreed with this machine's clock, zero if the last did not;
		// steady is since when they have told the same as the last one.
		var agreed, shown, steady time.Time
		var last time.Duration
		for range rapid.IntRange(1, 40).Draw(t, "answers") {
			now = now.Add(rapid.SampledFrom([]time.Duration{1, second, 7 * second, 20 * second, 59 * second, 61 * second, hour}).Draw(t, "later"))
			believed := c.ahead
			switch rapid.SampledFrom([]string{"told", "told", "told", "told", "untold", "settled"}).Draw(t, "answer") {
			case "told":
				ahead := rapid.SampledFrom([]time.Duration{0, second, -second, 5 * second, 60 * second, -60 * second, 61 * second, hour, hour + second, -hour, 2400 * hour}).Draw(t, "ahead")
				if shown.IsZero() || (ahead-last).Abs() > skewTolerance {
					steady = now
				}
				if agreed.IsZero() && ahead.Abs() <= MaxSkew {
					agreed = now
				} else if ahead.Abs() > MaxSkew {
					agreed = time.Time{}
				}
				shown, last = now, ahead
				c.hear(ahead, now)
				if c.ahead != believed && c.ahead.Abs() > MaxSkew {
					require.GreaterOrEqual(t, now.Sub(steady), skewTrial, "a difference is believed after a minute")
					require.LessOrEqual(t, (c.ahead - ahead).Abs(), skewTolerance)
				}
			case "untold":
				c.answered(now)
				require.Equal(t, believed, c.ahead, "an answer that tells no time moves none")
			case "settled":
				if c.disputed() {
					c.settle()
				}
			}
			if c.proven() {
				require.False(t, agreed.IsZero(), "the clocks do not agree")
				require.GreaterOrEqual(t, shown.Sub(agreed), skewTrial, "they have to agree for a minute")
				require.LessOrEqual(t, c.ahead.Abs(), MaxSkew)
			}
			require.False(t, c.disputed() && (c.isKnown() || c.proven()))
			bound := c.bound(now)
			require.False(t, bound.After(now), "later than this machine's clock")
			if c.isKnown() {
				require.False(t, bound.After(now.Add(c.ahead+skewTolerance)), "later than the service's clock")
			}
			require.False(t, bound.Before(now.Add(min(0, c.ahead)-second)), "earlier than both")
		}
	})
}
