// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// arrivals is a service that notes when requests arrive.
type arrivals struct {
	mu    sync.Mutex
	times []time.Time
}

// ask sends a request that takes some time on its way, in the service and back.
func (a *arrivals) ask(t *testing.T, q *Quota, lane trace.Lane, there, back time.Duration) {
	t.Helper()
	require.NoError(t, q.Acquire(t.Context(), lane))
	time.Sleep(there)
	a.mu.Lock()
	a.times = append(a.times, time.Now())
	a.mu.Unlock()
	time.Sleep(back)
	q.Release()
}

// most is the largest number of requests that arrived within any interval of that length, ends included.
func (a *arrivals) most(interval time.Duration) (most int) {
	slices.SortFunc(a.times, time.Time.Compare)
	first := 0
	for last, at := range a.times {
		for at.Sub(a.times[first]) > interval {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// use sends n requests that end at once.
func use(t *testing.T, q *Quota, lane trace.Lane, n int) {
	t.Helper()
	for range n {
		require.NoError(t, q.Acquire(t.Context(), lane))
		q.Release()
	}
}

// acquire asks for a request in the background; the answer comes on the channel.
func acquire(ctx context.Context, q *Quota, lane trace.Lane) <-chan error {
	granted := make(chan error, 1)
	go func() { granted <- q.Acquire(ctx, lane) }()
	return granted
}

func done(granted <-chan error) bool {
	synctest.Wait()
	return len(granted) > 0
}

func TestNoRollingIntervalSeesMoreRequestsThanAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate    Rate
		longest time.Duration
	}{
		{Rate{1, 10 * time.Second}, 0},
		{Rate{1, 10 * time.Second}, 15 * time.Second},
		{Rate{3, time.Second}, 100 * time.Millisecond},
		{Rate{10, time.Minute}, 0},
		{Rate{10, time.Minute}, 3 * time.Second},
		{Rate{10, time.Minute}, 3 * time.Minute},
		{Rate{90, 5 * time.Minute}, 0},
		{Rate{90, 5 * time.Minute}, 20 * time.Second},
		{Rate{90, 5 * time.Minute}, 10 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%d in %s, up to %s long", c.rate.Requests, c.rate.Interval, c.longest), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				service := &arrivals{}
				began := time.Now()
				var all sync.WaitGroup
				for seed := range uint64(12) {
					// Each receiver knows only the tenant.
					q := ShareQuota(t.Name(), c.rate)
					t.Cleanup(q.Leave)
					all.Go(func() {
						random := rand.New(rand.NewPCG(seed, 1))
						lane := lanes[seed%3].lane
						for range c.rate.Requests {
							way := time.Duration(0)
							if c.longest > 0 {
								way = time.Duration(random.Int64N(int64(c.longest)))
							}
							there := time.Duration(random.Float64() * float64(way))
							service.ask(t, q.Quota, lane, there, way-there)
							if random.IntN(5) == 0 {
								time.Sleep(time.Duration(random.Int64N(int64(c.rate.Interval))))
							}
						}
					})
				}
				all.Wait()
				assert.LessOrEqual(t, service.most(c.rate.Interval), c.rate.Requests)
				assert.Len(t, service.times, 12*c.rate.Requests)
				if c.longest == 0 {
					assert.Equal(t, c.rate.Requests, service.most(c.rate.Interval), "what is allowed can be used")
				}
				// The waits are not longer than it takes: at least the share of the last lane in each interval, request and all.
				cycles := time.Duration(12*c.rate.Requests/max(1, c.rate.Requests*7/10) + 5)
				assert.LessOrEqual(t, time.Since(began), cycles*(2*c.rate.Interval+c.longest)+time.Duration(c.rate.Requests)*c.rate.Interval)
			})
		})
	}
}

func TestALaneLeavesPartOfTheBudgetToThoseAheadOfIt(t *testing.T) {
	t.Parallel()
	for lane, allowed := range map[trace.Lane]map[int]int{
		trace.Live:     {1: 1, 3: 3, 10: 10, 90: 90},
		trace.Revisit:  {1: 1, 3: 2, 10: 9, 90: 81},
		trace.Backfill: {1: 1, 3: 2, 10: 7, 90: 63},
	} {
		for requests, want := range allowed {
			t.Run(fmt.Sprintf("%s of %d", lane, requests), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					q := NewQuota(Rate{requests, time.Minute})
					use(t, q, lane, want)
					assert.InDelta(t, float64(want)/float64(requests), q.Used(), 1e-9)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					more := acquire(ctx, q, lane)
					assert.False(t, done(more), "the lane has used up what it may")
					if want < requests {
						use(t, q, trace.Live, requests-want)
					}
					time.Sleep(time.Minute)
					assert.False(t, done(more))
					time.Sleep(expired)
					assert.True(t, done(more), "each request counts for an interval from its end")
				})
			})
		}
	}
}

func TestLiveMailGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{10, time.Minute})
		for range 10 {
			use(t, q, trace.Live, 1)
			time.Sleep(time.Second)
		}
		time.Sleep(40 * time.Second)
		var mu sync.Mutex
		var order []trace.Lane
		for _, lane := range []trace.Lane{trace.Backfill, trace.Revisit, trace.Backfill, trace.Live, trace.Revisit, trace.Live} {
			go func() {
				assert.NoError(t, q.Acquire(t.Context(), lane))
				mu.Lock()
				order = append(order, lane)
				mu.Unlock()
				q.Release()
			}()
			synctest.Wait()
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Equal(t, []trace.Lane{trace.Live, trace.Live, trace.Revisit, trace.Revisit, trace.Backfill, trace.Backfill}, order)
	})
}

func TestAWaitThatIsCancelledEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{1, time.Minute})
		require.NoError(t, q.Acquire(t.Context(), trace.Live))
		stopped := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		live := acquire(ctx, q, trace.Live)
		other := acquire(t.Context(), q, trace.Backfill)
		synctest.Wait()
		cancel(stopped)
		require.ErrorIs(t, <-live, stopped)

		// It has used nothing, and stands in nobody's way.
		q.Release()
		assert.False(t, done(other))
		time.Sleep(time.Minute + expired)
		assert.True(t, done(other))
		require.ErrorIs(t, q.Acquire(ctx, trace.Live), stopped, "nor is one granted that has to wait when it is too late")
	})
}

func TestARequestOnItsWayCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{1, time.Minute})
		require.NoError(t, q.Acquire(t.Context(), trace.Live))
		assert.InDelta(t, 1, q.Used(), 0)
		second := acquire(t.Context(), q, trace.Live)
		time.Sleep(time.Hour)
		assert.False(t, done(second), "nobody knows whether the first one has arrived")
		q.Release()
		time.Sleep(time.Minute)
		assert.False(t, done(second))
		time.Sleep(expired)
		assert.True(t, done(second))
	})
}

func TestWithoutALimitNothingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, began := NewQuota(Rate{}), time.Now()
		use(t, q, trace.Backfill, 5000)
		assert.Equal(t, began, time.Now())
		assert.Zero(t, q.Used())
		time.Sleep(time.Nanosecond)
		assert.Empty(t, q.Stamps(), "what does not count need not be kept")
		began = time.Now()

		// Even so the service may ask to be left alone.
		q.Pause(10 * time.Second)
		use(t, q, trace.Backfill, 1)
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

func TestWhatWasUsedSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service, rate := &arrivals{}, Rate{10, time.Minute}
		q := NewQuota(rate)
		for range 8 {
			service.ask(t, q, trace.Live, time.Second, time.Second)
		}
		stamps := q.Stamps()
		require.Len(t, stamps, 8)
		time.Sleep(20 * time.Second)
		for range 3 {
			q = NewQuota(rate)
			q.Restore(stamps)
			q.Restore(stamps) // by another receiver of the tenant
			q.Restore([]time.Time{time.Now().Add(time.Hour), time.Now().Add(-time.Hour)})
			assert.InDelta(t, 0.8, q.Used(), 1e-9)
		}
		for range 10 {
			service.ask(t, q, trace.Live, 0, 0)
		}
		assert.Equal(t, 10, service.most(rate.Interval))
		for range 20 {
			service.ask(t, q, trace.Live, time.Second, 0)
		}
		assert.LessOrEqual(t, service.most(rate.Interval), 10)
		time.Sleep(time.Minute + expired)
		assert.Empty(t, q.Stamps())
		assert.Zero(t, q.Used())
	})
}
