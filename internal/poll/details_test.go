// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// teller tells what happened to messages, and keeps when it was asked.
type teller struct {
	mu     sync.Mutex
	at     []time.Time
	refuse func(n int) error
	waits  time.Duration
}

func (d *teller) Details(ctx context.Context, _ source.Delivery) (*source.Details, error) {
	d.mu.Lock()
	d.at = append(d.at, wallClock())
	n, refuse, waits := len(d.at), d.refuse, d.waits
	d.mu.Unlock()
	if waits > 0 {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if refuse != nil {
		if err := refuse(n); err != nil {
			return nil, err
		}
	}
	return &source.Details{Events: []trace.Detail{{Event: "Deliver"}}, Arrived: wallClock()}, nil
}

func (*teller) Inquired(context.Context, collect.Inquired) {}

func (d *teller) asked() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

// curiousRows is how many rows a curiousDesk asks about: the ID of the first is 0, which is none.
const curiousRows = 9

// curiousDesk is a desk with ten rows, which asks about each two minutes after it has come.
func curiousDesk(t *testing.T, d *teller, budget Budget) *desk {
	desk := newDesk(t, &service{mail: mailEvery(6*time.Minute, time.Hour, 0)}, func(o *Options) { o.Details = budget })
	desk.details = &collect.Details{
		Source: d, Observer: d, Statuses: []trace.Status{trace.Delivered}, After: 2 * time.Minute, Retention: 90 * 24 * time.Hour,
	}
	return desk
}

func TestDetailsAreAskedForInJobsOfTheirOwn(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d := &teller{}
		desk := curiousDesk(t, d, &allowance{})
		began := wallClock()
		desk.start()
		time.Sleep(time.Hour)
		desk.stop()
		require.Len(t, d.asked(), curiousRows)
		assert.GreaterOrEqual(t, d.asked()[0].Sub(began), 2*time.Minute)
		assert.Less(t, d.asked()[curiousRows-1].Sub(began), 3*time.Minute)
		ended := 0
		for _, e := range of[JobEnded](desk.shown) {
			if e.Lane == trace.Details {
				ended++
				assert.Equal(t, jobs.Done, e.State)
			}
		}
		assert.Positive(t, ended)
		positions := of[Position](desk.shown)
		assert.Zero(t, positions[len(positions)-1].Inquiries)
		assert.Empty(t, of[DetailsTrouble](desk.shown))
	})
}

func TestDetailsWaitForTheirBudget(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d, budget := &teller{}, &allowance{closed: true}
		desk := curiousDesk(t, d, budget)
		desk.start()
		time.Sleep(time.Hour)
		assert.Empty(t, d.asked())
		budget.set(false, time.Time{})
		time.Sleep(time.Minute)
		assert.Len(t, d.asked(), curiousRows)
	})
}

// What is wrong with details is no trouble of the receiver's, and they are left alone for longer and longer.
func TestTroubleWithDetailsRestsThemAlone(t *testing.T) {
	t.Parallel()
	for status, want := range map[int][]time.Duration{
		403: {time.Minute, 2 * time.Minute, 4 * time.Minute}, 500: {time.Minute, 2 * time.Minute, 4 * time.Minute}, 429: {time.Minute, 2 * time.Minute},
	} {
		run(t, func(t *testing.T) {
			d := &teller{refuse: func(n int) error {
				if n <= 3 {
					return refusal(status)
				}
				return nil
			}}
			desk := curiousDesk(t, d, &allowance{})
			desk.start()
			time.Sleep(time.Hour)
			require.Len(t, d.asked(), 3+curiousRows)
			for i, least := range want {
				assert.InDelta(t, least.Seconds(), d.asked()[i+1].Sub(d.asked()[i]).Seconds(), 12, "%d after %d", i, status)
			}
			assert.Len(t, of[DetailsTrouble](desk.shown), 3)
			assert.Empty(t, of[Trouble](desk.shown), "mail goes on")
			assert.False(t, desk.term.Load().outage.Load())
		})
	}
}

// A service that fails now and then is asked again after the first rest each time.
func TestAnswersEndTheLongerRest(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d := &teller{refuse: func(n int) error {
			if n%2 == 0 {
				return refusal(503)
			}
			return nil
		}}
		desk := curiousDesk(t, d, &allowance{})
		began := wallClock()
		desk.start()
		time.Sleep(30 * time.Minute)
		require.GreaterOrEqual(t, len(d.asked()), curiousRows)
		assert.Less(t, d.asked()[curiousRows-1].Sub(began), 2*time.Minute+4*(firstRest+12*time.Second))
	})
}

func TestOneRefusedRowStopsNoOther(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d := &teller{refuse: func(n int) error {
			if n%3 == 1 {
				return refusal(404)
			}
			return nil
		}}
		desk := curiousDesk(t, d, &allowance{})
		began := wallClock()
		desk.start()
		time.Sleep(3 * time.Minute)
		assert.Len(t, d.asked(), curiousRows)
		assert.Less(t, d.asked()[curiousRows-1].Sub(began), 3*time.Minute)
		assert.Empty(t, of[DetailsTrouble](desk.shown))
		time.Sleep(time.Hour)
		assert.Greater(t, len(d.asked()), curiousRows, "those that were refused are asked about again")
	})
	run(t, func(t *testing.T) {
		d := &teller{refuse: func(int) error { return refusal(400) }}
		desk := curiousDesk(t, d, &allowance{})
		desk.start()
		time.Sleep(2*time.Minute + 30*time.Second)
		assert.Len(t, d.asked(), maxRefused, "if all are refused, the others wait")
		assert.Len(t, of[DetailsTrouble](desk.shown), 1)
	})
}

func TestNoDetailsAreAskedForDuringAnOutage(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d := &teller{}
		desk := curiousDesk(t, d, &allowance{})
		desk.start()
		time.Sleep(time.Minute)
		desk.service.change(func() { desk.service.refuse = func(request) error { return refusal(503) } })
		time.Sleep(30 * time.Second)
		desk.term.Load().outage.Store(true)
		time.Sleep(3 * time.Minute)
		assert.Empty(t, d.asked())
		desk.service.change(func() { desk.service.refuse = nil })
		time.Sleep(10 * time.Minute)
		assert.Len(t, d.asked(), curiousRows)
	})
}

// Shutdown ends a request that nobody answers, and so does whoever cancels its job.
func TestDetailsEndAtOnce(t *testing.T) {
	t.Parallel()
	run(t, func(t *testing.T) {
		d := &teller{waits: time.Hour}
		desk := curiousDesk(t, d, &allowance{})
		desk.start()
		time.Sleep(5 * time.Minute)
		require.Len(t, d.asked(), 1)
		list, _ := desk.registry.List(jobs.Query{Lane: trace.Details, Limit: 10})
		require.Len(t, list, 1)
		require.NoError(t, desk.Cancel(list[0].ID))
		time.Sleep(5 * time.Second)
		list, _ = desk.registry.List(jobs.Query{Lane: trace.Details, Limit: 10})
		assert.Equal(t, jobs.Cancelled, list[0].State)
		assert.Empty(t, of[DetailsTrouble](desk.shown))
		time.Sleep(2 * time.Minute)
		assert.Len(t, d.asked(), 2)
		began := time.Now()
		desk.stop()
		assert.Less(t, time.Since(began), time.Second)
	})
}
