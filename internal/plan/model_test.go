// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package plan_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// The model counts time in units. Every instant in it is a whole number of units after epoch, so that the unit that
// begins at an instant is a stretch of mail of which either all or nothing is asked for.
const (
	unit   = 20 * time.Second
	minute = int(time.Minute / unit)
	hour   = int(time.Hour / unit)

	// Nothing in the model is before -past or after future.
	past   = 20 * hour
	future = 90 * hour
)

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func instant(units int) time.Time { return epoch.Add(time.Duration(units) * unit) }

func units(t time.Time) int { return int(t.Sub(epoch) / unit) }

func length(units int) time.Duration { return time.Duration(units) * unit }

func stretch(start, end int) trace.Window {
	return trace.Window{Start: instant(start), End: instant(end)}
}

// bitmap is a set of units, the naive form of plan.Intervals.
type bitmap [past + future]bool

func bitmapOf(s plan.Intervals) *bitmap {
	var b bitmap
	for _, w := range s {
		b.set(w, true)
	}
	return &b
}

func (b *bitmap) set(w trace.Window, value bool) {
	for i := max(units(w.Start), -past); i < min(units(w.End), future); i++ {
		b[past+i] = value
	}
}

func (b *bitmap) has(i int) bool { return b[past+i] }

// mail is what the model knows of the mail received within a unit.
type mail struct {
	// read is set where the mail was read at all, reads at which instants, as far as these can be believed.
	read  bool
	reads []int
	// unkept is set where the service was thought to have dropped the mail, gap that it had not been read until then.
	unkept, gap bool
}

// readAt reports whether all mail of unit i has been read at the age.
func (m *mail) readAt(i, age int) bool {
	return slices.ContainsFunc(m.reads, func(at int) bool { return at >= i+1+age })
}

// due is since which mail the model expects to be read at an age, and when it began to expect that.
type due struct{ from, since int }

// world drives the plan like the receiver does, and checks after each step what is promised.
type world struct {
	t      *rapid.T
	cfg    plan.Config
	client ledger.Memory
	ledger *ledger.Ledger
	// now is this machine's clock, furthest the furthest that it has been at.
	now, furthest int
	// from is the beginning of the mail that was ever asked for.
	from  int
	mails [past + future]mail
	dues  map[int]due
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, client: ledger.Memory{}, dues: map[int]due{}}
	w.cfg = settings(t)
	w.cfg.InitialLookback = length(rapid.SampledFrom([]int{0, 1, 30 * minute, 6 * hour}).Draw(t, "lookback"))
	w.cfg.Retention = length(rapid.SampledFrom([]int{4 * hour, 12 * hour, 30 * hour, 2160 * hour}).Draw(t, "retention"))
	w.now = rapid.IntRange(0, hour).Draw(t, "start")
	w.open()
	return w
}

// settings are what of the configuration may change between restarts.
func settings(t *rapid.T) plan.Config {
	var cfg plan.Config
	cfg.Interval = length(rapid.SampledFrom([]int{1, 1 * minute, 5 * minute, 12 * minute, hour}).Draw(t, "interval"))
	minAge := rapid.SampledFrom([]int{0, 0, 1, 10 * minute, 2 * hour}).Draw(t, "min_age")
	cfg.MinAge = length(minAge)
	ages := rapid.SliceOfNDistinct(rapid.SampledFrom([]int{
		2, 5 * minute, 15 * minute, 17*minute + 1, hour, 2 * hour, 5 * hour, 11 * hour,
	}), 0, 4, rapid.ID[int]).Draw(t, "ages")
	slices.Sort(ages)
	for _, age := range ages {
		if age > minAge {
			cfg.Ages = append(cfg.Ages, length(age))
		}
	}
	return cfg
}

// open opens the ledger, as the receiver does when it starts.
func (w *world) open() {
	opened, err := ledger.Open(w.t.Context(), ledger.Options{Client: w.client, Tenant: "contoso.com"})
	require.NoError(w.t, err)
	w.ledger = opened
}

// restart forgets everything but what is stored.
func (w *world) restart(changed bool) {
	before := w.ledger.State()
	w.open()
	assertSame(w.t, before, w.ledger.State())
	if !changed {
		return
	}
	cfg := settings(w.t)
	cfg.InitialLookback, cfg.Retention = w.cfg.InitialLookback, w.cfg.Retention
	w.cfg = cfg
}

// tick opens what is due at the last instant that is a tick, in the order in which the receiver does.
func (w *world) tick() {
	state := w.ledger.State()
	w.furthest = max(w.furthest, w.now)
	if state.Head.After(instant(w.now).Add(time.Minute)) {
		pulled := plan.PullBack(state, instant(w.now), w.cfg)
		w.pulledBack(state, pulled)
		state = pulled
	}
	at := w.now
	if !state.Begin.IsZero() {
		at -= w.now % int(w.cfg.Interval/unit)
	}
	w.expect(state, at)
	ticked := plan.Tick(state, instant(at), w.ledger.OldestKnown(), w.cfg)
	w.neverBack(state, ticked)
	head := instant(at).Add(-w.cfg.MinAge)
	require.Equal(w.t, later(state.Head, head), ticked.Head, "the head follows the tick and never moves back")

	kept, gap := plan.DropUnkept(ticked, instant(w.now), w.cfg)
	w.neverBack(ticked, kept)
	w.gap(gap)
	w.save(kept)
	w.check(at)
}

// expect notes since which mail each age is due. A new age begins with the mail whose rows are remembered.
func (w *world) expect(state plan.State, at int) {
	first := state.Begin.IsZero()
	if first {
		w.from = at - int((w.cfg.MinAge+w.cfg.InitialLookback)/unit)
	}
	dues := map[int]due{}
	for _, each := range w.cfg.Ages {
		age := int(each / unit)
		known, ok := w.dues[age]
		switch {
		case ok:
			dues[age] = known
		case first:
			dues[age] = due{from: max(at-age, w.from), since: at}
		default:
			dues[age] = due{from: max(at-age, units(w.ledger.OldestKnown())), since: at}
		}
	}
	w.dues = dues
}

// pulledBack corrects what was noted by a clock that was ahead: what was read by it counts as read just now. The plan knows
// how far ahead it was by the position alone, which is behind that clock by what a run takes, and by what min_age has been
// lowered since.
func (w *world) pulledBack(before, after plan.State) {
	require.Equal(w.t, instant(w.now).Add(-w.cfg.MinAge), after.Head)
	slack := max(0, w.furthest-units(before.Head.Add(w.cfg.MinAge)))
	w.furthest = w.now + slack
	for i := range w.mails {
		m := &w.mails[i]
		if i-past >= units(after.Head) {
			*m = mail{}
		}
		for n, at := range m.reads {
			m.reads[n] = min(at, w.furthest)
		}
	}
	if after.Begin.Before(before.Begin) {
		w.from = units(after.Begin.Add(-w.cfg.InitialLookback))
	}
	for age, d := range w.dues {
		w.dues[age] = due{from: min(d.from, max(w.now-age, w.from)), since: min(d.since, w.now)}
	}
}

func (w *world) save(s plan.State) {
	w.ledger.SetState(s)
	require.NoError(w.t, w.ledger.Commit(w.t.Context()))
}

// read reads a window, or of it what is newer than from. While a clock that went back is still ahead of the position, the
// plan cannot know of it, so the furthest that the clock has been is what counts.
func (w *world) read(step plan.Step, from time.Time) {
	w.furthest = max(w.furthest, w.now)
	read := trace.Window{Start: from, End: step.Window.End}
	before := w.ledger.State()
	after := plan.Read(before, read, instant(w.now))
	w.neverBack(before, after)
	for i := units(read.Start); i < units(read.End); i++ {
		m := &w.mails[past+i]
		m.read, m.reads = true, append(m.reads, w.furthest)
	}
	w.save(after)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
