// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulatortest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// From sign-in to rows, as a collector goes.
func TestStart(t *testing.T) {
	clock := simulatortest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	for name, start := range map[string]func(testing.TB, simulator.Config) *simulatortest.Instance{
		"TLS": simulatortest.Start, "plain": simulatortest.StartPlain,
	} {
		t.Run(name, func(t *testing.T) {
			sim := start(t, simulator.Config{Now: clock.Now})
			require.NoError(t, sim.Add(mail.Row{ID: "1", Received: clock.Now()}))
			assert.Equal(t, name == "TLS", strings.HasPrefix(sim.URL, "https://127.0.0.1:"))
			if name == "TLS" {
				assert.FileExists(t, sim.CAFile)
				text, err := os.ReadFile(sim.CAFile)
				require.NoError(t, err)
				assert.Contains(t, string(text), "BEGIN CERTIFICATE")
			} else {
				assert.Empty(t, sim.CAFile)
			}

			var token struct {
				AccessToken string `json:"access_token"`
			}
			answer(t, sim, http.MethodPost, "/"+simulator.DefaultTenantID+"/oauth2/v2.0/token", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {simulator.DefaultClientID},
				"client_secret": {simulator.DefaultClientSecret}, "scope": {simulator.DefaultGraphAudience + "/.default"},
			}.Encode(), "", &token)

			var page struct {
				Context string `json:"@odata.context"`
				Value   []struct{ ID string }
			}
			answer(t, sim, http.MethodGet, "/v1.0/admin/exchange/tracing/messageTraces", "", token.AccessToken, &page)
			require.Len(t, page.Value, 1)
			assert.Equal(t, "1", page.Value[0].ID)
			assert.True(t, strings.HasPrefix(page.Context, sim.URL))
			assert.Len(t, sim.Requests(), 2)
		})
	}
}

func answer(t *testing.T, sim *simulatortest.Instance, method, path, body, token string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, sim.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := sim.Client().Do(r)
	require.NoError(t, err)
	defer func() { assert.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := simulatortest.NewClock(at)
	assert.Equal(t, at, clock.Now())
	assert.Equal(t, at.Add(time.Hour), clock.Advance(time.Hour))
	assert.Equal(t, at.Add(time.Hour), clock.Now())
	clock.Set(at)
	assert.Equal(t, at, clock.Advance(0))
}
