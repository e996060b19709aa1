// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// term is a stretch of time in which one process reads a tenant's mail: all of its life, or as long as it leads.
type term struct {
	*Poller
	// started is when the term began, by the monotonic clock as well, and first its first tick.
	started, first time.Time
	// collector is nil until everything that it needs of this machine is there.
	collector *collect.Collector
	release   func()
	// using is locked by whoever else changes the position, and over reports whether nobody may any more.
	using sync.RWMutex
	over  bool
	// before is the position before the first tick since this machine's clock was set, as long as the service has not answered:
	// nothing has been read by a later one. It is nil once the service has.
	before *plan.State
	// outage reports whether nothing can be read, whatever the window.
	outage atomic.Bool
	// tested is by how much the clocks differed when the service was last asked for its present.
	tested time.Duration
	// tick is the latest tick, as far as both clocks have got.
	tick   atomic.Pointer[time.Time]
	pages  pages
	bounds bounds
	live   worker
	older  worker
	// progress is how far the backfill is.
	progress progress
	// lose ends the term, since another poller has taken the state.
	lose func()
}

// run reads at each tick what is due, until ctx ends. Backfill is read beside it, so that it never delays newer mail.
func (t *term) run(ctx context.Context) {
	t.asked.open()
	defer t.asked.close()
	schedule := &schedule{plan: t.Plan}
	t.live = worker{term: t, longest: t.Plan.LongestWindow()}
	t.older = worker{term: t, longest: plan.MaxWindow, backfill: true}
	// Newer mail must not wait behind what waits for the quota, since part of the quota is kept free for it.
	t.live.free = func(step plan.Step) bool {
		now := wallClock()
		limit := schedule.untilNext(now)
		if schedule.isDue(now) {
			limit = 0
		}
		return step.Lane != trace.Revisit || t.Budget.Await(ctx, step.Lane, limit)
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	if transport.Sleep(ctx, t.Plan.Offset) != nil {
		return
	}
	readOlder := sync.OnceFunc(func() {
		workers.Go(func() { t.readOlder(ctx) })
		if t.Details != nil {
			workers.Go(func() { t.readDetails(ctx) })
		}
	})
	tick := schedule.start(wallClock())
	t.first = tick
	for ok := true; ok; tick, ok = schedule.wait(ctx) {
		for t.begin(ctx) && t.reach(ctx) && t.open(ctx, tick) {
			readOlder()
			t.wakeBackfill()
			// A tick that comes while this one is worked on takes over after the window in hand.
			t.live.work(ctx, func() bool { return schedule.isDue(wallClock()) })
			if !t.clock.disputed() {
				break
			}
		}
		t.yield()
	}
}

// yield ends the term if another poller has taken the state.
func (t *term) yield() {
	if t.collector != nil && t.collector.Taken() {
		t.Reporter.Report(Trouble{Scope: trouble.Setup, Err: &ledger.TakenError{}})
		t.lose()
	}
}

// end ends the term. Whoever looks at the poller while it does not run must not change what another one goes on with.
func (t *term) end() {
	t.term.Store(nil)
	t.using.Lock()
	t.over = true
	t.using.Unlock()
	if t.release != nil {
		t.release()
	}
}

// readOlder reads at each tick the older mail that is open, and at once what somebody asks for.
func (t *term) readOlder(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		}
		for a := t.take(); a != nil; a = t.take() {
			t.older.serve(ctx, a)
		}
		t.older.work(ctx, func() bool { return len(t.wake) > 0 })
	}
}

// take returns what somebody has asked for, as long as anything can be read.
func (t *term) take() *asked {
	if t.outage.Load() {
		return nil
	}
	return t.asked.take()
}

// begin makes the collector unless there is one. What is missing is looked for again at the next tick.
func (t *term) begin(ctx context.Context) bool {
	if t.collector != nil {
		return true
	}
	collector, release, err := t.Open(ctx, &gate{budget: t.Budget, clock: &t.clock}, t.clock.now)
	if err != nil {
		if ctx.Err() == nil {
			t.Reporter.Report(Trouble{Scope: trouble.Setup, Err: err})
		}
		return false
	}
	t.collector, t.release = collector, release
	t.Reporter.Report(Recovery{Scope: trouble.Setup})
	t.term.Store(t)
	return true
}

// open opens what became due with the tick, and stores that before anything of it is asked for; but as long as the clock
// has not been compared with the service's, only a position that is new. It returns false when ctx ends before.
func (t *term) open(ctx context.Context, tick time.Time) (ok bool) {
	at := t.clock.bound(tick)
	t.tick.Store(&at)
	change := t.collector.Update
	if t.clock.isKnown() {
		if !t.rebase(ctx) {
			return false
		}
	} else if t.before == nil {
		state := t.collector.State()
		t.before = &state
	}
	if t.before != nil && !t.before.Ticked.IsZero() {
		change = t.collector.Propose
	}
	var events []Event
	err := change(ctx, func(l *ledger.Ledger) (state plan.State) {
		state, events = t.advance(l, at)
		return state
	})
	for _, event := range events {
		t.Reporter.Report(event)
	}
	t.observe()
	return err == nil
}

// advance returns the position at a tick, and what the user should know of it.
func (t *term) advance(l *ledger.Ledger, tick time.Time) (state plan.State, events []Event) {
	state, oldest := l.State(), l.OldestKnown()
	if t.before != nil {
		// A new position begins when the term did.
		if state = withAsked(*t.before, state); state.Ticked.IsZero() {
			state, oldest = plan.Tick(state, t.first, t.first, t.Plan), t.first
		}
	}
	if now, known := t.clock.latest(); known && plan.Position(state).After(now.Add(MaxSkew)) {
		events = append(events, PulledBack{Position: plan.Position(state), Now: now})
		state = plan.PullBack(state, now, t.Plan)
	}
	if windows := plan.Abandoned(state, t.Plan); len(windows) > 0 {
		events = append(events, Abandoned{Windows: windows})
	}
	state = plan.Tick(state, tick, oldest, t.Plan)
	// What cannot be undone waits for a proof.
	if t.clock.proven() {
		var gap plan.Intervals
		if state, gap = plan.DropUnkept(state, tick, t.Plan); len(gap) > 0 {
			events = append(events, Gap{Windows: gap})
		}
	}
	return state, events
}

// rebase puts back the position that has been advanced by this machine's clock alone, if that turned out to be wrong. A new
// position begins where the right clock would have begun it.
func (t *term) rebase(ctx context.Context) bool {
	before := t.before
	t.before = nil
	if before == nil || !t.clock.differs() {
		return true
	}
	return t.collector.Update(ctx, func(l *ledger.Ledger) plan.State {
		state := *before
		if before.Ticked.IsZero() {
			first := t.clock.bound(wallClock().Add(-time.Since(t.started)))
			state = plan.Tick(plan.State{}, first, first, t.Plan)
		}
		return withAsked(state, l.State())
	}) == nil
}

// withAsked is an earlier state with what somebody has asked for since, which is no matter of clocks.
func withAsked(state, now plan.State) plan.State {
	state.Asked, state.Redeliver = now.Asked, now.Redeliver
	return state
}

// errOver is a term that is over.
var errOver = errors.New("the receiver does not collect at present; see its health")

// update changes the position for somebody who may be late: once the term is over, another process may read and write what
// is stored.
func (t *term) update(ctx context.Context, change func(*ledger.Ledger) plan.State) error {
	t.using.RLock()
	defer t.using.RUnlock()
	if t.over {
		return errOver
	}
	return t.collector.Update(ctx, change)
}

// giveUp closes windows that nobody wants any more, by the rule for such windows, except for what others have asked for as
// well.
func (t *term) giveUp(
	ctx context.Context, rule func(plan.State, plan.Intervals, plan.Config) (plan.State, plan.Intervals), w trace.Window,
) {
	var gap plan.Intervals
	err := t.update(ctx, func(l *ledger.Ledger) (rest plan.State) {
		windows := plan.Intervals{w}
		others, _ := t.asked.windows()
		for _, other := range others {
			windows = windows.Remove(other)
		}
		rest, gap = rule(l.State(), windows, t.Plan)
		return rest
	})
	if err == nil && len(gap) > 0 {
		t.Reporter.Report(Gap{Windows: gap, Cancelled: true})
	}
}

// observe tells how far the reading has got.
func (t *term) observe() {
	state := t.collector.State()
	backfill := t.progress.note(plan.Backfill(state, t.Plan).Duration(), time.Now(), t.Budget.Rate())
	waiting, _ := t.collector.Inquiries()
	t.Reporter.Report(Position{State: state, Rows: t.collector.Rows(), Backfill: backfill, Inquiries: waiting})
}
