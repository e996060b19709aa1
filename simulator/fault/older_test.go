// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// Pages of the Reporting Web Service in JSON light have their links and rows
// tampered with as well; its relative links become absolute where they must.
func TestPagesOfTheReportingWebService(t *testing.T) {
	sim := reports(t, 2500)
	look := func(query string) (rows int, link string) {
		p := report(t, sim, query)
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

const (
	base = "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace"
	all  = "?$filter=StartDate%20eq%20datetime'2026-11-22T11:00:00'%20and%20EndDate%20eq%20datetime'2026-11-22T12:00:00'"
	few  = "?$filter=StartDate%20eq%20datetime'2026-11-22T11:50:00'%20and%20EndDate%20eq%20datetime'2026-11-22T12:00:00'"
)

// reports returns a tenant whose Reporting Web Service lets in a user.
func reports(t *testing.T, rows int) *simulator.Simulator {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Now: standing, BasicUser: "user", BasicPassword: "password"})
	require.NoError(t, err)
	fill(t, sim, rows)
	return sim
}

type reportPage struct {
	Link  string `json:"odata.nextLink"`
	Value []any
}

// askReport asks for JSON light.
func askReport(t *testing.T, sim *simulator.Simulator, query string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+query, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth("user", "password")
	answer, err := do(t, inProcess(sim), r)
	require.NoError(t, err)
	return answer
}

func report(t *testing.T, sim *simulator.Simulator, query string) (p reportPage) {
	t.Helper()
	answer := askReport(t, sim, query)
	require.Equal(t, http.StatusOK, answer.status, string(answer.body))
	require.NoError(t, json.Unmarshal(answer.body, &p), string(answer.body))
	return p
}

func TestWrongIndexes(t *testing.T) {
	sim := reports(t, 10)
	order(t, sim, fault.Rule{Kind: fault.WrongIndex})
	wrong := make(map[int]bool) // how many of the rows
	values := make(map[any]bool)
	for range 100 {
		rows := report(t, sim, all).Value
		require.Len(t, rows, 10)
		first := slices.IndexFunc(rows, func(row any) bool {
			index, ok := row.(map[string]any)["Index"].(float64)
			return !ok || index < 0 || index > 9 || index != math.Trunc(index)
		})
		for i := range rows {
			row := rows[i].(map[string]any)
			assert.Equal(t, fmt.Sprintf("id-%04d", i), row["MessageTraceId"])
			if i < first {
				assert.InDelta(t, i, row["Index"], 0)
			} else {
				assert.NotEqual(t, float64(i), row["Index"])
				values[fmt.Sprint(row["Index"])] = true
			}
		}
		wrong[10-first] = true
	}
	assert.Equal(t, map[int]bool{1: true, 5: true, 10: true}, wrong)
	assert.Equal(t, map[any]bool{
		"<nil>": true, "-1": true, "1.5": true, "12": true, "true": true, "1e+300": true, "2.147483647e+09": true, "[7]": true,
	}, values)
	order(t, sim, fault.Rule{Kind: fault.WrongIndex})
	got(t, sim, inProcess(sim), origin+tracesPath)
	assert.Zero(t, sim.Faults().Rules()[0].Injected, "pages of Graph have none")
}

// Rows repeat across links that are relative, and refusals have the service's own
// shape.
func TestTheReportingWebServiceHasItsOwnWays(t *testing.T) {
	sim := reports(t, 2500)
	order(t, sim, fault.Rule{Kind: fault.RepeatedRow})
	first := report(t, sim, all)
	_, query, _ := strings.Cut(first.Link, "MessageTrace")
	second := report(t, sim, query)
	require.Len(t, second.Value, 501)
	assert.Equal(t, first.Value[1999], second.Value[0])

	order(t, sim, fault.Rule{Kind: fault.PageLimit, TopAbove: 1000})
	answer := askReport(t, sim, all)
	assert.Equal(t, http.StatusBadRequest, answer.status)
	assert.JSONEq(t, `{"error":{"code":"","message":{"lang":"en-US","value":"Invalid page size specified: '2000'. Must be between 1 and 1000 inclusive."}}}`,
		string(answer.body))
	assert.Len(t, report(t, sim, all+"&$top=1000").Value, 1000)
}
