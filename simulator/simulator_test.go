// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const traces = "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type page struct {
	Next  string `json:"@odata.nextLink"`
	Value []struct {
		ID        string `json:"id"`
		Recipient string `json:"recipientAddress"`
		Status    string `json:"status"`
	}
}

// answer is what a test looks at of a response.
type answer struct {
	StatusCode int
	Header     http.Header
}

// get asks in process and returns the answer and its body.
func get(tb testing.TB, h http.Handler, address string, header http.Header) (answer, []byte) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(tb, err)
	maps.Copy(r.Header, header)
	response, err := (&http.Client{Transport: simulator.Transport(h)}).Do(r)
	require.NoError(tb, err)
	defer func() { assert.NoError(tb, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	return answer{response.StatusCode, response.Header}, body
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Prefer": {"include-unknown-enum-members"}}
}

// readAll reads a window page by page.
func readAll(tb testing.TB, sim *simulator.Simulator, start, end time.Time) map[string]string {
	tb.Helper()
	rows := make(map[string]string)
	query := url.Values{
		"$filter": {"receivedDateTime ge " + start.Format(time.RFC3339Nano) + " and receivedDateTime le " + end.Format(time.RFC3339Nano)},
		"$top":    {"5000"},
	}
	for address := traces + "?" + query.Encode(); address != ""; {
		response, body := get(tb, sim, address, bearer(sim.Token()))
		require.Equal(tb, http.StatusOK, response.StatusCode, string(body))
		var p page
		require.NoError(tb, json.Unmarshal(body, &p))
		for _, row := range p.Value {
			rows[row.ID+"|"+row.Recipient] = row.Status
		}
		address = p.Next
	}
	return rows
}

// What a client reads at an instant is what the ledger holds for that instant.
func TestReadersSeeWhatTheLedgerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC()
		sim, err := simulator.New(simulator.Config{
			Traffic: traffic.Config{RowsPerDay: 20_000, From: begin, To: begin.Add(3 * time.Hour), StatusChanges: 0.3},
		})
		require.NoError(t, err)
		var seen []int
		for range 6 {
			<-time.After(37 * time.Minute) // of the bubble's clock
			now := time.Now().UTC()
			want := make(map[string]string)
			for row, status := range sim.Visible(begin, now, now) {
				want[row.ID+"|"+row.Recipient] = string(status)
			}
			assert.Equal(t, want, readAll(t, sim, begin, now))
			seen = append(seen, len(want))
		}
		assert.IsIncreasing(t, seen)

		end := begin.Add(200 * time.Hour)
		versions, rows := 0, 0
		for row, change := range sim.Versions(begin, end, end) {
			assert.Contains(t, row.Timeline, change)
			versions++
		}
		for range sim.Rows(time.Time{}, end) {
			rows++
		}
		assert.InDelta(t, 2400, rows, 300)
		assert.Greater(t, versions, rows+rows/4)
		for range sim.Versions(begin, end, begin) {
			assert.Fail(t, "nothing was visible at the beginning")
		}
	})
}

func TestAddedRowsFollowTheirTimeline(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now})
	require.NoError(t, err)
	require.NoError(t, sim.Add(mail.Row{
		ID: "1", Recipient: "a", Received: noon.Add(-time.Hour),
		Timeline: []mail.Change{{At: noon.Add(time.Minute), Status: mail.Quarantined}, {At: noon.Add(time.Hour), Status: mail.Delivered}},
	}))
	look := func() map[string]string { return readAll(t, sim, noon.Add(-2*time.Hour), noon) }
	assert.Empty(t, look())
	clock.Advance(time.Minute)
	assert.Equal(t, map[string]string{"1|a": "quarantined"}, look())
	clock.Set(noon.Add(time.Hour))
	assert.Equal(t, map[string]string{"1|a": "delivered"}, look())
	require.ErrorContains(t, sim.Add(mail.Row{}), "received time is missing")
}

func TestTokensExpireByTheSimulatedClock(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now, TokenLifetime: time.Minute})
	require.NoError(t, err)
	token := sim.Token()
	response, _ := get(t, sim, traces, bearer(token))
	assert.Equal(t, http.StatusOK, response.StatusCode)
	clock.Advance(time.Minute)
	response, body := get(t, sim, traces, bearer(token))
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Contains(t, string(body), "InvalidAuthenticationToken")
}

func TestRolesMustBeConsentedTo(t *testing.T) {
	sim, err := simulator.New(simulator.Config{GraphRoles: []string{}})
	require.NoError(t, err)
	response, _ := get(t, sim, traces, bearer(sim.Token()))
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
}

func TestQuotaIsAHundredInFiveMinutes(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now})
	require.NoError(t, err)
	for range simulator.DefaultQuota {
		response, _ := get(t, sim, traces, bearer(sim.Token()))
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	response, _ := get(t, sim, traces, bearer(sim.Token()))
	assert.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	assert.Equal(t, "300", response.Header.Get("Retry-After"))
	clock.Advance(simulator.DefaultQuotaInterval)
	response, _ = get(t, sim, traces, bearer(sim.Token()))
	assert.Equal(t, http.StatusOK, response.StatusCode)
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	for _, address := range []string{traces, "https://login.microsoftonline.com/x/v2.0/.well-known/openid-configuration", "https://nowhere/else"} {
		response, _ := get(t, sim, address, nil)
		assert.Equal(t, "Sun, 22 Nov 2026 12:00:00 GMT", response.Header.Get("Date"))
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, response.Header.Get("request-id"))
		assert.Equal(t, response.Header.Get("request-id"), response.Header.Get("client-request-id"))

		response, _ = get(t, sim, address, http.Header{"Client-Request-Id": {"mine"}})
		assert.Equal(t, "mine", response.Header.Get("client-request-id"))
	}
	response, _ := get(t, sim, "https://nowhere/else", nil)
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
}

func TestPagesAreCompressedOnRequest(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }, Traffic: traffic.Config{RowsPerDay: 1000}})
	require.NoError(t, err)
	header := bearer(sim.Token())
	_, plain := get(t, sim, traces, header)
	header.Set("Accept-Encoding", "gzip")
	response, packed := get(t, sim, traces, header)
	assert.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
	unpacker, err := gzip.NewReader(strings.NewReader(string(packed)))
	require.NoError(t, err)
	got, err := io.ReadAll(unpacker)
	require.NoError(t, err)
	assert.Equal(t, plain, got)
}

func TestNewRefusesNonsense(t *testing.T) {
	for want, cfg := range map[string]simulator.Config{
		"token lifetime": {TokenLifetime: time.Millisecond},
		"quota interval": {QuotaInterval: -1},
		"rows per day":   {Traffic: traffic.Config{RowsPerDay: -1}},
	} {
		_, err := simulator.New(cfg)
		assert.ErrorContains(t, err, want)
	}
}
