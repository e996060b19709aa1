// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// A day of a busy tenant, each row read nine times by the hour of its receipt:
// what a collector that looks again and again costs the simulator, the client
// doing no more than find the end of each page.
func BenchmarkDayReadNineTimes(b *testing.B) {
	const perDay, times = 50_000, 9
	for i := 0; b.Loop(); i++ {
		begin := noon.Add(time.Duration(i) * 24 * time.Hour)
		clock := simulatortest.NewClock(begin)
		sim, err := simulator.New(simulator.Config{
			Now: clock.Now, Quota: -1, TokenLifetime: 1000 * time.Hour, Traffic: traffic.Config{RowsPerDay: perDay, From: begin},
		})
		require.NoError(b, err)
		client := &http.Client{Transport: simulator.Transport(sim)}
		token := sim.Token()
		for range 24 {
			end := clock.Advance(time.Hour)
			for range times {
				readWindow(b, client, token, end.Add(-time.Hour), end)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perDay/times, "ns/row")
}

func readWindow(b *testing.B, client *http.Client, token string, start, end time.Time) {
	b.Helper()
	query := url.Values{
		"$filter": {"receivedDateTime ge " + start.Format(time.RFC3339) + " and receivedDateTime le " + end.Format(time.RFC3339)},
		"$top":    {"5000"},
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, traces+"?"+query.Encode(), http.NoBody)
	require.NoError(b, err)
	r.Header = bearer(token)
	response, err := client.Do(r)
	require.NoError(b, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	require.NoError(b, response.Body.Close())
	require.Equal(b, http.StatusOK, response.StatusCode)
	require.NotContains(b, string(body[:min(len(body), 300)]), "@odata.nextLink", "an hour fits on one page")
}
