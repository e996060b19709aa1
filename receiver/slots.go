// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// defaultSlotsPerCPU is how many jobs run at the same time for each CPU, unless max_concurrent_jobs says otherwise. Jobs
// wait for the service most of the time.
const defaultSlotsPerCPU = 4

// slots bound how many jobs run at the same time. Backfill waits until nobody else does.
type slots struct {
	mu sync.Mutex
	// limits are what the receivers that share the slots allow.
	limits  []int
	running int
	// waiting are the jobs that wait, those that go first first.
	waiting [2][]chan struct{}
}

// allSlots are those of all receivers in this process.
var allSlots = &slots{}

// join applies a receiver's limit to all until leave is called; 0 is the default.
func (s *slots) join(limit int) (leave func()) {
	if limit == 0 {
		limit = defaultSlotsPerCPU * runtime.GOMAXPROCS(0)
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
	if lane == trace.Backfill {
		rank = 1
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

// hand gives the free slots to those who wait.
func (s *slots) hand() {
	for rank := range s.waiting {
		for len(s.waiting[rank]) > 0 && (len(s.limits) == 0 || s.running < slices.Min(s.limits)) {
			s.running++
			close(s.waiting[rank][0])
			s.waiting[rank] = s.waiting[rank][1:]
		}
	}
}
