// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// severalTenants has a row in each of three tenants, whose subject is the number of the tenant.
func severalTenants(t *testing.T) (*Tenants, []Config) {
	t.Helper()
	var all []*Simulator
	var configs []Config
	for n := range 3 {
		cfg := Config{}.withDefaults()
		if n > 0 {
			cfg = cfg.Further(n)
		}
		sim, err := New(cfg)
		require.NoError(t, err)
		subject := fmt.Sprint("tenant ", n)
		require.NoError(t, sim.Add(mail.Row{
			ID: fmt.Sprint("row", n), Recipient: "a@" + cfg.Traffic.Domain, Received: time.Now().Add(-time.Hour), Subject: &subject,
		}))
		all, configs = append(all, sim), append(configs, cfg)
	}
	tenants, err := NewTenants(all...)
	require.NoError(t, err)
	return tenants, configs
}

// ask sends a request and returns the answer's status and body.
func ask(t *testing.T, h http.Handler, method, target, token string, form url.Values) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://m365.test"+target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := Transport(h).RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

const traces = "/v1.0/admin/exchange/tracing/messageTraces"

func TestEachTenantHasItsOwnMail(t *testing.T) {
	tenants, configs := severalTenants(t)
	for n, cfg := range configs {
		for _, name := range []string{cfg.TenantID, strings.ToUpper(cfg.TenantID), cfg.Traffic.Domain} {
			status, body := ask(t, tenants, http.MethodPost, "/"+name+"/oauth2/v2.0/token", "", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {DefaultClientID}, "client_secret": {DefaultClientSecret},
				"scope": {DefaultGraphAudience + "/.default"},
			})
			require.Equal(t, http.StatusOK, status, body)
			var answer struct {
				Token string `json:"access_token"`
			}
			require.NoError(t, json.Unmarshal([]byte(body), &answer))
			window := url.Values{"$filter": {fmt.Sprintf("receivedDateTime ge %s and receivedDateTime le %s",
				time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))}}
			status, body = ask(t, tenants, http.MethodGet, traces+"?"+window.Encode(), answer.Token, nil)
			require.Equal(t, http.StatusOK, status, body)
			assert.Equal(t, 1, strings.Count(body, `"subject"`))
			assert.Contains(t, body, fmt.Sprint("tenant ", n))
		}
	}
}

func TestWhatNamesNoTenantIsTheFirstOnes(t *testing.T) {
	tenants, configs := severalTenants(t)
	status, body := ask(t, tenants, http.MethodPost, "/nobody.example/oauth2/v2.0/token", "", url.Values{"grant_type": {"client_credentials"}})
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, body, "AADSTS")
	for _, token := range []string{"", "opaque", "a.!.b", "a.W10.b"} {
		status, _ = ask(t, tenants, http.MethodGet, traces, token, nil)
		assert.Equal(t, http.StatusUnauthorized, status)
	}
	_, body = ask(t, tenants, http.MethodGet, "/_sim/ledger", "", nil)
	assert.Contains(t, body, "tenant 0")
	_, body = ask(t, tenants, http.MethodGet, "/_sim/ledger?tenant="+configs[2].Traffic.Domain, "", nil)
	assert.Contains(t, body, "tenant 2")
}

func TestTenantsAreListed(t *testing.T) {
	tenants, configs := severalTenants(t)
	_, body := ask(t, tenants, http.MethodGet, "/_sim/tenants", "", nil)
	lines := strings.Split(strings.TrimSpace(body), "\n")
	require.Len(t, lines, 3)
	for n, cfg := range configs {
		assert.JSONEq(t, fmt.Sprintf(`{"id":%q,"domain":%q}`, cfg.TenantID, cfg.Traffic.Domain), lines[n])
	}
	status, _ := ask(t, tenants, http.MethodDelete, "/_sim/tenants", "", nil)
	assert.Equal(t, http.StatusMethodNotAllowed, status)

	closed, err := New(Config{NoInspection: true})
	require.NoError(t, err)
	alone, err := NewTenants(closed)
	require.NoError(t, err)
	status, _ = ask(t, alone, http.MethodGet, "/_sim/tenants", "", nil)
	assert.Equal(t, http.StatusNotFound, status)
}

func TestTenantsHaveNamesOfTheirOwn(t *testing.T) {
	one, err := New(Config{})
	require.NoError(t, err)
	_, err = NewTenants()
	require.ErrorContains(t, err, "no tenant")
	_, err = NewTenants(one, one)
	require.ErrorContains(t, err, "two tenants")
}
