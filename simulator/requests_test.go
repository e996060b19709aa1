// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// lines decodes NDJSON.
func lines[T any](t *testing.T, body []byte) []T {
	t.Helper()
	var list []T
	for line := range bytes.Lines(body) {
		var document T
		require.NoError(t, json.Unmarshal(line, &document), string(line))
		list = append(list, document)
	}
	return list
}

func TestRequestsAreRecorded(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now, Traffic: traffic.Config{RowsPerDay: 100_000, Delays: traffic.NoDelays()}})
	require.NoError(t, err)
	readAll(t, sim, noon.Add(-2*time.Hour), noon)
	clock.Advance(time.Minute)
	get(t, sim, traces+"?$filter=receivedDateTime+ge+2026", nil)
	get(t, sim, traces+"?$top=9999", bearer(sim.Token()))

	list := sim.Requests()
	require.Len(t, list, 4)
	first, second, anonymous, refused := list[0], list[1], list[2], list[3]

	assert.Equal(t, noon, first.Time)
	assert.Equal(t, http.MethodGet, first.Method)
	assert.Equal(t, "/v1.0/admin/exchange/tracing/messageTraces", first.Path)
	assert.True(t, first.Authorized)
	assert.Equal(t, noon.Add(-2*time.Hour), first.Start)
	assert.Equal(t, noon, first.End)
	assert.Equal(t, http.StatusOK, first.Status)
	assert.Equal(t, 5000, first.Rows)
	assert.False(t, first.Continued)

	assert.True(t, second.Continued)
	assert.Equal(t, first.Start, second.Start)
	assert.Equal(t, first.End, second.End)
	assert.Positive(t, second.Rows)
	query, err := url.ParseQuery(second.Query)
	require.NoError(t, err)
	assert.NotEmpty(t, query.Get("$skiptoken"))

	assert.False(t, anonymous.Authorized)
	assert.Equal(t, http.StatusUnauthorized, anonymous.Status)
	assert.Equal(t, "$filter=receivedDateTime+ge+2026", anonymous.Query)
	assert.True(t, anonymous.Start.IsZero())
	assert.Equal(t, http.StatusBadRequest, refused.Status)
	assert.Equal(t, noon.Add(time.Minute), refused.Time)

	_, body := get(t, sim, "https://sim/_sim/requests", nil)
	assert.Equal(t, list, lines[simulator.Request](t, body))
	_, body = get(t, sim, "https://sim/_sim/requests?from=2026-11-22T12:00:30Z", nil)
	assert.Equal(t, list[2:], lines[simulator.Request](t, body))
	assert.Len(t, sim.Requests(), 4, "looking at the record is not recorded")
}

func TestLedgerOverHTTP(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now})
	require.NoError(t, err)
	changing := mail.Row{ID: "changing", Recipient: "<a&b>", Received: noon.Add(-time.Hour), Timeline: []mail.Change{
		{At: noon.Add(-time.Minute), Status: mail.Pending}, {At: noon.Add(time.Minute), Status: mail.Failed},
	}}
	require.NoError(t, sim.Add(changing,
		mail.Row{ID: "old", Received: noon.Add(-24 * time.Hour)},
		mail.Row{ID: "hidden", Received: noon.Add(-time.Hour), Timeline: []mail.Change{{At: noon.Add(time.Hour), Status: mail.Delivered}}}))
	ids := func(query string) (list []string) {
		response, body := get(t, sim, "https://sim/_sim/ledger"+query, nil)
		require.Equal(t, http.StatusOK, response.StatusCode, string(body))
		assert.Equal(t, "application/x-ndjson", response.Header.Get("Content-Type"))
		for _, row := range lines[mail.Row](t, body) {
			list = append(list, row.ID)
			if row.ID == "changing" {
				want := changing
				want.Timeline = want.Until(noon)
				assert.Equal(t, want, row)
			}
		}
		return list
	}
	assert.Equal(t, []string{"changing", "old"}, ids(""))
	assert.Equal(t, []string{"changing"}, ids("?from=2026-11-22T00:00:00Z"))
	assert.Equal(t, []string{"old"}, ids("?to=2026-11-22T00:00:00Z"))
	assert.Equal(t, []string{"old"}, ids("?at=2026-11-22T11:00:00Z"))

	for path, status := range map[string]int{"ledger?at=noon": http.StatusBadRequest, "nothing": http.StatusNotFound} {
		response, _ := get(t, sim, "https://sim/_sim/"+path, nil)
		assert.Equal(t, status, response.StatusCode)
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_sim/ledger", http.NoBody))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestLedgerOverHTTPEndsNow(t *testing.T) {
	sim, err := simulator.New(simulator.Config{
		Now: func() time.Time { return noon }, Traffic: traffic.Config{RowsPerDay: 2400, Delays: traffic.NoDelays()},
	})
	require.NoError(t, err)
	_, body := get(t, sim, "https://sim/_sim/ledger?to=9999-01-01T00:00:00Z&at=9999-01-01T00:00:00Z", nil)
	assert.InDelta(t, 2400, bytes.Count(body, []byte("\n")), 100)
}

func TestInspectionCanBeSwitchedOff(t *testing.T) {
	sim, err := simulator.New(simulator.Config{NoInspection: true})
	require.NoError(t, err)
	for _, page := range []string{"ledger", "requests"} {
		response, _ := get(t, sim, "https://sim/_sim/"+page, nil)
		assert.Equal(t, http.StatusNotFound, response.StatusCode)
	}
	assert.Empty(t, sim.Requests())
}
