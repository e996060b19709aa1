// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

func TestIncidentsAreOrderedOverHTTP(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now})
	require.NoError(t, err)
	send := func(method, body string) (int, string) {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/_sim/incidents", strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	count := func() (n int) {
		for range sim.Rows(noon, noon.Add(24*time.Hour)) {
			n++
		}
		return n
	}
	status, body := send(http.MethodPost, `{"kind": "spoofing", "in": "30s"}`)
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `[{"kind":"spoofing","at":"2026-11-22T12:00:30Z","rows":8}]`, body)
	assert.Equal(t, 8, count())
	for row := range sim.Rows(noon, noon.Add(24*time.Hour)) {
		assert.Equal(t, mail.Spoofing, row.Incident)
	}
	for order, want := range map[string]string{
		`{"kind": "fire"}`: `there is no incident "fire"; there are bulk, `,
		`[{"kind": "bulk_mail"}, {"kind": "bulk", "in": "x"}]`: "in: ",
		`{"kind": "bulk", "of": 5}`:                            "unknown field",
		`x`:                                                    "incidents: ",
	} {
		status, body = send(http.MethodPost, order)
		assert.Equal(t, http.StatusBadRequest, status, order)
		assert.Contains(t, body, want)
	}
	assert.Equal(t, 8, count(), "all or nothing")
	status, _ = send(http.MethodPost, `[{"kind": "failure_burst"}, {"kind": "removed_after_delivery"}]`)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, 8+120+20, count())
	status, body = send(http.MethodGet, "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, 3, strings.Count(body, `"kind"`))
	status, _ = send(http.MethodDelete, "")
	assert.Equal(t, http.StatusMethodNotAllowed, status)
}
