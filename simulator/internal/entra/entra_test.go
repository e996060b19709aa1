// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

const (
	graphURI = "https://graph.microsoft.com"
	role     = "ExchangeMessageTrace.Read.All"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newDirectory() *Directory {
	return &Directory{
		TenantID: "11111111-aaaa-4bbb-8ccc-222222222222", Domain: "contoso.com", ClientID: "client", Secret: "s+cret &%",
		Lifetime: time.Hour,
		Resources: []Resource{
			{Audience: graphURI, Roles: []string{role}},
			{Audience: "https://outlook.office365.com", Roles: []string{"ReportingWebService.Read.All"}},
		},
	}
}

// call answers a request and decodes the answer.
func call(t *testing.T, d *Directory, r *http.Request) (int, map[string]any, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	handle := d.Handler(r.URL.Path)
	require.NotNil(t, handle, r.URL.Path)
	handle(&exchange.Exchange{Writer: w, Request: r, Now: noon, ID: "trace", ClientID: "correlation"})
	var document map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document), w.Body.String())
	return w.Code, document, w.Header()
}

func form(t *testing.T, path string, values url.Values) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://login.test"+path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func goodV2() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {"s+cret &%"},
		"scope": {graphURI + "/.default"},
	}
}

func TestTokenV2(t *testing.T) {
	for _, tenant := range []string{"11111111-aaaa-4bbb-8ccc-222222222222", "contoso.com", "CONTOSO.com"} {
		d := newDirectory()
		status, document, header := call(t, d, form(t, "/"+tenant+"/oauth2/v2.0/token", goodV2()))
		require.Equal(t, http.StatusOK, status)
		assert.Equal(t, "Bearer", document["token_type"])
		assert.InDelta(t, 3600, document["expires_in"], 0, "a number")
		assert.Contains(t, header.Get("Cache-Control"), "no-store")
		token, ok := document["access_token"].(string)
		require.True(t, ok)
		assert.NoError(t, d.Verify(token, graphURI, role, noon))
	}
}

func TestTokenV1HasNumbersAsStrings(t *testing.T) {
	d := newDirectory()
	status, document, _ := call(t, d, form(t, "/contoso.com/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"CLIENT"}, "client_secret": {"s+cret &%"}, "resource": {graphURI + "/"},
	}))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "3600", document["expires_in"])
	assert.Equal(t, strconv.FormatInt(noon.Unix()+3600, 10), document["expires_on"])
	assert.Equal(t, strconv.FormatInt(noon.Unix(), 10), document["not_before"])
	assert.Equal(t, graphURI+"/", document["resource"])
	assert.NoError(t, d.Verify(document["access_token"].(string), graphURI, role, noon))
}

func TestCredentialsInHeader(t *testing.T) {
	values := goodV2()
	values.Del("client_id")
	values.Del("client_secret")
	r := form(t, "/contoso.com/oauth2/v2.0/token", values)
	r.SetBasicAuth("client", url.QueryEscape("s+cret &%"))
	status, _, _ := call(t, newDirectory(), r)
	assert.Equal(t, http.StatusOK, status)
}

func TestScopesOfLibrariesAreAccepted(t *testing.T) {
	values := goodV2()
	values.Set("scope", "openid offline_access "+graphURI+"/.default profile")
	status, _, _ := call(t, newDirectory(), form(t, "/contoso.com/oauth2/v2.0/token", values))
	assert.Equal(t, http.StatusOK, status)
}

func TestRefusals(t *testing.T) {
	const v2Path, v1Path = "/contoso.com/oauth2/v2.0/token", "/contoso.com/oauth2/token"
	for name, test := range map[string]struct {
		path, key, value string
		status, code     int
		err, text        string
	}{
		"unknown tenant":     {"/common/oauth2/v2.0/token", "", "", 400, 90002, "invalid_tenant", "Tenant 'common' not found."},
		"no grant type":      {v2Path, "grant_type", "", 400, 900144, "invalid_request", "parameter: 'grant_type'"},
		"no client":          {v2Path, "client_id", "", 400, 900144, "invalid_request", "parameter: 'client_id'"},
		"no scope":           {v2Path, "scope", "", 400, 900144, "invalid_request", "parameter: 'scope'"},
		"no resource":        {v1Path, "", "", 400, 900144, "invalid_request", "parameter: 'resource'"},
		"other grant":        {v2Path, "grant_type", "password", 400, 70003, "unsupported_grant_type", "'password'"},
		"unknown client":     {v2Path, "client_id", "other", 400, 700016, "unauthorized_client", "Application with identifier 'other' was not found in the directory 'contoso.com'"},
		"wrong secret":       {v2Path, "client_secret", "s+cret", 401, 7000215, "invalid_client", "Invalid client secret provided. Ensure"},
		"no secret":          {v2Path, "client_secret", "", 401, 7000218, "invalid_client", "'client_assertion' or 'client_secret'"},
		"assertion":          {v2Path, "client_assertion", "a.b.c", 400, 900144, "invalid_request", "parameter: 'client_assertion_type'"},
		"scope, no default":  {v2Path, "scope", graphURI + "/Mail.Read", 400, 70011, "invalid_scope", "Mail.Read"},
		"scope of nothing":   {v2Path, "scope", "openid", 400, 70011, "invalid_scope", "openid"},
		"two resources":      {v2Path, "scope", graphURI + "/.default https://outlook.office365.com/.default", 400, 70011, "invalid_scope", ""},
		"unknown resource":   {v2Path, "scope", "https://localhost/.default", 400, 500011, "invalid_resource", "https://localhost"},
		"v1 resource":        {v1Path, "resource", "https://localhost", 400, 500011, "invalid_resource", "https://localhost"},
		"body beyond limits": {v2Path, "grant_type", strings.Repeat("x", maxForm), 400, 900144, "invalid_request", ""},
	} {
		t.Run(name, func(t *testing.T) {
			values := goodV2()
			if test.value != "" {
				values.Set(test.key, test.value)
			} else {
				values.Del(test.key)
			}
			status, document, _ := call(t, newDirectory(), form(t, test.path, values))
			assert.Equal(t, test.status, status)
			assert.Equal(t, test.err, document["error"])
			assert.Equal(t, []any{float64(test.code)}, document["error_codes"])
			description, _ := document["error_description"].(string)
			assert.True(t, strings.HasPrefix(description, fmt.Sprintf("AADSTS%d: ", test.code)), description)
			assert.True(t, strings.HasSuffix(description, " Trace ID: trace Correlation ID: correlation Timestamp: 2026-11-22 12:00:00Z"), description)
			assert.Contains(t, description, test.text)
			assert.NotContains(t, description, "s+cret")
			assert.Equal(t, "trace", document["trace_id"])
		})
	}
}

func TestDiscovery(t *testing.T) {
	d := newDirectory()
	status, document, _ := call(t, d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.test/contoso.com/v2.0/.well-known/openid-configuration", http.NoBody))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "https://login.test/contoso.com/oauth2/v2.0/token", document["token_endpoint"])
	assert.Equal(t, "https://login.test/"+d.TenantID+"/v2.0", document["issuer"])
	assert.NotEmpty(t, document["authorization_endpoint"])

	status, document, _ = call(t, d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.test/nobody.com/v2.0/.well-known/openid-configuration", http.NoBody))
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "invalid_tenant", document["error"])

	const instance = "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint="
	status, document, _ = call(t, d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, instance+url.QueryEscape("https://login.test/contoso.com/oauth2/v2.0/authorize"), http.NoBody))
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "https://login.test/contoso.com/v2.0/.well-known/openid-configuration", document["tenant_discovery_endpoint"])
	for _, bad := range []string{"", "%00", "nonsense"} {
		status, document, _ = call(t, d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, instance+url.QueryEscape(bad), http.NoBody))
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, "invalid_instance", document["error"])
	}
}

func TestMethodsAndForeignPaths(t *testing.T) {
	d := newDirectory()
	status, _, header := call(t, d, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/contoso.com/oauth2/v2.0/token", http.NoBody))
	assert.Equal(t, http.StatusMethodNotAllowed, status)
	assert.Equal(t, http.MethodPost, header.Get("Allow"))
	for _, path := range []string{"", "/", "/contoso.com", "/contoso.com/oauth2", "/contoso.com/discovery/instance", "/v1.0/x"} {
		assert.Nil(t, d.Handler(path), path)
	}
}

func TestVerify(t *testing.T) {
	d := newDirectory()
	token, err := d.Issue(graphURI, noon)
	require.NoError(t, err)
	exchangeToken, err := d.Issue("https://outlook.office365.com", noon)
	require.NoError(t, err)
	_, err = d.Issue("https://nowhere", noon)
	require.Error(t, err)
	end := strings.LastIndexByte(token, '.')
	head, tail := token[:end], token[end+1:]
	other := newDirectory()
	other.Secret = "changed"

	for name, test := range map[string]struct {
		directory *Directory
		token     string
		role      string
		at        time.Duration
		want      error
	}{
		"good":           {d, token, role, time.Hour - time.Second, nil},
		"same elsewhere": {newDirectory(), token, role, 0, nil},
		"expired":        {d, token, role, time.Hour, ErrExpired},
		"not yet valid":  {d, token, role, -time.Second, ErrExpired},
		"audience":       {d, exchangeToken, role, 0, ErrAudience},
		"role":           {d, token, "Mail.Read", 0, ErrRole},
		"other key":      {other, token, role, 0, ErrSignature},
		"tampered":       {d, head + "A." + tail, role, 0, ErrSignature},
		"unsigned":       {d, head + ".", role, 0, ErrSignature},
		"two parts":      {d, "a.b", role, 0, ErrMalformed},
		"not base64":     {d, "a.b.*", role, 0, ErrMalformed},
		"empty":          {d, "", role, 0, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorIs(t, test.directory.Verify(test.token, graphURI, test.role, noon.Add(test.at)), test.want)
		})
	}
}

func TestTokenLooksLikeMicrosofts(t *testing.T) {
	d := newDirectory()
	token, err := d.Issue(graphURI, noon)
	require.NoError(t, err)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(payload, &got))
	assert.Equal(t, d.TenantID, got["tid"])
	assert.Equal(t, graphURI, got["aud"])
	assert.Equal(t, []any{role}, got["roles"])
	assert.InDelta(t, noon.Unix()+3600, got["exp"], 0)
}
