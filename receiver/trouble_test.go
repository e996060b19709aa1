// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// since returns when requests were sent, counted from the n-th on.
func (w *world) since(n int) (at []time.Duration) {
	requests := w.sim.Requests()[n:]
	for _, request := range requests {
		at = append(at, request.Time.Sub(requests[0].Time))
	}
	return at
}

func TestABare429FollowsTheRetryRulesThenTheTenantPauses(t *testing.T) {
	punctual(t, 1_000, time.Hour, func(t *testing.T, w *world) {
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.ThrottledSilent}))
		w.start(func(c *Config) {
			c.Retry.MaxRetries = 3
			c.PollInterval = time.Second
		})
		time.Sleep(33 * time.Second)
		assert.Len(t, w.since(0), 4)
		time.Sleep(20 * time.Minute)
		at := w.since(0)
		var gaps []time.Duration
		for i := 4; i < len(at); i++ {
			gaps = append(gaps, (at[i] - at[i-1]).Round(time.Second))
		}
		require.GreaterOrEqual(t, len(gaps), 6)
		for i, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
			assert.InDelta(t, want, gaps[i], float64(2*time.Second), "%v", gaps)
		}
		w.stop()
	})
}

func TestAServiceThatThrottlesForEverIsAskedLessAndLess(t *testing.T) {
	punctual(t, 1_000, time.Hour, func(t *testing.T, w *world) {
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.ThrottledSeconds, RetryAfter: "1"}))
		w.start(nil)
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, len(w.since(0)), 20)
		w.stop()
	})
}

// TestTenantsThatHangKeepNobodyElseWaiting has as many tenants hang as there are slots.
func TestTenantsThatHangKeepNobodyElseWaiting(t *testing.T) {
	simulate(t, 2_000, time.Hour, func(t *testing.T, w *world) {
		hang := tripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		var others []*world
		for i := range 8 {
			other := newWorld(t, w.sim)
			other.startVia(hang, func(c *Config) {
				c.TenantID = "hanging" + strconv.Itoa(i) + ".example"
				c.MaxConcurrentJobs = 8
			})
			others = append(others, other)
		}
		time.Sleep(time.Second)
		w.start(func(c *Config) { c.MaxConcurrentJobs = 8 })
		time.Sleep(10 * time.Second)
		assert.Positive(t, w.sink.rows())
		w.stop()
		for _, other := range others {
			other.stop()
		}
	})
}

func TestBackfillGetsItsRequestWherePollingAloneNeedsTheBudget(t *testing.T) {
	punctual(t, 2_000, 50*time.Hour, func(_ *testing.T, w *world) {
		began := time.Now()
		w.start(func(c *Config) {
			c.PollInterval = time.Second
			c.RevisitAges = []time.Duration{5 * time.Second, 10 * time.Second}
			c.InitialLookback = 20 * time.Hour
			c.RateLimit = RateLimit{Requests: 20, Interval: time.Minute}
		})
		time.Sleep(30 * time.Minute)
		w.stop()
		w.check(began.Add(-20*time.Hour), began)
	})
}

func TestEveryAskedWindowEndsInOneFinalState(t *testing.T) {
	punctual(t, 20_000, time.Hour, func(t *testing.T, w *world) {
		e, id := &elector{}, component.MustNewID("k8s_leader_elector")
		i, with := w.inspect()
		w.extensions[id] = e
		w.start(func(c *Config) { with(c); c.LeaderElectorID = &id })
		synctest.Wait()
		began := time.Now().UTC()
		e.started(t.Context())
		time.Sleep(10*time.Minute + time.Second)
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Hang, On: fault.Page, For: time.Hour}))
		for n := range 20 {
			from := began.Add(-30*time.Minute + time.Duration(n)*time.Second)
			_, err := i.Inputs()[0].Backfill(t.Context(), trace.Window{Start: from, End: began.Add(-20 * time.Minute)}, false)
			require.NoError(t, err)
		}
		time.Sleep(time.Second)
		e.stopped()
		e.started(t.Context())
		e.stopped()
		time.Sleep(time.Second)
		assert.Empty(t, i.jobs(jobs.Scheduled))
		assert.Empty(t, i.jobs(jobs.Waiting))
		assert.Empty(t, i.jobs(jobs.Running))
		assert.GreaterOrEqual(t, len(i.jobs(jobs.Cancelled)), 20)
		_, err := i.Inputs()[0].Backfill(t.Context(), trace.Window{Start: began.Add(-30 * time.Minute), End: began}, false)
		require.Error(t, err, "nobody collects")
		w.sim.Faults().Clear()
		e.started(t.Context())
		time.Sleep(10 * time.Minute)
		w.check(began.Add(-30*time.Minute), began)
		require.NoError(t, w.current.Shutdown(context.Background()))
	})
}

func TestASecondReceiverOfATenantIsWarnedOf(t *testing.T) {
	punctual(t, 100, time.Hour, func(t *testing.T, w *world) {
		w.start(nil)
		other := newWorld(t, w.sim)
		other.start(nil)
		time.Sleep(time.Second)
		assert.Equal(t, 1, other.logs.FilterMessageSnippet("another receiver of this collector reads the same tenant").Len())
		other.stop()
		w.stop()
	})
}
