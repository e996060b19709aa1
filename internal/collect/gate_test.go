// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// doorkeeper is a gate that notes who goes through it, and when.
type doorkeeper struct {
	mu    sync.Mutex
	began time.Time
	// entered are the lanes of the requests, held is how often a page was worked on, left when the job let others go ahead.
	entered []trace.Lane
	held    int
	left    []time.Duration
	// onEnter and onHold may refuse.
	onEnter, onHold func(n int) error
}

func (d *doorkeeper) Enter(_ context.Context, lane trace.Lane) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entered = append(d.entered, lane)
	if d.onEnter == nil {
		return nil
	}
	return d.onEnter(len(d.entered))
}

func (d *doorkeeper) Hold(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held++
	if d.onHold == nil {
		return nil
	}
	return d.onHold(d.held)
}

func (d *doorkeeper) Leave(context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = append(d.left, time.Since(d.began))
}

// guard is a bench with a doorkeeper.
func guard(t *testing.T, s *service, p *pipeline) (*bench, *doorkeeper) {
	t.Helper()
	b, d := newBench(t, s, p), &doorkeeper{began: time.Now()}
	b.Gate = d
	return b, d
}

func TestEachRequestAndEachPageGoesThroughTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, d := guard(t, &service{rows: mails(9), pageSize: 2}, &pipeline{})
		_, err := b.Run(t.Context(), plan.Step{Window: hour, Lane: trace.Revisit}, 0)
		require.NoError(t, err)
		assert.Equal(t, []trace.Lane{trace.Revisit, trace.Revisit, trace.Revisit, trace.Revisit, trace.Revisit}, d.entered)
		assert.Equal(t, 5, d.held)
		assert.Empty(t, d.left, "a service that answers, and a pipeline that takes, are no reason to leave")
	})
}

func TestAJobEndsAtAClosedGate(t *testing.T) {
	closed := errors.New("closed")
	at := func(n int) func(int) error {
		return func(number int) error {
			if number == n {
				return closed
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		onEnter, onHold func(int) error
		requests, taken int
	}{
		"before the first request":   {at(1), nil, 0, 0},
		"before the second request":  {at(2), nil, 1, 2},
		"before the first page":      {nil, at(1), 2, 0}, // the second page is fetched ahead
		"before the second page":     {nil, at(2), 3, 2},
		"before the fourth and last": {nil, at(4), 4, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, d := guard(t, &service{rows: mails(8), pageSize: 2}, &pipeline{})
				d.onEnter, d.onHold = c.onEnter, c.onHold
				_, err := b.run(t.Context())
				require.ErrorIs(t, err, closed)
				assert.LessOrEqual(t, b.service.requests(), c.requests)
				assert.Len(t, b.pipeline.taken, c.taken)
				assert.NotEmpty(t, b.State().Unread)
			})
		})
	}
}

func TestAJobLeavesWhileTheServiceIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		silence time.Duration
		left    []time.Duration
	}{
		"it answers": {1999 * time.Millisecond, nil},
		"it thinks":  {5 * time.Second, []time.Duration{2 * time.Second, 7 * time.Second, 12 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, d := guard(t, &service{rows: mails(6), pageSize: 2}, &pipeline{})
				b.Source = slow{b.service, c.silence}
				_, err := b.run(t.Context())
				require.NoError(t, err)
				assert.Equal(t, c.left, d.left)
				assert.Len(t, b.pipeline.taken, 6)
			})
		})
	}
}

func TestAJobLeavesWhileThePipelineRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		b, d := guard(t, &service{rows: mails(2), pageSize: 2}, &pipeline{refusals: []error{full, full, full}})
		_, err := b.run(t.Context())
		require.NoError(t, err)
		require.Len(t, d.left, 3)
		assert.Zero(t, d.left[0], "before the first wait")
		assert.Len(t, b.pipeline.taken, 2)
	})
}
