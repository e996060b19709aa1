// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// TestALookbackAsLongAsTheRetention begins where the service still answers, with and without a rate limit, and with answers
// that take their time, so that the border of what the service drops moves while it is read.
func TestALookbackAsLongAsTheRetention(t *testing.T) {
	if raceEnabled {
		t.Skip("reads too many rows for the race detector")
	}
	for name, test := range map[string]struct {
		api      API
		lookback time.Duration
		limit    int
		slow     bool
		within   time.Duration
		fixed    bool
		// file is a configuration of testdata/running that asks for all this.
		file string
	}{
		"graph":                     {Graph, 2160 * time.Hour, 0, false, 25 * time.Second, false, ""},
		"graph, slow answers":       {Graph, 2160 * time.Hour, 0, true, 2 * time.Hour, false, ""},
		"graph, default rate limit": {Graph, 2160 * time.Hour, 90, false, 5 * time.Hour, false, "lookback-2160h.yaml"},
		"graph, fixed range":        {Graph, 2159 * time.Hour, 90, true, 5 * time.Hour, true, "fixed-range-oldest-lost.yaml"},
		"reporting":                 {ReportingWebService, 240 * time.Hour, 0, false, 25 * time.Second, false, ""},
		"reporting, slow answers":   {ReportingWebService, 240 * time.Hour, 0, true, 25 * time.Minute, false, ""},
		"reporting, rate limit":     {ReportingWebService, 240 * time.Hour, 90, false, time.Hour, false, "rws-240h.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, err := simulator.New(simulator.Config{Quota: -1, Traffic: traffic.Config{
					RowsPerDay: 300, From: time.Now().Add(-test.lookback), Seed: 7, Delays: traffic.NoDelays(), StatusChanges: -1,
				}})
				require.NoError(t, err)
				if test.slow {
					require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.SlowBody, Delay: 3 * time.Second}))
				}
				w := newWorld(t, sim)
				began := time.Now()
				w.start(func(c *Config) {
					if test.file != "" {
						*c = *only(receiversOf(t, test.file, environmentOf("https://simulated.example", "", ""), recently(began)...))
						c.InspectorID = nil
						assert.Equal(t, test.api, c.api())
						if test.fixed {
							c.DateRange.Get().End = began.Add(-time.Hour).Format(time.RFC3339)
						} else {
							c.RevisitAges = nil
						}
						return
					}
					c.API = test.api
					if test.fixed {
						between(began.Add(-test.lookback).Format(time.RFC3339), "0", 5*time.Minute)(c)
						c.DateRange.Get().End = began.Add(-time.Hour).Format(time.RFC3339)
					} else {
						c.InitialLookback, c.RevisitAges = test.lookback, nil
					}
					c.RateLimit = RateLimit{Requests: test.limit, Interval: 5 * time.Minute}
				})
				time.Sleep(test.within)
				w.stop()
				hours := int(test.lookback / time.Hour)
				windows, _ := w.asked()
				assert.LessOrEqual(t, len(windows), 3*hours, "requests an hour of mail")
				var asked plan.Intervals
				for _, window := range windows {
					assert.Equal(t, trace.Window{Start: window.Start.Truncate(time.Second), End: window.End.Truncate(time.Second)}, window)
					asked = asked.Add(window)
				}
				until := began
				if test.fixed {
					until = began.Add(-time.Hour)
				}
				missing := plan.Intervals{{Start: began.Add(plan.KeepMargin - test.lookback), End: until}}
				for _, window := range asked {
					missing = missing.Remove(window)
				}
				assert.Empty(t, missing, "never asked for")
				assert.Zero(t, w.logs.FilterMessageSnippet("a gap").Len())
				w.check(began.Add(plan.KeepMargin-test.lookback), until)
			})
		})
	}
}

// only returns the one configuration that there is.
func only(all map[component.ID]*Config) *Config {
	for _, cfg := range all {
		return cfg
	}
	return nil
}
