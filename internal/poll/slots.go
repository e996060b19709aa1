// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// defaultSlotsPerCPU is how many jobs run at the same time for each CPU, unless max_concurrent_jobs is set. Jobs
// wait for the service most of the time.
const defaultSlotsPerCPU = 4

// slots bound how many jobs run at the same time. Backfill waits until nobody else does, and details until backfill does not.
type slots struct {
	mu sync.Mutex
	// limits are what the receivers that share the slots allow.
	limits  []int
	running int
	// waiting are the jobs that wait, those that go first first.
	waiting [3][]chan struct{}
}

// allSlots are those of all receivers in this process.
var allSlots = &slots{}

// join applies a receiver's limit to all until leave is called; 0 is none.
func (s *slots) join(limit int) (leave func()) {
	if limit == 0 {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = append(s.limits, limit)
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.Index(s.limits, limit)
		s.limits = slices.Delete(s.limits, i, i+1)
		s.hand()
	})
}

// acquire waits for a slot, which must be given back by release.
func (s *slots) acquire(ctx context.Context, lane trace.Lane) (release func(), err error) {
	turn := make(chan struct{})
	rank := 0
	switch lane {
	case trace.Backfill:
		rank = 1
	case trace.Details:
		rank = 2
	}
	s.mu.Lock()
	s.waiting[rank] = append(s.waiting[rank], turn)
	s.hand()
	s.mu.Unlock()
	select {
	case <-turn:
		return sync.OnceFunc(s.release), nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting[rank], turn); i >= 0 {
		s.waiting[rank] = slices.Delete(s.waiting[rank], i, i+1)
	} else {
		// The turn came at the same time.
		s.running--
		s.hand()
	}
	return nil, context.Cause(ctx)
}

func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.hand()
}

// limit is the lowest limit that a receiver sets.
func (s *slots) limit() int {
	if len(s.limits) == 0 {
		return defaultSlotsPerCPU * runtime.GOMAXPROCS(0)
	}
	return slices.Min(s.limits)
}

// hand gives the free slots to those who wait.
func (s *slots) hand() {
	for rank := range s.waiting {
		for len(s.waiting[rank]) > 0 && s.running < s.limit() {
			s.running++
			close(s.waiting[rank][0])
			s.waiting[rank] = s.waiting[rank][1:]
		}
	}
}

// gate lets jobs work that have a slot, and ask that the budget allows. A job gives its slot back while it waits for the
// quota, the pipeline or a silent service, so that no tenant keeps another one from reading.
type gate struct {
	budget Budget
	clock  *clock
}

// errDisputed is a page that came while it is not known what time it is.
var errDisputed error = calledOff("the clocks of this machine and of the service differ")

// calledOff is why a job ends before it is done.
type calledOff string

func (e calledOff) Error() string { return string(e) }

// Scope returns what the error is about.
func (calledOff) Scope() trouble.Scope { return trouble.Cancelled }

// Enter implements collect.Gate.
func (g *gate) Enter(ctx context.Context, lane trace.Lane) error {
	slot, job := slotOf(ctx), jobs.FromContext(ctx)
	for !g.budget.Await(ctx, lane, 0) {
		slot.release()
		if until := g.budget.Resume(); !until.IsZero() {
			job.Paused(until)
		} else {
			job.Wait(jobs.ForQuota)
		}
		if !g.budget.Await(ctx, lane, maxSleep) && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	defer job.Resume()
	return slot.ensure(ctx)
}

// Hold implements collect.Gate. Nothing is delivered by a clock that the service's contradicts.
func (g *gate) Hold(ctx context.Context) error {
	if g.clock.disputed() {
		return errDisputed
	}
	defer jobs.FromContext(ctx).Resume()
	return slotOf(ctx).ensure(ctx)
}

// Leave implements collect.Gate.
func (g *gate) Leave(ctx context.Context) { slotOf(ctx).release() }

// slot is the slot of one job.
type slot struct {
	lane trace.Lane
	// waiting holds a token while the job waits for its slot. It may ask for a page while it has one to work on, and must not
	// wait for two.
	waiting chan struct{}

	mu   sync.Mutex
	free func()
}

type slotKey struct{}

// withSlot returns the slot of a job, which it does not have yet, and a context that knows it.
func withSlot(ctx context.Context, lane trace.Lane) (context.Context, *slot) {
	s := &slot{lane: lane, waiting: make(chan struct{}, 1)}
	return context.WithValue(ctx, slotKey{}, s), s
}

// slotOf is the slot of the job that runs in ctx.
func slotOf(ctx context.Context) *slot {
	s, _ := ctx.Value(slotKey{}).(*slot)
	return s
}

// ensure waits until the job has its slot.
func (s *slot) ensure(ctx context.Context) error {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.taken() {
		return nil
	}
	free, err := allSlots.acquire(ctx, s.lane)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = free
	return nil
}

func (s *slot) taken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free != nil
}

// release gives the slot back, if the job has it.
func (s *slot) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free != nil {
		s.free()
		s.free = nil
	}
}
