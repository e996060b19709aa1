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

// lanes are the lanes that compete for requests, those that go first first, with the part of the budget, in percent,
// that each may use up: so backfill never delays live mail.
var lanes = []laneShare{
	{trace.Live, 100},
	{trace.Scheduled, 100},
	{trace.Revisit, 90},
	{trace.Backfill, backfillPercent},
}

// spare is the lane that goes last and is owed nothing: it takes of the budget what all others leave, up to its part, and nothing
// for an interval after another lane has had to wait.
var spare = laneShare{trace.Details, 50}

// BackfillShare is the part of the budget that backfill may use up.
const (
	backfillPercent = 70
	BackfillShare   = backfillPercent / 100.0
)

type laneShare struct {
	lane  trace.Lane
	share int
}

// Rate is a number of requests in any stretch of time of a length. A rate of no requests is no limit.
type Rate struct {
	Requests int
	Interval time.Duration
}

func (r Rate) unlimited() bool { return r.Requests == 0 }

// below reports whether r allows less than other.
func (r Rate) below(other Rate) bool {
	if r.unlimited() || other.unlimited() {
		return !r.unlimited()
	}
	return float64(r.Requests)/r.Interval.Seconds() < float64(other.Requests)/other.Interval.Seconds()
}

// Quota is the budget of requests of one tenant. The service counts requests by their arrival, which lies between the
// sending of the request and the end of its response; so a request counts from its sending until an interval after its
// end, and no rolling interval of the service's can see more requests than the rate allows.
//
// A lane that has waited for half an interval goes before all others, the one that has waited longest first, so that each
// gets a request in an interval, or in an interval and a half if others have used all just before; only the spare one does not.
type Quota struct {
	mu   sync.Mutex
	rate Rate
	// ended holds when requests ended, ascending, within the last interval.
	ended    []time.Time
	inFlight int
	// waiting counts the requests that wait, by the rank of their lane, and unserved is since when a lane has got none, zero if
	// it has not waited since.
	waiting  []int
	unserved []time.Time
	// scarce is when a lane other than the spare one had to wait last, zero if none ever has.
	scarce time.Time
	// resume is when the tenant may be asked again after a pause; pause is the length of the last one that a 429 caused, 0
	// once the service has answered since. refusals counts the 429s since then.
	resume   time.Time
	pause    time.Duration
	refusals int
	// undecided is until when nobody is let go, since it is not decided how long to leave the tenant alone after a 429.
	undecided time.Time
	// changed is closed when a request or a pause ends what others wait for.
	changed chan struct{}
	// into is the budget that this one has become a part of, nil if it has not.
	into *Quota
}

// NewQuota returns a budget of which nothing has been used.
func NewQuota(r Rate) *Quota {
	return &Quota{rate: r, waiting: make([]int, ranks), unserved: make([]time.Time, ranks), changed: make(chan struct{})}
}

// lock locks the budget, or the one that it has become a part of, and returns that.
func (q *Quota) lock() *Quota {
	for {
		q.mu.Lock()
		if q.into == nil {
			return q
		}
		next := q.into
		q.mu.Unlock()
		q = next
	}
}

// Restrict lowers the rate to r unless it is lower already. It returns the rate in force.
func (q *Quota) Restrict(r Rate) Rate {
	q = q.lock()
	defer q.mu.Unlock()
	if r.below(q.rate) {
		q.rate = r
	}
	return q.rate
}

// Rate is the rate in force.
func (q *Quota) Rate() Rate {
	q = q.lock()
	defer q.mu.Unlock()
	return q.rate
}

// Restore counts requests of an earlier run.
func (q *Quota) Restore(stamps []time.Time) {
	q = q.lock()
	defer q.mu.Unlock()
	q.add(stamps)
}

// add counts requests that have ended, apart from those of the future. Receivers of one tenant have all stored the same
// stamps, which count once.
func (q *Quota) add(stamps []time.Time) {
	now := time.Now()
	all := make([]time.Time, 0, len(q.ended)+len(stamps))
	for _, stamp := range slices.SortedFunc(slices.Values(stamps), time.Time.Compare) {
		for len(q.ended) > 0 && q.ended[0].Before(stamp) {
			all, q.ended = append(all, q.ended[0]), q.ended[1:]
		}
		switch {
		case len(q.ended) > 0 && q.ended[0].Equal(stamp):
			all, q.ended = append(all, stamp), q.ended[1:]
		case !stamp.After(now):
			all = append(all, stamp)
		}
	}
	q.ended = append(all, q.ended...)
}

// Stamps returns when the requests that still count ended.
func (q *Quota) Stamps() []time.Time {
	q = q.lock()
	defer q.mu.Unlock()
	q.expire(time.Now())
	return slices.Clone(q.ended)
}

// Used is the share of the budget that is used, from 0 to 1.
func (q *Quota) Used() float64 {
	q = q.lock()
	defer q.mu.Unlock()
	if q.rate.unlimited() {
		return 0
	}
	q.expire(time.Now())
	return float64(len(q.ended)+q.inFlight) / float64(q.rate.Requests)
}

// Acquire waits until the lane may send a request. The request must be released once its response has been read.
func (q *Quota) Acquire(ctx context.Context, lane trace.Lane) error {
	rank := rankOf(lane)
	q, err := q.turn(ctx, rank)
	defer q.mu.Unlock()
	if err != nil {
		return err
	}
	q.inFlight++
	q.unserved[rank] = onlyIf(q.waiting[rank] > 0, time.Now())
	return nil
}

// Await waits until the lane may send a request, but does not take it; it returns false if that takes longer than the
// limit. However short the limit, what the lane has waited counts until it sends a request.
func (q *Quota) Await(ctx context.Context, lane trace.Lane, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	q, err := q.turn(ctx, rankOf(lane))
	q.mu.Unlock()
	return err == nil
}

// spareRank is the rank of the spare lane, and ranks is how many ranks there are.
var spareRank, ranks = len(lanes), len(lanes) + 1

// rankOf returns the rank of a lane. One that does not compete goes first.
func rankOf(lane trace.Lane) int {
	if lane == spare.lane {
		return spareRank
	}
	return max(0, slices.IndexFunc(lanes, func(l laneShare) bool { return l.lane == lane }))
}

// turn waits until a lane may send a request, and returns the budget that it comes from, locked.
func (q *Quota) turn(ctx context.Context, rank int) (*Quota, error) {
	q = q.lock()
	q.enter(rank)
	for {
		wait, free := q.wait(rank, time.Now())
		if free {
			q.leave(rank)
			return q, nil
		}
		err := q.sleep(ctx, wait)
		if rank != spareRank {
			q.scarce = time.Now()
		}
		if err != nil {
			q.leave(rank)
			return q, err
		}
		if q.into != nil {
			q.leave(rank)
			q.mu.Unlock()
			q = q.lock()
			q.enter(rank)
		}
	}
}

func (q *Quota) enter(rank int) {
	q.waiting[rank]++
	if q.unserved[rank].IsZero() {
		q.unserved[rank] = time.Now()
	}
}

func (q *Quota) leave(rank int) {
	q.waiting[rank]--
	q.wake()
}

// Release notes that a request ended.
func (q *Quota) Release() {
	q = q.lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.ended = append(q.ended, time.Now())
	q.wake()
}

// wait returns whether a request of the lane is free to go, and otherwise how long at least it has to wait; 0 means until
// something changes.
func (q *Quota) wait(rank int, now time.Time) (wait time.Duration, free bool) {
	if wait := max(q.resume.Sub(now), q.undecided.Sub(now)); wait > 0 {
		return wait, false
	}
	// A tenant that has been refused is asked by one request at a time, so that all lanes together follow the retry rules.
	if q.refusals > 0 && q.inFlight > 0 {
		return 0, false
	}
	if q.rate.unlimited() {
		return 0, !slices.ContainsFunc(q.waiting[:rank], func(n int) bool { return n > 0 })
	}
	q.expire(now)
	if wait := q.scarce.Add(q.rate.Interval).Sub(now); rank == spareRank && wait > 0 {
		return wait, false
	}
	allowed, first := max(1, q.rate.Requests*shareOf(rank)/100), q.first(now)
	if first == rank && q.owed(rank, now) {
		allowed = q.rate.Requests
	}
	excess := len(q.ended) + q.inFlight - allowed
	switch {
	case first != rank:
	case excess < 0:
		return 0, true
	case excess < len(q.ended):
		wait = q.ended[excess].Add(q.rate.Interval).Sub(now) + expired
	}
	if rank == spareRank {
		return wait, false
	}
	// Its own turn comes in any case.
	if turn := q.unserved[rank].Add(q.rate.Interval / 2).Sub(now); turn > 0 && (wait == 0 || turn < wait) {
		wait = turn
	}
	return wait, false
}

func shareOf(rank int) int {
	if rank == spareRank {
		return spare.share
	}
	return lanes[rank].share
}

// first returns the rank of the lane whose turn it is: of those that have waited too long the one that has waited longest,
// else the first that waits.
func (q *Quota) first(now time.Time) (first int) {
	first = -1
	for rank := range lanes {
		if q.owed(rank, now) && (first < 0 || q.unserved[rank].Before(q.unserved[first])) {
			first = rank
		}
	}
	if first < 0 {
		first = slices.IndexFunc(q.waiting, func(n int) bool { return n > 0 })
	}
	return first
}

// owed reports whether the lane waits for the only request that it has in an interval.
func (q *Quota) owed(rank int, now time.Time) bool {
	return rank != spareRank && q.waiting[rank] > 0 && now.Sub(q.unserved[rank]) >= q.rate.Interval/2
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
