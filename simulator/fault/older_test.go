// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// Pages of the Reporting Web Service in JSON light have their links and rows
// tampered with as well; its relative links become absolute where they must.
func TestPagesOfTheReportingWebService(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: standing, BasicUser: "user", BasicPassword: "password"})
	require.NoError(t, err)
	fill(t, sim, 2500)
	const (
		base = "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace"
		all  = "?$filter=StartDate%20eq%20datetime'2026-11-22T11:00:00'%20and%20EndDate%20eq%20datetime'2026-11-22T12:00:00'"
		few  = "?$filter=StartDate%20eq%20datetime'2026-11-22T11:50:00'%20and%20EndDate%20eq%20datetime'2026-11-22T12:00:00'"
	)
	look := func(query string) (rows int, link string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+query, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Accept", "application/json")
		r.SetBasicAuth("user", "password")
		answer, err := do(t, inProcess(sim), r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.status, string(answer.body))
		var p struct {
			Link  string `json:"odata.nextLink"`
			Value []json.RawMessage
		}
		require.NoError(t, json.Unmarshal(answer.body, &p), string(answer.body))
		return len(p.Value), p.Link
	}
	for kind, want := range map[fault.Kind]struct {
		query string
		rows  int
		link  string
	}{
		fault.LinkToItself:    {few, 600, base + few},
		fault.EmptyPage:       {few, 0, base + few + "&m365sim=0.1"},
		fault.ForeignHostLink: {all, 2000, "https://foreign.example/ecp/reportingwebservice/reporting.svc/MessageTrace" + all + "&$skiptoken=1999"},
		fault.SwappedPages:    {all, 500, base + all + "&m365sim=1.0"},
		fault.MalformedRows:   {few, 610, ""},
	} {
		order(t, sim, fault.Rule{Kind: kind, On: fault.FirstPage})
		rows, link := look(want.query)
		assert.Equal(t, want.rows, rows, kind)
		if kind != fault.SwappedPages { // numbers depend on the order of the tests
			assert.Equal(t, want.link, link, kind)
		}
	}
}
