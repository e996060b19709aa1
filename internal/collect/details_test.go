// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// storyteller tells what happened to messages: the n-th answer, from 1 on.
type storyteller struct {
	answer func(n int, d source.Delivery) ([]trace.Detail, error)
	asked  []source.Delivery
	told   Inquired
}

func (s *storyteller) Details(_ context.Context, d source.Delivery) (*source.Details, error) {
	s.asked = append(s.asked, d)
	events, err := s.answer(len(s.asked), d)
	if err != nil {
		return nil, err
	}
	return &source.Details{Events: events, Arrived: ten, Size: 100}, nil
}

func (s *storyteller) Inquired(_ context.Context, o Inquired) {
	s.told.Asked += o.Asked
	s.told.Empty += o.Empty
	s.told.Delivered += o.Delivered
	s.told.GivenUp += o.GivenUp
}

// curious is a bench that asks about rows that failed or are pending, two minutes later, and whose clock can be set.
type curious struct {
	*bench
	*storyteller
	now time.Time
}

func newCurious(t *testing.T, p *pipeline, answer func(n int, d source.Delivery) ([]trace.Detail, error), rows ...mailAt) *curious {
	s := &service{rows: rows, pageSize: 100}
	c := &curious{bench: newBench(t, s, p), storyteller: &storyteller{answer: answer}, now: ten}
	known, err := ledger.Open(t.Context(), ledger.Options{Client: c.store, Tenant: "contoso.com", Details: &ledger.DetailOptions{}})
	require.NoError(t, err)
	known.SetState(plan.Tick(plan.State{}, ten, ten, plan.Config{
		Interval: 5 * time.Minute, InitialLookback: time.Hour, Ages: []time.Duration{30 * time.Hour},
	}))
	o := c.Options
	o.Ledger, o.Now = known, func() time.Time { return c.now }
	o.Details = &Details{
		Source: c.storyteller, Observer: c.storyteller, Statuses: []trace.Status{trace.Failed, trace.Pending},
		After: 2 * time.Minute, Retention: 90 * 24 * time.Hour,
	}
	c.Collector = New(o)
	return c
}

// events are the event names of the records that follow rows.
func (c *curious) events() (names []string) {
	for _, record := range c.pipeline.taken {
		switch record.EventName() {
		case records.DetailEventName:
			event, _ := record.Attributes().Get("o365.message_trace.detail.event")
			names = append(names, event.Str())
		case records.CauseEventName:
			cause, _ := record.Attributes().Get("o365.message_trace.cause")
			names = append(names, "cause "+cause.Str())
		}
	}
	return names
}

// until asks about whatever is due, minute after minute.
func (c *curious) until(t *testing.T, end time.Duration) {
	t.Helper()
	for ; !c.now.After(ten.Add(end)); c.now = c.now.Add(time.Minute) {
		for asked := true; asked; {
			var err error
			asked, err = c.Inquire(t.Context())
			require.NoError(t, err)
		}
	}
}

var (
	receive = trace.Detail{At: ten, Event: "Receive", Text: "received"}
	fail    = trace.Detail{At: ten, Event: "Fail", Text: "Reason: [{LED=554 5.2.2 mailbox full};{MSG=}]"}
)

// always answers with the same details.
func always(details ...trace.Detail) func(int, source.Delivery) ([]trace.Detail, error) {
	return func(int, source.Delivery) ([]trace.Detail, error) { return details, nil }
}

func TestDetailsAreAskedForAfterAWhile(t *testing.T) {
	t.Parallel()
	c := newCurious(t, &pipeline{}, always(receive, fail),
		mailAt{age: time.Minute, status: trace.Failed}, mailAt{age: 2 * time.Minute}, mailAt{age: 3 * time.Minute, status: trace.Pending})
	_, err := c.run(t.Context())
	require.NoError(t, err)
	waiting, due := c.Inquiries()
	assert.Equal(t, 2, waiting)
	assert.Equal(t, ten.Add(2*time.Minute), due)
	c.until(t, time.Minute)
	assert.Empty(t, c.asked)
	c.until(t, 2*time.Minute)
	require.Len(t, c.asked, 2)
	assert.Equal(t, source.Delivery{ID: "1m0s/0", Recipient: "a@contoso.com", Received: ten.Add(-time.Minute), Now: ten.Add(2 * time.Minute)}, c.asked[0])
	assert.Equal(t, []string{"Receive", "Fail", "cause mailbox_full", "Receive", "Fail"}, c.events(), "a failure does not explain what is pending")
	c.until(t, 3*time.Hour)
	assert.Equal(t, []string{"Receive", "Fail", "cause mailbox_full", "Receive", "Fail", "cause other"}, c.events())
	assert.Equal(t, Inquired{Asked: 1 + maxUndecided, Delivered: 6}, c.told)
}

func TestDetailsThatComeLate(t *testing.T) {
	t.Parallel()
	c := newCurious(t, &pipeline{}, func(n int, _ source.Delivery) ([]trace.Detail, error) {
		return [][]trace.Detail{nil, {receive}, {receive, fail}}[n-1], nil
	}, mailAt{age: time.Minute, status: trace.Failed})
	_, err := c.run(t.Context())
	require.NoError(t, err)
	c.until(t, 24*time.Hour)
	assert.Equal(t, []string{"Receive", "Fail", "cause mailbox_full"}, c.events())
	var at []time.Duration
	for _, d := range c.asked {
		at = append(at, d.Now.Sub(ten))
	}
	assert.Equal(t, []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute}, at)
	assert.Equal(t, Inquired{Asked: 3, Empty: 1, Delivered: 3}, c.told)
}

func TestDetailsThatNeverCome(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(int, source.Delivery) ([]trace.Detail, error){
		"nothing":   always(),
		"refused":   func(int, source.Delivery) ([]trace.Detail, error) { return nil, refusal(400) },
		"not found": func(int, source.Delivery) ([]trace.Detail, error) { return nil, refusal(404) },
		"damaged":   func(int, source.Delivery) ([]trace.Detail, error) { return nil, damage() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCurious(t, &pipeline{}, answer, mailAt{age: time.Minute, status: trace.Failed})
			_, err := c.run(t.Context())
			require.NoError(t, err)
			for ; c.now.Before(ten.Add(7 * 24 * time.Hour)); c.now = c.now.Add(time.Minute) {
				_, _ = c.Inquire(t.Context())
			}
			assert.Len(t, c.asked, maxEmpty)
			assert.Equal(t, 1, c.told.GivenUp)
			assert.Empty(t, c.events())
			assert.Less(t, c.asked[maxEmpty-1].Now.Sub(ten), 36*time.Hour)
			waiting, _ := c.Inquiries()
			assert.Zero(t, waiting)
		})
	}
}

// What is wrong with the service is not the row's fault.
func TestTroubleOfTheServiceCountsForNoRow(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 429, 500, 503} {
		c := newCurious(t, &pipeline{}, func(n int, _ source.Delivery) ([]trace.Detail, error) {
			if n <= 2*maxEmpty {
				return nil, refusal(status)
			}
			return []trace.Detail{fail}, nil
		}, mailAt{age: time.Minute, status: trace.Failed})
		_, err := c.run(t.Context())
		require.NoError(t, err)
		c.now = ten.Add(time.Hour)
		for range 2 * maxEmpty {
			asked, err := c.Inquire(t.Context())
			assert.True(t, asked)
			require.Error(t, err)
		}
		c.until(t, 2*time.Hour)
		assert.Equal(t, []string{"Fail", "cause mailbox_full"}, c.events())
	}
}

func TestWhatTheServiceNoLongerKeepsIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newCurious(t, &pipeline{}, always(fail), mailAt{age: time.Minute, status: trace.Failed})
	_, err := c.run(t.Context())
	require.NoError(t, err)
	c.now = ten.Add(90*24*time.Hour - time.Minute + time.Second)
	asked, err := c.Inquire(t.Context())
	require.NoError(t, err)
	assert.False(t, asked)
	assert.Empty(t, c.asked)
	assert.Equal(t, Inquired{GivenUp: 1}, c.told)
}

// Mail goes on while details are refused, and exactly what was taken is remembered.
func TestAPipelineThatRefusesDetails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		no := errors.New("queue full")
		p := &pipeline{refusals: []error{nil, no, no}}
		c := newCurious(t, p, always(receive, fail), mailAt{age: time.Minute, status: trace.Failed})
		_, err := c.run(t.Context())
		require.NoError(t, err)
		c.now = ten.Add(time.Hour)
		done := make(chan error)
		go func() {
			_, err := c.Inquire(t.Context())
			done <- err
		}()
		synctest.Wait()
		require.NoError(t, c.enter(t.Context()), "the ledger is free between two offers")
		c.leaveSection()
		require.NoError(t, <-done)
		assert.Equal(t, []string{"Receive", "Fail", "cause mailbox_full"}, c.events())
		assert.Equal(t, 4, p.offers)
	})
	synctest.Test(t, func(t *testing.T) {
		p := &pipeline{refusals: []error{nil, consumererror.NewPermanent(errors.New("never"))}}
		c := newCurious(t, p, always(receive, fail), mailAt{age: time.Minute, status: trace.Failed})
		_, err := c.run(t.Context())
		require.NoError(t, err)
		c.until(t, time.Hour)
		assert.Empty(t, c.events(), "what is refused for good is dropped")
		assert.Len(t, c.asked, 1)
	})
}

// A row whose status turns into one that nobody asks about is not asked about.
func TestAStatusThatNeedsNoExplanation(t *testing.T) {
	t.Parallel()
	c := newCurious(t, &pipeline{}, always(fail), mailAt{age: time.Minute, status: trace.Pending}, mailAt{age: 2 * time.Minute, status: "FAILED"})
	_, err := c.run(t.Context())
	require.NoError(t, err)
	c.service.rows[0].status = trace.Delivered
	_, err = c.run(t.Context())
	require.NoError(t, err)
	c.until(t, time.Hour)
	assert.Len(t, c.asked, 1)
	assert.Equal(t, "2m0s/0", c.asked[0].ID)
}

// Whoever asks for delivered rows gets their steps, but no cause.
func TestDetailsWithoutACause(t *testing.T) {
	t.Parallel()
	c := newCurious(t, &pipeline{}, always(receive), mailAt{age: time.Minute})
	c.Options.Details.Statuses = []trace.Status{trace.Delivered}
	_, err := c.run(t.Context())
	require.NoError(t, err)
	c.until(t, time.Hour)
	assert.Equal(t, []string{"Receive"}, c.events())
	assert.Len(t, c.asked, 1)
}

// Without details a collector does none of it.
func TestNobodyAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t, &service{rows: []mailAt{{age: time.Minute, status: trace.Failed}}, pageSize: 10}, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	waiting, due := b.Inquiries()
	assert.Zero(t, waiting)
	assert.True(t, due.IsZero())
}
