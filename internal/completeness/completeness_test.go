// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package main

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mail is the mail of all tests.
var mail = sync.OnceValue(arrivals)

func TestThisReceiverLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	ours, err := newReceiver()
	require.NoError(t, err)
	result, err := replay(ours, ours.cfg.Interval, mail())
	require.NoError(t, err)
	assert.Zero(t, result.lost)
	assert.Zero(t, result.repeated)
	assert.LessOrEqual(t, float64(result.missed), 0.003*float64(result.changing))
	assert.Less(t, result.latency(0.5), 5.0, "half of the rows come with the next poll")
	assert.Less(t, result.requests, 73.0)
	assert.Less(t, result.reads, 11.0)
	assert.Less(t, ours.ledger.Rows(), 2*rowsPerDay, "mail that is settled is forgotten")
}

// A model in which nothing can go wrong would prove nothing.
func TestTheModelTellsStrategiesApart(t *testing.T) {
	t.Parallel()
	rows := mail()
	assert.Equal(t, rows[:100], arrivals()[:100], "it is the same every time")

	forward, err := replay(newCursor(0), 5*time.Minute, rows)
	require.NoError(t, err)
	assert.Greater(t, forward.lost, forward.rows/5, "late rows")
	assert.Greater(t, forward.missed, forward.changing/2, "late statuses")
	assert.Zero(t, forward.repeated)

	lookBack, err := replay(relative{from: 2 * time.Hour}, time.Hour, rows)
	require.NoError(t, err)
	assert.Greater(t, lookBack.repeated, lookBack.rows/2)
}

func TestModelIsWhatItSays(t *testing.T) {
	t.Parallel()
	rows := mail()
	var late, changed, longAfter float64
	for _, r := range rows {
		if r.visible.Sub(r.received) > time.Minute {
			late++
		}
		if !r.changed.IsZero() {
			changed++
			if r.changed.Sub(r.received) > time.Hour {
				longAfter++
			}
		}
	}
	assert.InDelta(t, 0.20, late/float64(len(rows)), 0.01)
	assert.InDelta(t, changing, changed/float64(len(rows)), 0.005)
	assert.InDelta(t, 0.30, longAfter/changed, 0.02)
}
