// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

func TestPauses(t *testing.T) {
	t.Parallel()
	const own, s, m = 0, time.Second, time.Minute // own: the service does not say
	type list = []time.Duration
	for name, c := range map[string]struct {
		retries int
		asked   list
		want    list
	}{
		"as long as asked":            {0, list{40 * m}, list{40 * m}},
		"an hour at most":             {0, list{time.Hour + s, 1 << 61}, list{time.Hour, time.Hour}},
		"30 s doubled up to 5 min":    {0, list{own, own, own, own, own, own}, list{30 * s, m, 2 * m, 4 * m, 5 * m, 5 * m}},
		"doubled whatever is asked":   {0, list{s, s, s, s, s, s, s, s, s, s, s}, list{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 5 * m, 5 * m}},
		"asked for in between":        {0, list{own, 7 * s, own}, list{30 * s, m, 2 * m}},
		"longer than it would be":     {0, list{own, 7 * m, own}, list{30 * s, 7 * m, 5 * m}},
		"asked again first":           {3, list{own, own, own, own, own}, list{s, 2 * s, 4 * s, 30 * s, m}},
		"asked again first, as asked": {2, list{5 * s, own, 6 * s, 6 * s}, list{5 * s, 2 * s, 6 * s, 12 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := NewQuota(Rate{1000, time.Second})
				for i, asked := range c.asked {
					began := time.Now()
					wait, again := q.Throttled(asked, time.Second<<i, c.retries)
					require.Equal(t, c.want[i], wait)
					require.Equal(t, i < c.retries, again)
					assert.Equal(t, began.Add(wait), q.Resume())
					waiting := make([]<-chan error, len(lanes))
					for rank := range lanes {
						waiting[rank] = acquire(t.Context(), q, lanes[rank].lane)
					}
					time.Sleep(c.want[i] - time.Nanosecond)
					for _, granted := range waiting {
						require.False(t, done(granted))
					}
					time.Sleep(time.Nanosecond)
					for _, granted := range waiting {
						require.NoError(t, <-granted)
						q.Release()
					}
					require.Equal(t, c.want[i], time.Since(began), "all lanes go on at once")
					assert.Zero(t, q.Resume())
				}
				q.Answered()
				wait, again := q.Throttled(0, time.Second, 1)
				assert.Equal(t, time.Second, wait, "an answer ends the doubling, and there are retries again")
				assert.True(t, again)
				wait, again = q.Throttled(0, time.Second, 1)
				assert.Equal(t, 30*time.Second, wait)
				assert.False(t, again)
			})
		})
	}
}

func TestAShorterPauseDoesNotEndALongerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, began := NewQuota(Rate{10, time.Minute}), time.Now()
		assert.Equal(t, time.Minute, q.Pause(time.Minute))
		waiting := acquire(t.Context(), q, trace.Live)
		synctest.Wait()
		assert.Equal(t, time.Minute, q.Pause(time.Second), "that is how long the tenant is left alone")
		q.Answered() // by a request that was on its way
		require.NoError(t, <-waiting)
		assert.Equal(t, time.Minute, time.Since(began))

		// One that begins while others wait counts for them as well.
		q.Pause(time.Minute)
		waiting = acquire(t.Context(), q, trace.Live)
		time.Sleep(30 * time.Second)
		q.Pause(time.Minute)
		require.NoError(t, <-waiting)
		assert.Equal(t, 150*time.Second, time.Since(began))
		assert.Equal(t, time.Hour, q.Pause(24*time.Hour))
	})
}

// Several requests may be on their way when the service begins to refuse them. That is one refusal, not many.
func TestWhatWasOnItsWayWhenAPauseBeganDoesNotDoubleIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{10, time.Minute})
		refuse := func(asked time.Duration) time.Duration {
			wait, again := q.Throttled(asked, time.Second, 0)
			assert.False(t, again)
			return wait
		}
		assert.Equal(t, 30*time.Second, refuse(0))
		time.Sleep(10 * time.Second)
		assert.Equal(t, 20*time.Second, refuse(0))
		assert.Equal(t, 20*time.Second, refuse(5*time.Second))
		assert.Equal(t, 25*time.Second, refuse(25*time.Second), "but it may lengthen it")
		time.Sleep(25 * time.Second)
		assert.Equal(t, time.Minute, refuse(0))
		assert.Equal(t, time.Hour, refuse(24*time.Hour), "up to an hour")
	})
}

// The retry rules are those of the tenant: a second request does not start counting from zero.
func TestRefusalsInARowAreCountedForTheWholeTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){answer(429)}}
		client, _ := retrying(t, s, nil, rules(func(r *Retry) { r.MaxRetries = 3 }))
		client.Observer = nobody{}
		failed := make(chan error, len(lanes))
		for _, each := range lanes {
			go func() {
				_, err := client.Get(t.Context(), each.lane, client.Endpoint, http.Header{})
				failed <- err
			}()
		}
		for range lanes {
			assert.Equal(t, trouble.Tenant, trouble.ScopeOf(<-failed))
		}
		assert.Len(t, s.came, 3+len(lanes), "three are sent again, and each lane gives up at its next refusal")
	})
}

// With the header that Microsoft's services are known to send without end, a tenant must not use up its budget.
func TestAServiceThatRefusesForEverIsAskedLessAndLess(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]func() (*http.Response, error){
		"no header": answer(429), "a second": answer(429, "Retry-After", "1"), "a fraction": answer(429, "Retry-After", "0.249"), "none": answer(429, "Retry-After", "0"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){refusal}}
				client, _ := retrying(t, s, nil, rules(func(r *Retry) { r.MaxRetries = 3 }))
				for time.Since(s.at(0)) < time.Hour {
					_, err := client.Get(t.Context(), trace.Live, client.Endpoint, http.Header{})
					assert.Positive(t, requireError(t, err).Paused)
				}
				assert.LessOrEqual(t, len(s.came), 4+9+12, "retries, pauses that double, and one every five minutes")
				waits := s.waits()
				assert.Equal(t, 5*time.Minute, waits[len(waits)-1])
			})
		})
	}
}

func TestOnceIsOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func() (*http.Response, error)
		status int
		paused time.Duration
	}{
		"a service out of order":     {answer(503), 503, 0},
		"one that asks to wait":      {answer(503, "Retry-After", "7"), 503, 0},
		"one that asks to wait long": {answer(503, "Retry-After", "70"), 503, 70 * time.Second},
		"a broken connection":        {fail(errReset), 0, 0},
		"a time-out":                 {fail(errSlow), 0, 0},
		"no quota":                   {answer(429), 429, 30 * time.Second},
		"no quota, and a time":       {answer(429, "Retry-After", "7"), 429, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){c.answer}}
				client, w := retrying(t, s, nil, rules(nil))
				began := time.Now()
				_, err := client.Get(Once(t.Context()), trace.Live, client.Endpoint, http.Header{})
				e := requireError(t, err)
				assert.Equal(t, c.status, e.Status)
				assert.Equal(t, c.paused, e.Paused)
				assert.Equal(t, c.paused > 0, e.Scope() == trouble.Tenant)
				assert.Len(t, s.came, 1)
				assert.Empty(t, w.reasons)
				assert.Equal(t, began, time.Now())
			})
		})
	}
}
