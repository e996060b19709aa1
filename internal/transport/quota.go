// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// minPause and maxPause bound how long a tenant is left alone after a 429 that does not say how long.
	minPause = 30 * time.Second
	maxPause = 5 * time.Minute
	// longestPause bounds how long a tenant is left alone because the service says so.
	longestPause = time.Hour
)

// lanes are the lanes that compete for requests, those that go first first, with the part of the budget, in percent,
// that each may use up: so backfill never delays live mail.
var lanes = []struct {
	lane  trace.Lane
	share int
}{
	{trace.Live, 100},
	{trace.Scheduled, 100},
	{trace.Revisit, 90},
	{trace.Backfill, 70},
}

// Rate is a number of requests in any stretch of time of a length. A rate of no requests is no limit.
type Rate struct {
	Requests int
	Interval time.Duration
}

func (r Rate) unlimited() bool { return r.Requests == 0 }

// below says whether r allows less than other.
func (r Rate) below(other Rate) bool {
	if r.unlimited() || other.unlimited() {
		return !r.unlimited()
	}
	return float64(r.Requests)/r.Interval.Seconds() < float64(other.Requests)/other.Interval.Seconds()
}

// Quota is the budget of requests of one tenant. The service counts requests by their arrival, which lies between the
// sending of the request and the end of its response; so a request counts from its sending until an interval after its
// end, and no rolling interval of the service's can see more requests than the rate allows.
type Quota struct {
	mu   sync.Mutex
	rate Rate
	// ended holds when requests ended, ascending, within the last interval.
	ended    []time.Time
	inFlight int
	waiting  []int
	// resume is when the tenant may be asked again after a pause; pause is the length of the last one that the service
	// did not set.
	resume time.Time
	pause  time.Duration
	// changed is closed when a request or a pause ends what others wait for.
	changed chan struct{}
}

// NewQuota returns a budget of which nothing has been used.
func NewQuota(r Rate) *Quota {
	return &Quota{rate: r, waiting: make([]int, len(lanes)), changed: make(chan struct{})}
}

// Restrict lowers the rate to r unless it is lower already. It returns the rate in force.
func (q *Quota) Restrict(r Rate) Rate {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.below(q.rate) {
		q.rate = r
	}
	return q.rate
}

// Rate is the rate in force.
func (q *Quota) Rate() Rate {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rate
}

// Restore counts requests of an earlier run.
func (q *Quota) Restore(stamps []time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, stamp := range stamps {
		if !stamp.After(now) {
			q.ended = append(q.ended, stamp)
		}
	}
	slices.SortFunc(q.ended, time.Time.Compare)
	q.ended = slices.CompactFunc(q.ended, time.Time.Equal)
}

// Stamps returns when the requests that still count ended.
func (q *Quota) Stamps() []time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(time.Now())
	return slices.Clone(q.ended)
}

// Used is the share of the budget that is used, from 0 to 1.
func (q *Quota) Used() float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rate.unlimited() {
		return 0
	}
	q.expire(time.Now())
	return float64(len(q.ended)+q.inFlight) / float64(q.rate.Requests)
}

// Acquire waits until the lane may send a request. The request must be released once its response has been read.
func (q *Quota) Acquire(ctx context.Context, lane trace.Lane) error {
	rank := max(0, slices.IndexFunc(lanes, func(l struct {
		lane  trace.Lane
		share int
	},
	) bool {
		return l.lane == lane
	}))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[rank]++
	defer func() {
		q.waiting[rank]--
		q.wake()
	}()
	for {
		wait, free := q.wait(rank, time.Now())
		if free {
			q.inFlight++
			return nil
		}
		if err := q.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Await waits until the lane may send a request, but does not take it; false if that takes longer than the limit.
func (q *Quota) Await(ctx context.Context, lane trace.Lane, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if q.Acquire(ctx, lane) != nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.wake()
	return true
}

// Release notes that a request ended.
func (q *Quota) Release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.ended = append(q.ended, time.Now())
	q.wake()
}

// Throttled notes that the service asks to be left alone, for as long as it says, and returns for how long that is.
func (q *Quota) Throttled(retryAfter time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := min(retryAfter, longestPause)
	if retryAfter == 0 {
		q.pause = min(max(2*q.pause, minPause), maxPause)
		d = q.pause
	}
	if resume := time.Now().Add(d); resume.After(q.resume) {
		q.resume = resume
	}
	return d
}

// Answered notes that the service answers again.
func (q *Quota) Answered() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pause = 0
}

// wait says whether a request of the lane is free to go, and otherwise how long at least it has to wait; 0 means until
// something changes.
func (q *Quota) wait(rank int, now time.Time) (wait time.Duration, free bool) {
	if wait := q.resume.Sub(now); wait > 0 {
		return wait, false
	}
	for _, ahead := range q.waiting[:rank] {
		if ahead > 0 {
			return 0, false
		}
	}
	if q.rate.unlimited() {
		return 0, true
	}
	q.expire(now)
	allowed := max(1, q.rate.Requests*lanes[rank].share/100)
	excess := len(q.ended) + q.inFlight - allowed
	switch {
	case excess < 0:
		return 0, true
	case excess < len(q.ended):
		return q.ended[excess].Add(q.rate.Interval).Sub(now) + expired, false
	}
	return 0, false
}

// sleep waits without the lock until d is over, if it is not 0, or something changes.
func (q *Quota) sleep(ctx context.Context, d time.Duration) error {
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-changed:
	case <-over:
	}
	return nil
}

func (q *Quota) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// expired is how much longer than the interval ago a request has to be to count no more.
const expired = time.Millisecond

func (q *Quota) expire(now time.Time) {
	i, _ := slices.BinarySearchFunc(q.ended, now.Add(-q.rate.Interval), time.Time.Compare)
	q.ended = q.ended[i:]
}

// quotas are the budgets of all tenants that this process asks for, since a tenant has one budget however many receivers
// read from it.
var quotas = struct {
	sync.Mutex
	byTenant map[string]*shared
}{byTenant: map[string]*shared{}}

type shared struct {
	*Quota
	users int
}

// ShareQuota returns the budget of a tenant. It must be given back by release. The lowest rate of all users is in force.
func ShareQuota(tenant string, r Rate) (q *Quota, release func()) {
	quotas.Lock()
	defer quotas.Unlock()
	s := quotas.byTenant[tenant]
	if s == nil {
		s = &shared{Quota: NewQuota(r)}
		quotas.byTenant[tenant] = s
	}
	s.users++
	s.Restrict(r)
	return s.Quota, sync.OnceFunc(func() {
		quotas.Lock()
		defer quotas.Unlock()
		if s.users--; s.users == 0 {
			delete(quotas.byTenant, tenant)
		}
	})
}
