// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

func TestTheLowestLimitBoundsAllJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		leave := s.join(1)
		s.join(3)
		var order []trace.Lane
		release, err := s.acquire(t.Context(), trace.Backfill)
		require.NoError(t, err)
		wait := func(lane trace.Lane) {
			release, err := s.acquire(t.Context(), lane)
			if !assert.NoError(t, err) { //nolint:testifylint // require must not end another goroutine
				return
			}
			order = append(order, lane)
			defer release()
		}
		go wait(trace.Backfill)
		synctest.Wait()
		go wait(trace.Live)
		synctest.Wait()
		assert.Empty(t, order, "the only slot is taken")
		release()
		release()
		synctest.Wait()
		assert.Equal(t, []trace.Lane{trace.Live, trace.Backfill}, order, "backfill lets others go first")

		first, err := s.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		go wait(trace.Revisit)
		synctest.Wait()
		assert.Len(t, order, 2)
		leave()
		synctest.Wait()
		assert.Len(t, order, 3, "without the receiver that allowed one, there are three")
		first()
		assert.Zero(t, s.running)
	})
}

func TestWaitForASlotEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		s.join(1)
		release, err := s.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(assert.AnError)
		_, err = s.acquire(ctx, trace.Live)
		require.ErrorIs(t, err, assert.AnError)
		release()
		assert.Zero(t, s.running)
		assert.Empty(t, s.waiting[0])
	})
}

// Whatever jobs come, wait, give up, and whatever limits come and go, no more run at once than the lowest limit allows, and
// no slot stays taken.
func TestSlotsAreNeverExceededNorLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		var lowest atomic.Int32
		lowest.Store(3)
		defer s.join(3)()
		var running atomic.Int32
		var jobs sync.WaitGroup
		for i := range 200 {
			jobs.Go(func() {
				pass(time.Duration(i%13) * time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Second)
				defer cancel()
				lane := trace.Live
				if i%3 == 0 {
					lane = trace.Backfill
				}
				release, err := s.acquire(ctx, lane)
				if err != nil {
					return
				}
				assert.LessOrEqual(t, running.Add(1), lowest.Load())
				pass(time.Duration(i%5) * time.Second)
				running.Add(-1)
				release()
				release()
			})
		}
		jobs.Wait()
		assert.Zero(t, s.running)
		assert.Empty(t, s.waiting[0])
		assert.Empty(t, s.waiting[1])
	})
}

// running is how many slots of this process are taken.
func running() int {
	allSlots.mu.Lock()
	defer allSlots.mu.Unlock()
	return allSlots.running
}

func TestAJobGivesItsSlotBackWhileItWaits(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, g *gate, a *allowance) (proceed func()){
		"for the quota": func(ctx context.Context, g *gate, a *allowance) func() {
			a.set(true, time.Time{})
			go func() { _ = g.Enter(ctx, trace.Live) }()
			return func() { a.set(false, time.Time{}) }
		},
		"for the end of a pause": func(ctx context.Context, g *gate, a *allowance) func() {
			a.set(true, time.Now().Add(time.Minute))
			go func() { _ = g.Enter(ctx, trace.Live) }()
			return func() { a.set(false, time.Time{}) }
		},
		"for a silent service": func(ctx context.Context, g *gate, _ *allowance) func() {
			g.Leave(ctx)
			return func() { _ = g.Hold(ctx) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T) {
				defer allSlots.join(1)()
				a := &allowance{}
				g := &gate{budget: a, clock: &clock{}}
				ctx, slot := withSlot(t.Context(), trace.Live)
				require.NoError(t, slot.ensure(ctx))
				require.NoError(t, g.Enter(ctx, trace.Live), "it has a slot")
				require.Equal(t, 1, running())
				proceed := wait(ctx, g, a)
				synctest.Wait()
				assert.Zero(t, running(), "while it waits")
				pass(45 * time.Second)
				assert.Zero(t, running())

				other, err := allSlots.acquire(t.Context(), trace.Backfill)
				require.NoError(t, err, "another job goes ahead")
				go proceed()
				pass(20 * time.Second)
				assert.Equal(t, 1, running(), "it waits for its turn")
				other()
				synctest.Wait()
				assert.Equal(t, 1, running())
				slot.release()
				slot.release()
				assert.Zero(t, running())
			})
		})
	}
}

func TestWaitAtTheGateEndsWithTheJob(t *testing.T) {
	run(t, func(t *testing.T) {
		a := &allowance{}
		a.set(true, time.Time{})
		g := &gate{budget: a, clock: &clock{}}
		ctx, cancel := context.WithCancelCause(t.Context())
		ctx, _ = withSlot(ctx, trace.Live)
		done := make(chan error)
		go func() { done <- g.Enter(ctx, trace.Live) }()
		pass(25 * time.Second)
		cancel(errCancelled)
		require.ErrorIs(t, <-done, errCancelled)
		assert.Zero(t, running())
	})
}

func TestAJobThatWaitsIsShownAsWaiting(t *testing.T) {
	run(t, func(t *testing.T) {
		d := newDesk(t, &service{}, nil)
		a := &allowance{}
		g := &gate{budget: a, clock: &d.clock}
		job := d.Recorder.Schedule(trace.Live, trace.Window{Start: at, End: at.Add(hour)})
		ctx, slot := withSlot(jobs.WithJob(t.Context(), job), trace.Live)
		defer slot.release()
		job.Start(at)
		a.set(true, time.Time{})
		entered := make(chan error)
		go func() { entered <- g.Enter(ctx, trace.Live) }()
		synctest.Wait()
		assert.Equal(t, jobs.Waiting, job.Record().State)
		assert.Equal(t, jobs.ForQuota, job.Record().WaitingFor)
		until := time.Now().Add(time.Minute)
		a.set(true, until)
		pass(15 * time.Second)
		assert.Equal(t, jobs.Paused, job.Record().State)
		assert.True(t, until.Equal(job.Record().PausedUntil))
		a.set(false, time.Time{})
		require.NoError(t, <-entered)
		assert.Equal(t, jobs.Running, job.Record().State)
	})
}

// A job asks for the next page while it works on the one before, and both may have to wait for its one slot.
func TestAJobTakesOneSlotHoweverManyOfItWait(t *testing.T) {
	run(t, func(t *testing.T) {
		defer allSlots.join(2)()
		first, err := allSlots.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		second, err := allSlots.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		g := &gate{budget: &allowance{}, clock: &clock{}}
		ctx, slot := withSlot(t.Context(), trace.Live)
		var both sync.WaitGroup
		both.Go(func() { assert.NoError(t, g.Enter(ctx, trace.Live)) })
		both.Go(func() { assert.NoError(t, g.Hold(ctx)) })
		synctest.Wait()
		first()
		synctest.Wait()
		both.Wait()
		assert.Equal(t, 2, running(), "one of the other job, one of this")
		second()
		slot.release()
		assert.Zero(t, running())
	})
}

func TestNothingIsHeldWhileTheClocksAreInDispute(t *testing.T) {
	run(t, func(t *testing.T) {
		c := &clock{}
		g := &gate{budget: &allowance{}, clock: c}
		ctx, slot := withSlot(t.Context(), trace.Live)
		defer slot.release()
		c.hear(hour, at)
		err := g.Hold(ctx)
		require.ErrorIs(t, err, errDisputed)
		assert.Equal(t, trouble.Cancelled, trouble.ScopeOf(err))
		assert.Zero(t, running(), "it takes no slot either")
		require.NoError(t, g.Enter(ctx, trace.Live), "the service may be asked for the time")
		c.hear(0, at)
		require.NoError(t, g.Hold(ctx))
	})
}
