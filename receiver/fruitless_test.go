// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// TestPagesThatBringNothingAreNotAskedForInAHurry has every page lead nowhere for hours. No rate limit keeps the receiver from
// asking: it is to see by itself that this is of no use.
func TestPagesThatBringNothingAreNotAskedForInAHurry(t *testing.T) {
	if raceEnabled {
		t.Skip("reads too many rows for the race detector")
	}
	few := map[time.Duration]int{time.Second: 30, 5 * time.Minute: 130, time.Hour: 800}
	// A link that is new leads on until there have been many in a row.
	more := map[time.Duration]int{time.Second: 20, 5 * time.Minute: 400, time.Hour: 3000}
	for _, c := range []struct {
		kind     fault.Kind
		interval time.Duration
		most     map[time.Duration]int
	}{
		{fault.EmptyPageToItself, 5 * time.Minute, few},
		{fault.EmptyPageToItself, time.Second, few},
		{fault.LinkToItself, 5 * time.Minute, few},
		{fault.LinkToItself, time.Second, few},
		{fault.EmptyPage, 5 * time.Minute, more},
		{fault.NullValue, 5 * time.Minute, more},
		{fault.StalledLink, 5 * time.Minute, more},
	} {
		for _, api := range []API{Graph, ReportingWebService} {
			t.Run(fmt.Sprintf("%s %s every %s", c.kind, api, c.interval), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { fruitless(t, c.kind, c.most, api, c.interval) })
			})
		}
	}
}

func fruitless(t *testing.T, kind fault.Kind, most map[time.Duration]int, api API, interval time.Duration) {
	began := time.Now()
	sim, err := simulator.New(simulator.Config{Quota: -1, Traffic: traffic.Config{
		RowsPerDay: 5_000, From: began.Add(-5 * time.Hour), Seed: 7, Delays: traffic.NoDelays(), StatusChanges: -1,
	}})
	require.NoError(t, err)
	require.NoError(t, sim.Faults().Set(fault.Rule{Kind: kind}))
	w := newWorld(t, sim)
	w.start(func(c *Config) {
		c.API, c.RevisitAges, c.PollInterval, c.PageSize = api, nil, interval, new(500)
		c.InitialLookback = 4 * time.Hour
		c.RateLimit = RateLimit{Interval: time.Minute}
	})
	time.Sleep(time.Second)
	assert.LessOrEqual(t, len(sim.Requests()), 20, "in the first second")
	time.Sleep(5*time.Minute - 2*time.Second)
	assert.LessOrEqual(t, len(sim.Requests()), most[5*time.Minute]*100/130+int(5*time.Minute/interval), "in the first five minutes")
	time.Sleep(100 * time.Minute)
	ticks := func(stretch time.Duration) int {
		if stretch > time.Second {
			return int(stretch / interval)
		}
		return 0
	}
	for stretch, most := range most {
		assert.LessOrEqual(t, busiest(w, stretch), most+ticks(stretch)+most/10, "in any %s", stretch)
	}
	sim.Faults().Clear()
	time.Sleep(70 * time.Minute)
	until := time.Now().Add(-5 * time.Minute)
	status, hint, _ := w.current.report.Health()
	assert.NotEqual(t, "recoverable_error", status, hint)
	w.stop()
	w.check(began.Add(-4*time.Hour+time.Minute), until)
}

// busiest returns the most requests that there were in any stretch of time so long.
func busiest(w *world, stretch time.Duration) (most int) {
	requests := w.sim.Requests()
	first := 0
	for i := range requests {
		for requests[i].Time.Sub(requests[first].Time) >= stretch {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
