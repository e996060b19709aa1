// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// issuer makes tokens for Graph only.
type issuer struct{}

func (issuer) Issue(audience string, _ time.Time) (string, error) {
	if audience != "https://graph.microsoft.com" {
		return "", errors.New("no such resource")
	}
	return "token", nil
}

func get(t *testing.T, a *API, address string, header http.Header) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	r.Header = header
	if method := header.Get("Method"); method != "" {
		r.Method = method
	}
	handle := a.Handler(r.URL.Path)
	require.NotNil(t, handle)
	w := httptest.NewRecorder()
	handle(&exchange.Exchange{Writer: w, Request: r, Now: noon, ID: "request"})
	var document map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	return w.Code, document
}

const (
	graph   = "resource=https%3A%2F%2Fgraph.microsoft.com"
	machine = "http://169.254.169.254/metadata/identity/oauth2/token?"
	service = "http://127.0.0.1:8081/msi/token?"
)

var want = map[string]any{
	"access_token": "token", "client_id": "one", "expires_in": "3599", "expires_on": strconv.FormatInt(noon.Unix()+3599, 10),
	"not_before": strconv.FormatInt(noon.Unix(), 10), "resource": "https://graph.microsoft.com", "token_type": "Bearer",
}

func TestVirtualMachine(t *testing.T) {
	metadata := http.Header{"Metadata": {"true"}}
	for name, test := range map[string]struct {
		identities []string
		query      string
		header     http.Header
		status     int
		code, text string
	}{
		"the only identity":  {[]string{"one"}, "api-version=2018-02-01&" + graph, metadata, 200, "", ""},
		"by its ID":          {[]string{"two", "one"}, "api-version=2018-02-01&client_id=ONE&" + graph, metadata, 200, "", ""},
		"other case":         {[]string{"one"}, "api-version=2018-02-01&" + graph, http.Header{"Metadata": {"True"}}, 200, "", ""},
		"probe":              {[]string{"one"}, "", nil, 400, "invalid_request", "Required metadata header not specified"},
		"forwarded":          {[]string{"one"}, "api-version=2018-02-01&" + graph, http.Header{"Metadata": {"true"}, "X-Forwarded-For": {"x"}}, 400, "invalid_request", "metadata header"},
		"method":             {[]string{"one"}, "api-version=2018-02-01&" + graph, http.Header{"Metadata": {"true"}, "Method": {"POST"}}, 405, "invalid_request", "Method"},
		"no version":         {[]string{"one"}, graph, metadata, 400, "invalid_request", "'api-version' is missing"},
		"no resource":        {[]string{"one"}, "api-version=2018-02-01", metadata, 400, "invalid_request", "'resource' is missing"},
		"no identity":        {nil, "api-version=2018-02-01&" + graph, metadata, 400, "invalid_request", "Identity not found"},
		"other identity":     {[]string{"one"}, "api-version=2018-02-01&client_id=two&" + graph, metadata, 400, "invalid_request", "Identity not found"},
		"by another name":    {[]string{"one"}, "api-version=2018-02-01&msi_res_id=one&" + graph, metadata, 400, "invalid_request", "Identity not found"},
		"several identities": {[]string{"one", "two"}, "api-version=2018-02-01&" + graph, metadata, 400, "invalid_request", "Multiple user assigned identities exist"},
		"other resource":     {[]string{"one"}, "api-version=2018-02-01&resource=https%3A%2F%2Fnowhere", metadata, 400, "invalid_resource", "AADSTS500011: The resource principal named https://nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &API{Issuer: issuer{}, Lifetime: 3599 * time.Second, Identities: test.identities}
			status, document := get(t, a, machine+test.query, test.header)
			assert.Equal(t, test.status, status)
			if status != http.StatusOK {
				assert.Equal(t, test.code, document["error"])
				assert.Contains(t, document["error_description"], test.text)
				return
			}
			assert.Empty(t, document["refresh_token"])
			delete(document, "refresh_token")
			assert.Equal(t, want, document, "all strings")
		})
	}
}

func TestAppService(t *testing.T) {
	secret := http.Header{"X-Identity-Header": {"secret"}}
	for name, test := range map[string]struct {
		query  string
		header http.Header
		status int
	}{
		"good":           {"api-version=2019-08-01&" + graph, secret, 200},
		"by its ID":      {"api-version=2019-08-01&client_id=one&" + graph, secret, 200},
		"no secret":      {"api-version=2019-08-01&" + graph, nil, 401},
		"wrong secret":   {"api-version=2019-08-01&" + graph, http.Header{"X-Identity-Header": {"x"}}, 401},
		"other version":  {"api-version=2017-09-01&" + graph, secret, 400},
		"other identity": {"api-version=2019-08-01&client_id=two&" + graph, secret, 400},
		"other resource": {"api-version=2019-08-01&resource=x", secret, 400},
		"method":         {"", http.Header{"Method": {"POST"}}, 405},
	} {
		t.Run(name, func(t *testing.T) {
			a := &API{Issuer: issuer{}, Lifetime: 3599 * time.Second, Identities: []string{"one"}, Header: "secret"}
			status, document := get(t, a, service+test.query, test.header)
			assert.Equal(t, test.status, status)
			if status == http.StatusOK {
				assert.Equal(t, want, document)
				return
			}
			assert.InDelta(t, test.status, document["statusCode"], 0)
			assert.NotEmpty(t, document["message"])
		})
	}
	assert.Nil(t, (&API{}).Handler("/msi/token"), "not without a secret")
	assert.Nil(t, (&API{}).Handler("/metadata/instance"))
}

// counting makes tokens that differ.
type counting struct{ issued int }

func (c *counting) Issue(string, time.Time) (string, error) {
	c.issued++
	return "token " + strconv.Itoa(c.issued), nil
}

func TestCache(t *testing.T) {
	a := &API{Issuer: new(counting), Lifetime: time.Hour, Identities: []string{"one"}, Header: "secret"}
	now := noon
	ask := func(cache time.Duration, worthless string) map[string]string {
		a.Cache = cache
		document, ok := a.token(&exchange.Exchange{Now: now}, "one", "resource", worthless)
		require.True(t, ok)
		return document
	}
	assert.Equal(t, "token 1", ask(0, "")["access_token"])
	assert.Equal(t, "token 2", ask(0, "")["access_token"], "there is none by default")
	now = noon.Add(20 * time.Minute)
	document := ask(24*time.Hour, "")
	assert.Equal(t, "token 2", document["access_token"])
	assert.Equal(t, "2400", document["expires_in"])
	assert.Equal(t, strconv.FormatInt(noon.Unix(), 10), document["not_before"])
	sum := sha256.Sum256([]byte("token 2"))
	assert.Equal(t, "token 3", ask(24*time.Hour, strings.ToUpper(hex.EncodeToString(sum[:])))["access_token"])
	assert.Equal(t, "token 3", ask(24*time.Hour, hex.EncodeToString(sum[:]))["access_token"], "another one")
	now = now.Add(time.Hour)
	assert.Equal(t, "token 4", ask(24*time.Hour, "")["access_token"], "what has expired is not given out")
}
