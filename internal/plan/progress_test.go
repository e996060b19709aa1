// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// retentions are those of Microsoft Graph and of the Reporting Web Service.
var retentions = []time.Duration{2160 * time.Hour, 240 * time.Hour}

// modes are what a receiver reads that looks back nearly as far as the service keeps mail.
var modes = map[string]func(c *Config, now time.Time){
	"ages": func(c *Config, _ time.Time) {
		c.Ages = []time.Duration{minutes(5), minutes(15), time.Hour, 8 * time.Hour, 30 * time.Hour}
	},
	"no ages": func(*Config, time.Time) {},
	"a fixed range": func(c *Config, now time.Time) {
		all := trace.Window{Start: now.Add(-c.InitialLookback).Truncate(time.Second), End: now.Truncate(time.Second)}
		c.Range = &Range{Absolute: "fixed", At: func(time.Time) trace.Window { return all }}
	},
	"a moving range": func(c *Config, _ time.Time) { c.Range = moving(90, 30, c.Interval).Range },
	"a moving range as long as the retention": func(c *Config, _ time.Time) {
		length := c.Retention
		c.Range = &Range{At: func(tick time.Time) trace.Window { return trace.Window{Start: tick.Add(-length), End: tick} }}
	},
}

// account compares the windows that a worker is handed with what there is to read.
type account struct {
	// open is what there is to read; opened is how long all of it has been together, and pieces in how many it came.
	open   Intervals
	opened time.Duration
	pieces int
	// unfinished counts the windows that were not read to their end, and handed all of them.
	unfinished, handed int
	// tried is what is not asked for again before the next tick.
	tried Intervals
}

// note notes what there is to read now.
func (a *account) note(open Intervals) {
	fresh := minus(open, a.open)
	a.open, a.opened, a.pieces = open, a.opened+fresh.Duration(), a.pieces+len(fresh)
}

// most is the most windows that may have been handed out by now: as many as what is no longer open is long, and a constant
// number for each piece and for each window that could not be read to its end.
func (a *account) most(longest time.Duration) int {
	return int((a.opened-a.open.Duration())/longest) + 2*a.pieces + 2*a.unfinished + 3
}

// reader drives the plan as package poll does: ticks by the schedule, two workers, and one clock for all borders of a tick.
type reader struct {
	cfg     Config
	s       State
	now     time.Time
	last    time.Time
	tick    time.Time
	limits  Limits
	workers [2]account
	// deferred is what no worker asks for.
	deferred Intervals
}

const live, older = 0, 1

// newReader is a reader at its first tick, which looks back to so long after what the service drops next.
func newReader(mode string, retention, after, interval, longest time.Duration, now time.Time) *reader {
	c := Config{Interval: interval, Retention: retention, InitialLookback: retention - KeepMargin - after}
	modes[mode](&c, now)
	r := &reader{cfg: c, now: now, limits: Limits{Longest: longest}}
	r.last = now.Truncate(time.Second)
	if c.Range != nil {
		r.last = c.LastTick(now)
	}
	r.begin(r.last)
	return r
}

// begin opens what is due at a tick, and gives up what the service no longer keeps.
func (r *reader) begin(tick time.Time) {
	r.tick = tick
	r.s = Tick(r.s, tick, oldest(r.s), r.cfg)
	r.s, _ = DropUnkept(r.s, tick, r.cfg)
	r.workers[live].tried, r.workers[older].tried = nil, nil
	r.note()
}

// pass lets time pass by the clock, or sets it back.
func (r *reader) pass(d time.Duration) {
	r.now = r.now.Add(d)
	switch tick := r.cfg.LastTick(r.now); {
	case tick.After(r.last):
		r.last = tick
		r.begin(tick)
	case r.now.Before(r.last):
		r.last = tick
	}
}

// note notes what each worker has to read at the tick.
func (r *reader) note() {
	s, _ := DropUnkept(r.s, r.tick, r.cfg)
	for _, set := range []*Intervals{&s.Unread, &s.Due, &s.Again, &s.Asked, &s.Redeliver} {
		*set = set.Within(trace.Window{End: r.tick})
	}
	var newest, rest Intervals
	switch {
	case r.cfg.Range == nil:
		newest, rest = split(s.Unread, liveFrom(s, r.cfg))
		newest = newest.Union(minus(s.Again, s.Unread))
	case r.cfg.Range.Absolute == "":
		newest = s.Due.Union(s.Unread)
	default:
		rest = s.Unread
	}
	r.workers[live].note(newest)
	r.workers[older].note(rest.Union(s.Asked))
}

// next is the next window of a worker.
func (r *reader) next(worker int) (Step, bool) {
	for step := range Steps(r.s, r.tick, r.limits, r.workers[worker].tried.Union(r.deferred), r.cfg) {
		if (step.Lane == trace.Backfill) == (worker == older) {
			r.workers[worker].handed++
			return step, true
		}
	}
	return Step{}, false
}

// read reads a window from its end back to an instant. The newest second before the service's clock is not believed.
func (r *reader) read(worker int, w trace.Window, from time.Time) {
	a := &r.workers[worker]
	reach := earlier(w.End, r.now.Add(-time.Second).Truncate(time.Second))
	if from.After(w.Start) || reach.Before(w.End) {
		a.unfinished++
	}
	if !from.After(w.Start) {
		a.tried, r.limits = a.tried.Add(w), r.limits.Widen(w)
	}
	r.s = Read(r.s, trace.Window{Start: from, End: reach}, r.now)
	r.note()
}

// fail narrows a window that cannot be read, and in the end puts it off.
func (r *reader) fail(worker int, w trace.Window) {
	r.workers[worker].unfinished++
	if w.Duration() <= time.Second {
		r.deferred = r.deferred.Add(w)
		return
	}
	r.limits = r.limits.Narrow(w, max(time.Second, (w.Duration()/2).Truncate(time.Second)))
}

// require sees that no worker has been handed more windows than it takes.
func (r *reader) require(t require.TestingT) {
	for worker := range r.workers {
		a := &r.workers[worker]
		require.LessOrEqual(t, a.handed, a.most(min(r.limits.Longest, MaxWindow)), "worker %d: %s in %d pieces, %d unfinished",
			worker, a.opened, a.pieces, a.unfinished)
	}
}

// Reading a stretch takes no more windows than it has to, whatever the clock does between two steps, whichever lane it is
// and however the service answers.
func TestReadingAStretchTakesNoMoreWindowsThanItMust(t *testing.T) {
	t.Parallel()
	for mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				r := newReader(mode, rapid.SampledFrom(retentions).Draw(t, "retention"),
					rapid.SampledFrom([]time.Duration{0, 5 * time.Hour, 23*time.Hour + 20*time.Minute, 24 * time.Hour}).Draw(t, "after"),
					rapid.SampledFrom([]time.Duration{minutes(1), minutes(5), time.Hour}).Draw(t, "interval"),
					rapid.SampledFrom([]time.Duration{minutes(7), time.Hour}).Draw(t, "longest"),
					ten.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start"))))
				// How the clock and the service are for a while.
				for range rapid.IntRange(1, 5).Draw(t, "phases") {
					step := rapid.SampledFrom([]time.Duration{
						1, time.Millisecond, 700 * time.Millisecond, 3 * time.Second, time.Minute, 11 * time.Minute, 11 * time.Minute, 5 * time.Hour, -1, -20 * time.Minute, -9 * time.Hour,
					}).Draw(t, "step")
					outcomes := rapid.SampledFrom([]string{"rrrrrrrr", "rrrrrrrr", "rrrpprrr", "rfrrprff", "ffffffff", "pppppppp"}).Draw(t, "outcomes")
					worker := rapid.SampledFrom([]string{"llllo", "lo", "o", "l"}).Draw(t, "workers")
					for n := range rapid.IntRange(1, 50).Draw(t, "steps") {
						r.pass(step)
						r.work(map[byte]int{'l': live, 'o': older}[worker[n%len(worker)]], outcomes[n%len(outcomes)])
						r.require(t)
					}
				}
			})
		})
	}
}

func (r *reader) work(worker int, outcome byte) {
	step, ok := r.next(worker)
	switch w := step.Window; {
	case !ok:
	case outcome == 'r':
		r.read(worker, w, w.Start)
	case outcome == 'p':
		r.read(worker, w, w.Start.Add(w.Duration()/3).Truncate(time.Second).Add(time.Second))
	case outcome == 'f':
		r.fail(worker, w)
	}
}

// TestALookbackAsLongAsTheRetentionIsReadToItsEnd counts what it takes altogether, at clocks of any pace.
func TestALookbackAsLongAsTheRetentionIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	for _, retention := range retentions {
		for _, mode := range []string{"no ages", "a fixed range"} {
			for _, pace := range []time.Duration{1, 3 * time.Millisecond, 300 * time.Millisecond, 7 * time.Second, 59 * time.Second} {
				if retention == retentions[0] && pace != 7*time.Second {
					continue
				}
				t.Run(fmt.Sprint(mode, " ", retention, " ", pace), func(t *testing.T) {
					t.Parallel()
					r := newReader(mode, retention, 0, minutes(5), time.Hour, ten.Add(123456789))
					for {
						r.pass(pace)
						step, ok := r.next(older)
						if !ok {
							break
						}
						whole := trace.Window{Start: step.Window.Start.Truncate(time.Second), End: step.Window.End.Truncate(time.Second)}
						assert.Equal(t, whole, step.Window)
						r.read(older, step.Window, step.Window.Start)
						for range 3 {
							r.work(live, 'r')
						}
					}
					hours := int(retention / time.Hour)
					assert.InDelta(t, hours, r.workers[older].handed, 3)
					r.require(t)
					assert.LessOrEqual(t, minus(r.s.Unread, Intervals{{Start: r.s.Begin, End: r.s.Head}}).Duration(), time.Second)
				})
			}
		}
	}
}

// Windows that somebody has asked for are cut at a clock that moves, so that nothing but what is dropped may depend on it.
func TestReadingWhatWasAskedForTakesNoMoreWindowsThanItMust(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Interval: minutes(5), Retention: rapid.SampledFrom(retentions).Draw(t, "retention")}
		now := ten.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start")))
		all := trace.Window{Start: now.Add(KeepMargin - c.Retention).Truncate(time.Second), End: now.Truncate(time.Second)}
		redeliver := rapid.Bool().Draw(t, "redeliver")
		s := Ask(State{Begin: all.End, Head: all.End}, all, redeliver)
		a := &account{}
		for range rapid.IntRange(1, 5).Draw(t, "phases") {
			pace := rapid.SampledFrom([]time.Duration{1, time.Millisecond, 3 * time.Second, minutes(11), 5 * time.Hour, -time.Second}).Draw(t, "pace")
			for range rapid.IntRange(1, 100).Draw(t, "steps") {
				now = now.Add(pace)
				kept := trace.Window{Start: now.Truncate(time.Second).Add(KeepMargin/2 - c.Retention), End: now.Truncate(time.Second)}
				a.note(Open(s).Within(kept))
				for step := range Steps(s, kept.End, Limits{Longest: time.Hour}, a.tried, c) {
					a.handed++
					a.tried = a.tried.Add(step.Window)
					s = Redelivered(Read(s, step.Window, now), step.Window)
					break
				}
				require.LessOrEqual(t, a.handed, a.most(time.Hour))
			}
		}
	})
}
