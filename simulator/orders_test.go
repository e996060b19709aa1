// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

func TestFaultsAreOrderedOverHTTP(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now})
	require.NoError(t, err)
	send := func(method, body string) (int, string) {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/_sim/faults", strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	expect := func(status int, body, method, order string) {
		t.Helper()
		gotStatus, gotBody := send(method, order)
		assert.Equal(t, status, gotStatus)
		assert.Equal(t, body, gotBody)
	}
	const dead, chaos = `{"kind":"dead-link","on":"continued","count":3}`, `{"kind":"chaos","probability":0.4,"for":"1m0s"}`
	expect(http.StatusOK, "[]", http.MethodGet, "")
	expect(http.StatusOK, "["+dead+"]", http.MethodPost, dead)
	expect(http.StatusOK, "["+dead+","+chaos+"]", http.MethodPost, "["+chaos+"]")
	expect(http.StatusOK, "["+chaos+"]", http.MethodPut, chaos)
	assert.Equal(t, fault.Rule{Kind: fault.Chaos, Probability: 0.4, For: time.Minute}, sim.Faults().Rules()[0].Rule)
	expect(http.StatusNoContent, "", http.MethodDelete, "")
	expect(http.StatusOK, "[]", http.MethodGet, "")
	expect(http.StatusBadRequest, `rule 0: there is no kind "fire"`, http.MethodPost, `{"kind":"fire"}`)
	expect(http.StatusBadRequest, "http: request body too large", http.MethodPut, strings.Repeat(" ", 1<<20+1))
	expect(http.StatusMethodNotAllowed, "only DELETE, GET, POST and PUT", http.MethodPatch, "")

	expect(http.StatusOK, `[{"kind":"malformed-rows"}]`, http.MethodPost, `{"kind":"malformed-rows"}`)
	require.NoError(t, sim.Add(mail.Row{ID: "1", Received: noon.Add(-time.Minute)}))
	_, before := get(t, sim, "https://sim/_sim/ledger", nil)
	get(t, sim, traces, bearer(sim.Token()))
	expect(http.StatusOK, `[{"kind":"malformed-rows","injected":1}]`, http.MethodGet, "")
	clock.Advance(time.Minute)
	_, body := get(t, sim, "https://sim/_sim/injected", nil)
	assert.Equal(t, sim.Faults().Injected(), lines[fault.Foreign](t, body))
	assert.Len(t, sim.Faults().Injected(), 10)
	_, body = get(t, sim, "https://sim/_sim/injected?from=2026-11-22T12:00:30Z", nil)
	assert.Empty(t, body)
	_, after := get(t, sim, "https://sim/_sim/ledger", nil)
	assert.Equal(t, string(before), string(after), "faults are no mail")
}

func TestNobodyOrdersFaultsWithoutInspection(t *testing.T) {
	sim, err := simulator.New(simulator.Config{NoInspection: true})
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/_sim/faults", strings.NewReader(`{"kind":"hang"}`)))
		assert.Equal(t, http.StatusNotFound, w.Code)
	}
	assert.Empty(t, sim.Faults().Rules())
	require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.Forbidden}), "the test may")
	response, _ := get(t, sim, traces, bearer(sim.Token()))
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
}

// A server that is not Listen's knows no connections to reset, but ends them.
func TestFaultsBehindAnyServer(t *testing.T) {
	sim, err := simulator.New(simulator.Config{})
	require.NoError(t, err)
	require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.Reset}))
	server := httptest.NewServer(sim)
	defer server.Close()
	_, err = fetch(t, server.Client(), server.URL)
	assert.ErrorContains(t, err, "EOF")
}

func TestMailAndConsentAreOrderedOverHTTP(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	send := func(method, page, body string) (int, string) {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/_sim/"+page, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for order, want := range map[string]string{
		`{"recipients":3}`: `"recipients":3,"received":"2026-11-22T12:00:00Z"}`,
		`{"recipients":4,"received":"2026-11-22T11:00:00.123Z"}`: `"recipients":4,"received":"2026-11-22T11:00:00.123Z"}`,
	} {
		status, body := send(http.MethodPost, "mail", order)
		assert.Equal(t, http.StatusOK, status)
		assert.Contains(t, body, want)
		assert.Contains(t, body, `{"id":"a1157aff-`)
	}
	assert.Len(t, readAll(t, sim, noon.Add(-2*time.Hour), noon), 7)
	for order, want := range map[string]string{
		`{"recipients":0}`:       "recipients must be between 1 and 1000000, not 0",
		`{"recipients":1000001}`: "not 1000001",
		`{"recipients":"all"}`:   "cannot unmarshal",
		``:                       "EOF",
		`{"recipients":1,"received":"0001-01-01T00:00:00Z"}`: "received time is missing",
	} {
		status, body := send(http.MethodPost, "mail", order)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, body, want)
	}

	status, body := send(http.MethodGet, "faults/kinds", "")
	assert.Equal(t, http.StatusOK, status)
	var kinds []fault.Kind
	require.NoError(t, json.Unmarshal([]byte(body), &kinds))
	assert.Equal(t, fault.Kinds(), kinds)

	for method, want := range map[string]int{http.MethodDelete: http.StatusForbidden, http.MethodPut: http.StatusOK} {
		status, _ := send(method, "consent", "")
		assert.Equal(t, http.StatusNoContent, status)
		answer, _ := get(t, sim, traces, bearer(sim.Token()))
		assert.Equal(t, want, answer.StatusCode)
	}
	for page, want := range map[string]string{"mail": "only POST", "consent": "only PUT and DELETE", "faults/kinds": "only GET", "ledger": "only GET"} {
		status, body := send(http.MethodPatch, page, "")
		assert.Equal(t, http.StatusMethodNotAllowed, status)
		assert.Equal(t, want, body)
	}
}
