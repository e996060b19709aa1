// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// asker is a part of a receiver that asks for one page after another.
type asker struct {
	lane trace.Lane
	// name is that of the budget that it knows.
	name int
	// begins is when it begins to ask, there and back how long each request is on its way.
	begins, there, back time.Duration
	// patience is how long it waits for a turn before it looks up and waits again; 0 means that it does not look up.
	patience time.Duration
}

// request is one that has been sent: since when it had waited, and when it was sent, arrived and ended.
type request struct {
	waited, sent, arrived, ended time.Time
}

// contest is what becomes of a budget for which many ask.
type contest struct {
	rate   Rate
	askers []asker
	// joins is when each of the other names turns out to be another one of the first.
	joins []time.Duration
	// stored are requests of an earlier run, as long before the beginning.
	stored []time.Duration
	length time.Duration

	mu   sync.Mutex
	sent map[trace.Lane][]request
	// began is when it begins.
	began time.Time
}

func drawContest(t *rapid.T) *contest {
	interval := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute}).Draw(t, "interval")
	part := func(name string, most time.Duration) time.Duration {
		return most * time.Duration(rapid.IntRange(0, 100).Draw(t, name)) / 100
	}
	c := &contest{
		rate:   Rate{rapid.IntRange(1, 12).Draw(t, "requests"), interval},
		length: 12 * interval, sent: map[trace.Lane][]request{},
	}
	for range rapid.IntRange(0, 2).Draw(t, "other names") {
		c.joins = append(c.joins, part("join", 4*interval))
	}
	for range rapid.IntRange(0, c.rate.Requests).Draw(t, "stored") {
		c.stored = append(c.stored, time.Nanosecond+part("ago", interval))
	}
	longest := rapid.SampledFrom([]time.Duration{0, interval / 50, interval, 2 * interval}).Draw(t, "longest")
	for range rapid.IntRange(1, 8).Draw(t, "askers") {
		c.askers = append(c.askers, asker{
			lane:     rapid.SampledFrom(lanes).Draw(t, "lane").lane,
			name:     rapid.IntRange(0, len(c.joins)).Draw(t, "name"),
			begins:   part("begins", 3*interval),
			there:    part("there", longest),
			back:     part("back", longest),
			patience: rapid.SampledFrom([]time.Duration{0, 0, interval / 20, interval / 4}).Draw(t, "patience"),
		})
	}
	return c
}

// run lets all of them ask until the time is over.
func (c *contest) run(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		shares := make([]*Share, len(c.joins)+1)
		for i := range shares {
			shares[i] = share(t, strconv.Itoa(i), c.rate)
		}
		var stamps []time.Time
		for _, ago := range c.stored {
			stamps = append(stamps, time.Now().Add(-ago))
		}
		shares[0].Restore(stamps)
		c.began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), c.length)
		defer cancel()
		var all sync.WaitGroup
		for i, at := range c.joins {
			all.Go(func() {
				// Requests of different budgets never end at the very same time.
				time.Sleep(at + time.Duration(i)*time.Nanosecond)
				identify(t, shares[i+1], "0")
			})
		}
		for i, each := range c.askers {
			all.Go(func() {
				// Of two stamps of one instant a budget takes one to be restored, so each asker has a phase of its own within the
				// microseconds.
				time.Sleep(each.begins + time.Duration(i+1)*100*time.Nanosecond)
				for ctx.Err() == nil {
					c.ask(ctx, shares[each.name].Quota, each)
				}
			})
		}
		all.Wait()
	})
}

func (c *contest) ask(ctx context.Context, q *Quota, a asker) {
	r := request{waited: time.Now()}
	for a.patience > 0 && ctx.Err() == nil && !q.Await(ctx, a.lane, a.patience) {
		time.Sleep(time.Millisecond)
	}
	if q.Acquire(ctx, a.lane) != nil {
		// It would have been sent now at the earliest.
		r.sent = time.Now()
		c.note(a.lane, r)
		return
	}
	r.sent = time.Now()
	time.Sleep(a.there)
	r.arrived = time.Now()
	// Nothing takes no time at all.
	time.Sleep(a.back + time.Microsecond)
	q.Release()
	r.ended = time.Now()
	c.note(a.lane, r)
}

func (c *contest) note(lane trace.Lane, r request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[lane] = append(c.sent[lane], r)
}

// all returns the requests that were sent, those of the earlier run among them.
func (c *contest) all() (all []request) {
	for _, requests := range c.sent {
		all = append(all, requests...)
	}
	all = slices.DeleteFunc(all, func(r request) bool { return r.ended.IsZero() })
	for _, ago := range c.stored {
		at := c.began.Add(-ago)
		all = append(all, request{sent: at, arrived: at, ended: at})
	}
	return all
}

// No rolling interval of the service's sees more requests than the rate allows. What has been asked for under several names
// before it was known that they are one may be beyond that, but nothing is added to it.
func TestTheRateIsNeverExceeded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawContest(rt)
		c.run(t)
		var oneSince time.Time
		for i, join := range c.joins {
			oneSince = laterOf(oneSince, c.began.Add(join+time.Duration(i)*time.Nanosecond))
		}
		all, service := c.all(), arrivals{}
		for _, r := range all {
			service.times = append(service.times, r.arrived)
			if !r.sent.After(oneSince) {
				continue
			}
			count := 0
			for _, other := range all {
				if !other.sent.After(r.sent) && !other.ended.Add(c.rate.Interval).Before(r.sent) {
					count++
				}
			}
			require.LessOrEqual(rt, count, c.rate.Requests, "when one was sent at %s", r.sent)
		}
		if len(c.joins) == 0 {
			require.LessOrEqual(rt, service.most(c.rate.Interval), c.rate.Requests)
		}
	})
}

// A lane that always has something to ask for gets a request in each interval and a half, as long as there are as many as lanes,
// and as it takes until a request has ended; nearly always in each interval. One that looks up while it waits may miss its turn
// just then, and has the next one.
func TestNoLaneStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawContest(rt)
		c.joins, c.stored = nil, nil
		c.rate.Requests = rapid.IntRange(len(lanes), 12).Draw(rt, "enough requests")
		longest := time.Duration(0)
		missed := map[trace.Lane]time.Duration{}
		for i := range c.askers {
			asker := &c.askers[i]
			asker.name = 0
			longest = max(longest, asker.there+asker.back)
			if asker.patience > 0 {
				missed[asker.lane] = c.rate.Interval
			}
		}
		c.run(t)
		// A lane waits half an interval before it goes first, and may then find all requests just used.
		const slack = 10 * time.Millisecond
		for lane, requests := range c.sent {
			slices.SortFunc(requests, func(a, b request) int { return a.sent.Compare(b.sent) })
			last := requests[0].waited
			for _, r := range requests {
				waits := r.sent.Sub(laterOf(last, r.waited))
				require.LessOrEqual(rt, waits, c.rate.Interval*3/2+longest+missed[lane]+slack, "%s at %s", lane, r.sent)
				last = r.sent
			}
		}
	})
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
