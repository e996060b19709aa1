// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// TestOneMessageToAllStaff reads page after page of one instant, also over a link in their middle that leads nowhere.
func TestOneMessageToAllStaff(t *testing.T) {
	for name, c := range map[string]struct {
		api                  API
		recipients, pageSize int
		dead                 int
	}{
		"graph":                                {Graph, 150_000, 5000, 0},
		"graph, dead link":                     {Graph, 150_000, 5000, 15},
		"graph, short pages":                   {Graph, 5000, 100, 0},
		"graph, short pages, dead link":        {Graph, 5000, 100, 25},
		"graph, short pages, first link dead":  {Graph, 5000, 100, 1},
		"graph, short pages, last link dead":   {Graph, 5000, 100, 49},
		"graph, a row more than pages hold":    {Graph, 5001, 100, 0},
		"reporting":                            {ReportingWebService, 150_000, 2000, 0},
		"reporting, dead link":                 {ReportingWebService, 150_000, 2000, 37},
		"reporting, short pages":               {ReportingWebService, 5000, 100, 0},
		"reporting, short pages, dead link":    {ReportingWebService, 5000, 100, 25},
		"reporting, row more than pages hold":  {ReportingWebService, 5001, 100, 0},
		"reporting, short pages, last is dead": {ReportingWebService, 5000, 100, 49},
	} {
		t.Run(name, func(t *testing.T) {
			if (testing.Short() || raceEnabled) && c.recipients > 10_000 {
				t.Skip("takes seconds")
			}
			synctest.Test(t, func(t *testing.T) {
				sim, err := simulator.New(simulator.Config{Quota: -1})
				require.NoError(t, err)
				sent := time.Now().Add(-10*time.Minute + 123*time.Millisecond)
				require.NoError(t, sim.Add(traffic.AllStaff("contoso.com", sent, c.recipients)...))
				w := newWorld(t, sim)
				way, links := simulator.Transport(sim), 0
				w.startVia(tripper(func(r *http.Request) (*http.Response, error) {
					if strings.Contains(r.URL.RawQuery, "skiptoken") {
						if links++; links == c.dead {
							err := sim.Faults().Set(fault.Rule{Kind: fault.DeadLink, On: fault.ContinuedPage, Count: 1})
							if err != nil {
								return nil, err
							}
						}
					}
					return way.RoundTrip(r)
				}), func(cfg *Config) {
					cfg.API, cfg.PageSize, cfg.RevisitAges, cfg.RateLimit.Requests = c.api, &c.pageSize, nil, 0
				})
				time.Sleep(4 * time.Minute)
				asked := len(sim.Requests())
				time.Sleep(2 * time.Hour)
				w.stop()
				w.check(sent, sent.Add(time.Second))
				assert.Equal(t, c.recipients, w.rows)
				pages := (c.recipients + c.pageSize - 1) / c.pageSize
				assert.LessOrEqual(t, asked, 2*pages+2, "two a page, one for what is older, and one for a longer page")
				assert.GreaterOrEqual(t, asked, pages)
				assert.LessOrEqual(t, len(sim.Requests())-asked, 24, "one per tick: the instant is not asked for again")
			})
		})
	}
}

// TestAMessageToMoreThanTheLongestPageHoldsWithoutLinks cannot be read whole, and that is told.
func TestAMessageToMoreThanTheLongestPageHoldsWithoutLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1})
		require.NoError(t, err)
		sent := time.Now().Add(-10 * time.Minute)
		require.NoError(t, sim.Add(traffic.AllStaff("contoso.com", sent, 5001)...))
		require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.NoLink}))
		w := newWorld(t, sim)
		w.start(func(cfg *Config) { cfg.RevisitAges, cfg.PageSize = nil, new(1000) })
		time.Sleep(time.Hour)
		told := w.logs.FilterMessageSnippet("rows of one instant").All()
		require.Len(t, told, 1)
		assert.Contains(t, told[0].ContextMap()["window"], sent.UTC().Format("2006-01-02T15:04:"))
		w.stop()
	})
}
