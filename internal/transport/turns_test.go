// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestAwait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{Requests: 10, Interval: time.Minute})
		assert.True(t, q.Await(t.Context(), trace.Revisit, 0), "nothing has been used")
		use(t, q, trace.Live, 9)
		assert.False(t, q.Await(t.Context(), trace.Revisit, 0), "the tenth is for live mail")
		assert.False(t, q.Await(t.Context(), trace.Revisit, 20*time.Second))
		assert.True(t, q.Await(t.Context(), trace.Live, 0))
		assert.True(t, q.Await(t.Context(), trace.Revisit, 10*time.Second), "unless it has waited for half an interval")
		assert.Zero(t, q.inFlight)
		assert.InDelta(t, 0.9, q.Used(), 0, "waiting takes nothing")
	})
}

// A lane looks up now and then, to see what else there is to do, and never has the patience for a whole turn.
func TestWhatALaneHasWaitedCountsHoweverOftenItLooksUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, began := NewQuota(Rate{Requests: 10, Interval: time.Minute}), time.Now()
		use(t, q, trace.Live, 10)
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		for range 10 {
			go func() {
				for q.Acquire(ctx, trace.Live) == nil {
					q.Release()
				}
			}()
		}
		for !q.Await(t.Context(), trace.Backfill, time.Second) {
			time.Sleep(time.Second)
			require.Less(t, time.Since(began), 3*time.Minute)
		}
		assert.True(t, q.Await(t.Context(), trace.Backfill, 0), "it is still its turn")
		use(t, q, trace.Backfill, 1)
		assert.False(t, q.Await(t.Context(), trace.Backfill, 0), "no longer")
		assert.False(t, q.Await(t.Context(), trace.Backfill, 20*time.Second))
	})
}

// Lanes that have waited too long take turns. If the first one of them always went first, two busy ones could keep the
// others waiting for ever.
func TestTheLaneThatHasWaitedLongestGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const requests = 4
		q, began := NewQuota(Rate{requests, time.Minute}), time.Now()
		for range requests {
			use(t, q, trace.Live, 1)
			time.Sleep(time.Minute / requests)
		}
		counts := map[trace.Lane]int{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, each := range lanes {
			all.Go(func() {
				for time.Since(began) < time.Hour {
					if q.Acquire(t.Context(), each.lane) != nil {
						return
					}
					q.Release()
					mu.Lock()
					counts[each.lane]++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for _, each := range lanes {
			assert.InDelta(t, 60, counts[each.lane], 2, each.lane)
		}
	})
}
