// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// bearer gives out one token.
type bearer string

func (b bearer) Token(context.Context) (string, error) { return string(b), nil }
func (bearer) Reject(string, string)                   {}

// jwt returns a token with the claims.
func jwt(claims string) string {
	return "x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

// recordedError returns what becomes of a response of the service as it was recorded, to a request with the token.
func recordedError(t *testing.T, file, token string) *transport.Error {
	t.Helper()
	response, err := os.ReadFile("../../../testdata/service/" + file + ".http")
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			conn.Write(response)
			conn.Close()
		}
	}))
	t.Cleanup(server.Close)
	endpoint, err := url.Parse(server.URL + "/v1.0/admin/exchange/tracing/messageTraces")
	require.NoError(t, err)
	connections := &http.Transport{}
	t.Cleanup(connections.CloseIdleConnections)
	_, err = transport.NewClient(transport.Options{
		HTTP: &http.Client{Transport: connections, Timeout: time.Minute}, Endpoint: endpoint, Auth: bearer(token), Scheme: "Bearer",
		Service: Service{}, Quota: transport.NewQuota(transport.Rate{}),
	}).Get(t.Context(), trace.Live, endpoint, http.Header{})
	var e *transport.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestErrorsAsRecorded(t *testing.T) {
	t.Parallel()
	const principal = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
	for file, c := range map[string]struct {
		message string
		advice  []string
		not     string
	}{
		"F18-400-transient":         {"The service is temporarily unavailable. Try again later.", []string{"nothing to change"}, "page_size"},
		"F18-504-empty-message":     {"", []string{"nothing to change"}, "timeout"},
		"F20-502-unknown-error":     {"Bad Gateway", []string{"nothing to change"}, "endpoint"},
		"F28-401-outdated-policies": {"Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies", []string{"Conditional Access", "exclude", "address"}, principal},
		"F31-401-disabled-sp":       {"AADSTS500014: The service principal for resource '" + principal + "' is disabled.", []string{"enable the service principal " + principal}, "create"},
		"F33-403-no-role":           {"The caller has not been granted the required application permission.", []string{"ExchangeMessageTrace.Read.All", "admin consent"}, "proxy_url"},
		"F36-401-no-exchange":       {"The tenant for tenant guid '22222222-2222-4222-8222-222222222222' does not exist.", []string{"tenant_id", "licence of Exchange Online"}, principal},
		"F36-404-no-exchange":       {"The tenant for tenant guid '22222222-2222-4222-8222-222222222222' does not exist.", []string{"tenant_id", "licence of Exchange Online"}, "endpoint"},
		"F39-400-page-size":         {"Invalid page size specified: '5000'. Must be between 1 and 1000 inclusive.", []string{"page_size"}, "endpoint"},
		"F40-400-nested":            {"The interval is too long.", nil, "endpoint"},
		"F45-302-captive":           {"", []string{"proxy_url", "endpoint"}, principal},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			e := recordedError(t, file, "opaque")
			assert.Equal(t, c.message, e.Message)
			for _, part := range c.advice {
				assert.Contains(t, e.Hint(), part)
			}
			assert.NotContains(t, e.Hint(), c.not)
			assert.Equal(t, len(c.advice) == 0, e.Hint() == "", e.Hint())
		})
	}
}

func TestTheHintTellsWhatRolesTheTokenHas(t *testing.T) {
	t.Parallel()
	const file = "F33-403-no-role"
	for claims, parts := range map[string][]string{
		`{"roles":["Mail.Read","User.Read.All"]}`: {
			"the token has the roles Mail.Read, User.Read.All; it lacks ExchangeMessageTrace.Read.All: grant the application permission", "admin consent",
		},
		`{}`:                  {"the token has no roles; it lacks ExchangeMessageTrace.Read.All: grant"},
		`{"scp":"Mail.Read"}`: {"the token is a user's and has no roles; it lacks ExchangeMessageTrace.Read.All: grant the application permission"},
		`{"roles":["ExchangeMessageTrace.Read.All"]}`: {
			"the token has the application permission ExchangeMessageTrace.Read.All: see that the tenant has the service principal " + traceApp,
		},
		`{"roles":["Mail.Read"],"xms_mirid":"/subscriptions/1"}`: {"it lacks ExchangeMessageTrace.Read.All", "managed identity", "24 hours"},
	} {
		hint := recordedError(t, file, jwt(claims)).Hint()
		for _, part := range parts {
			assert.Contains(t, hint, part)
		}
	}
}

// An answer without a code is none of Graph's.
func TestAnAnswerOfSomethingElse(t *testing.T) {
	t.Parallel()
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 403, Message: "Blocked by your organization"}).Hint, "proxy_url")
	assert.NotContains(t, Service{}.Advise(&transport.Error{Status: 403, Code: "Forbidden", Message: "No."}).Hint, "proxy_url")
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 407}).Hint, "NTLM")
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 400, Message: "Resource not found for the segment 'x'."}).Hint, "check endpoint")
	for _, status := range []int{204, 206, 304, 405, 412, 418, 451, 511} {
		assert.Contains(t, Service{}.Advise(&transport.Error{Status: status}).Hint, "proxy_url", status)
	}
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 401, Challenge: "{}"}).Hint, "Conditional Access")
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 404, Code: "ResourceNotFound"}).Hint, "tenant_id")
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: 401, Code: "ResourceNotFound"}).Hint, "tenant_id")
}
