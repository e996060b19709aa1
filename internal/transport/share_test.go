// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// share returns a part in the budget of a tenant whose name no other test knows.
func share(t *testing.T, name string, r Rate) *Share {
	t.Helper()
	s := ShareQuota(t.Name()+name, r)
	t.Cleanup(s.Leave)
	return s
}

// identify gives the tenant another name.
func identify(t *testing.T, s *Share, name string) (others int) {
	t.Helper()
	return s.Identify(t.Name() + name)
}

func TestTheLowestRateOfATenantIsInForce(t *testing.T) {
	t.Parallel()
	high, low, none := Rate{90, 5 * time.Minute}, Rate{10, time.Minute}, Rate{}
	for name, c := range map[string]struct {
		rates []Rate
		want  Rate
	}{
		"the only one":          {[]Rate{high}, high},
		"the second":            {[]Rate{high, low}, low},
		"the first":             {[]Rate{low, high}, low},
		"none is no limit":      {[]Rate{none, none}, none},
		"none is not the least": {[]Rate{none, high, none}, high},
		"the same over another": {[]Rate{{10, time.Minute}, {20, 2 * time.Minute}}, Rate{10, time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first *Share
			for i, rate := range c.rates {
				s := share(t, "", rate)
				assert.Equal(t, i, s.Others)
				if first == nil {
					first = s
				}
				assert.Same(t, first.Quota, s.Quota)
			}
			assert.Equal(t, c.want, first.Rate())

			// It is in force as well if they learn only later that they share it.
			shares := make([]*Share, len(c.rates))
			for i, rate := range c.rates {
				shares[i] = share(t, string(rune('a'+i)), rate)
				assert.Equal(t, i, identify(t, shares[i], "id"))
			}
			for _, s := range shares {
				assert.Equal(t, c.want, s.Rate())
			}
		})
	}
}

func TestTheBudgetOfATenantGoesWithItsLastUser(t *testing.T) {
	t.Parallel()
	first, second := share(t, "", Rate{1, time.Hour}), share(t, "", Rate{})
	other := share(t, "other", Rate{})
	assert.NotSame(t, first.Quota, other.Quota)
	use(t, first.Quota, trace.Live, 1)
	assert.InDelta(t, 1, second.Used(), 0)
	first.Leave()
	first.Leave() // gives back nothing twice
	third := share(t, "", Rate{})
	assert.Same(t, first.Quota, third.Quota)
	third.Leave()
	second.Leave()
	fresh := share(t, "", Rate{5, time.Hour})
	assert.NotSame(t, first.Quota, fresh.Quota)
	assert.Zero(t, fresh.Others)
	assert.Equal(t, Rate{5, time.Hour}, fresh.Rate())
}

func TestTwoNamesOfOneTenantAreOneBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rate := Rate{4, time.Minute}
		domain, id := share(t, "domain", rate), share(t, "id", rate)
		use(t, domain.Quota, trace.Live, 2)
		time.Sleep(time.Second)
		use(t, id.Quota, trace.Live, 1)
		assert.InDelta(t, 0.5, domain.Used(), 1e-9)
		assert.InDelta(t, 0.25, id.Used(), 1e-9)

		assert.Zero(t, identify(t, id, "id"), "it has no other name")
		assert.Equal(t, 1, identify(t, domain, "id"))
		assert.Equal(t, 1, identify(t, domain, "id"), "each token tells it anew")
		assert.InDelta(t, 0.75, domain.Used(), 1e-9)
		assert.InDelta(t, 0.75, id.Used(), 1e-9)
		assert.Len(t, domain.Stamps(), 3)

		// Under either name there is one budget, also for those that come later.
		third, fourth := share(t, "domain", rate), share(t, "id", rate)
		assert.Equal(t, 2, third.Others)
		assert.Equal(t, 3, fourth.Others)
		use(t, third.Quota, trace.Live, 1)
		assert.False(t, fourth.Await(t.Context(), trace.Live, 0))
		assert.False(t, domain.Await(t.Context(), trace.Live, 0))

		// And it is there until the last of them has left.
		for _, s := range []*Share{id, domain, fourth} {
			s.Leave()
		}
		assert.Equal(t, 1, share(t, "id", rate).Others)
		assert.InDelta(t, 1, share(t, "domain", rate).Used(), 1e-9)
	})
}

func TestNamesThatLeadToOneAnotherAreOneBudget(t *testing.T) {
	t.Parallel()
	shares := make([]*Share, 3)
	for i, name := range []string{"a", "b", "c"} {
		shares[i] = share(t, name, Rate{10, time.Hour})
	}
	assert.Equal(t, 1, identify(t, shares[0], "b"))
	assert.Equal(t, 2, identify(t, shares[1], "c"), "with its own")
	assert.Equal(t, 2, identify(t, shares[2], "a"), "in a circle")
	use(t, shares[0].Quota, trace.Live, 1)
	for _, s := range shares {
		assert.Len(t, s.Stamps(), 1)
		s.Leave()
	}
	assert.Zero(t, share(t, "a", Rate{}).Others)
	assert.Zero(t, share(t, "b", Rate{}).Others)
}

func TestWhatIsOnItsWayMovesToTheCommonBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rate := Rate{4, time.Minute}
		domain, id := share(t, "domain", rate), share(t, "id", rate)
		for range 2 {
			require.NoError(t, domain.Acquire(t.Context(), trace.Live))
			require.NoError(t, id.Acquire(t.Context(), trace.Live))
		}
		identify(t, domain, "id")
		assert.InDelta(t, 1, id.Used(), 1e-9)
		domain.Release()
		time.Sleep(time.Minute)
		assert.False(t, id.Await(t.Context(), trace.Live, 0), "it counts for an interval from its end")
		time.Sleep(expired)
		assert.True(t, id.Await(t.Context(), trace.Live, 0))
		domain.Release()
		id.Release()
		id.Release()
		time.Sleep(time.Minute + expired)
		assert.Zero(t, domain.Used())
	})
}

func TestWhoWaitsGoesOnInTheCommonBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rate := Rate{2, time.Minute}
		domain, id := share(t, "domain", rate), share(t, "id", rate)
		for range 2 {
			use(t, domain.Quota, trace.Live, 1)
			time.Sleep(time.Second)
		}
		backfill := acquire(t.Context(), domain.Quota, trace.Backfill)
		ctx, cancel := context.WithCancel(t.Context())
		revisit := acquire(ctx, domain.Quota, trace.Revisit)
		synctest.Wait()
		time.Sleep(8 * time.Second)
		identify(t, domain, "id")
		live := acquire(t.Context(), id.Quota, trace.Live)
		cancel()
		assert.True(t, done(revisit))
		assert.False(t, done(live))

		// The lane that has waited longest goes first, wherever it has begun to wait.
		began := time.Now()
		require.NoError(t, <-backfill)
		assert.False(t, done(live))
		assert.Equal(t, 50*time.Second+expired, time.Since(began))
		id.Release()
		require.NoError(t, <-live)
	})
}

func TestAPauseIsThatOfTheCommonBudget(t *testing.T) {
	t.Parallel()
	for name, paused := range map[string]int{"the one that goes": 0, "the one that stays": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				both := []*Share{share(t, "domain", Rate{}), share(t, "id", Rate{})}
				both[paused].Throttled(0, 0, 0)
				identify(t, both[0], "id")
				for _, s := range both {
					assert.Equal(t, time.Now().Add(30*time.Second), s.Resume())
				}
				time.Sleep(30 * time.Second)
				wait, again := both[1-paused].Throttled(time.Second, time.Second, 3)
				assert.False(t, again)
				assert.Equal(t, time.Minute, wait, "and it doubles")
			})
		})
	}
}

// Receivers of one tenant store the stamps of all of them, and may learn only after a restart that they share a budget.
func TestStoredRequestsCountOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rate := Rate{10, time.Minute}
		q := NewQuota(rate)
		use(t, q, trace.Live, 3)
		time.Sleep(time.Second)
		use(t, q, trace.Live, 2)
		stamps := q.Stamps()
		require.Len(t, stamps, 5)
		time.Sleep(time.Second)
		domain, id := share(t, "domain", rate), share(t, "id", rate)
		for range 2 {
			domain.Restore(stamps)
			id.Restore(stamps)
		}
		use(t, domain.Quota, trace.Live, 1)
		time.Sleep(time.Second)
		use(t, id.Quota, trace.Live, 1)
		identify(t, domain, "id")
		assert.Len(t, id.Stamps(), 7)
		assert.IsNonDecreasing(t, unix(id.Stamps()))
	})
}

func unix(times []time.Time) (all []int64) {
	for _, at := range times {
		all = append(all, at.UnixNano())
	}
	return all
}
