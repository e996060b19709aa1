// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

const reports = "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace"

func inLight(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}}
}

// readReport reads a window page by page from the Reporting Web Service.
func readReport(tb testing.TB, sim *simulator.Simulator, start, end time.Time) map[string]string {
	tb.Helper()
	rows := make(map[string]string)
	address, err := url.Parse(reports + "?$filter=" + url.QueryEscape(fmt.Sprintf("StartDate eq datetime'%s' and EndDate eq datetime'%s'",
		start.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano))))
	require.NoError(tb, err)
	for address != nil {
		response, body := get(tb, sim, address.String(), inLight(sim.ReportingToken()))
		require.Equal(tb, http.StatusOK, response.StatusCode, string(body))
		var p struct {
			Next  string `json:"odata.nextLink"`
			Value []struct{ MessageTraceID, RecipientAddress, Status string }
		}
		require.NoError(tb, json.Unmarshal(body, &p))
		for _, row := range p.Value {
			rows[row.MessageTraceID+"|"+row.RecipientAddress] = strings.ToLower(row.Status[:1]) + row.Status[1:]
		}
		if p.Next == "" {
			return rows
		}
		address, err = address.Parse(p.Next)
		require.NoError(tb, err)
	}
	return rows
}

// Both services show the same mail, and the record of requests tells their
// windows.
func TestBothServicesSeeWhatTheLedgerSays(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{Now: clock.Now, Traffic: traffic.Config{RowsPerDay: 50_000, StatusChanges: 0.3}})
	require.NoError(t, err)
	start, end := noon.Add(-4*time.Hour), noon.Add(-time.Hour)
	want := make(map[string]string)
	for row, status := range sim.Visible(start, end, noon) {
		want[row.ID+"|"+row.Recipient] = string(status)
	}
	require.Greater(t, len(want), 5000)
	assert.Equal(t, want, readAll(t, sim, start, end))
	before := len(sim.Requests())
	assert.Equal(t, want, readReport(t, sim, start, end))
	requests := sim.Requests()[before:]
	require.GreaterOrEqual(t, len(requests), 3)
	rows := 0
	for i, r := range requests {
		assert.Equal(t, start, r.Start)
		assert.Equal(t, end, r.End)
		assert.Equal(t, i > 0, r.Continued)
		assert.True(t, r.Authorized)
		rows += r.Rows
	}
	assert.Equal(t, len(want), rows)
}

// The rows of one message share everything but the recipient, and still each comes
// once, page by page. A link of Graph names the recipient it continues behind.
func TestAMessageToAllStaff(t *testing.T) {
	const recipients = 12_345
	sim, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	message := traffic.AllStaff("contoso.com", noon.Add(-time.Hour+123*time.Millisecond), recipients)
	require.NoError(t, sim.Add(message...))
	start, end := noon.Add(-2*time.Hour), noon.Add(-30*time.Minute)
	assert.Len(t, readAll(t, sim, start, end), recipients)
	assert.Len(t, readReport(t, sim, start, end), recipients)
	var sizes []int
	rows := 0
	for _, r := range sim.Requests() {
		sizes = append(sizes, r.Rows)
		rows += r.Rows
	}
	assert.Equal(t, []int{5000, 5000, 2345, 2000, 2000, 2000, 2000, 2000, 2000, 345}, sizes)
	assert.Equal(t, 2*recipients, rows, "each once")
	link, err := url.ParseQuery(sim.Requests()[1].Query)
	require.NoError(t, err)
	token, err := base64.RawStdEncoding.DecodeString(link.Get("$skiptoken"))
	require.NoError(t, err)
	assert.Contains(t, string(token), `"StartingRecipientAddress":"staff.004999@contoso.com"`)
	assert.Contains(t, string(token), `"EndDate":"2026-11-22T11:00:00.1230000Z"`)

	assert.Equal(t, message, traffic.AllStaff("contoso.com", message[0].Received, recipients))
	assert.NotEqual(t, message[0].ID, traffic.AllStaff("contoso.com", noon, recipients)[0].ID)
	assert.NotEqual(t, message[0].ID, traffic.AllStaff("contoso.com", message[0].Received, 1)[0].ID)
}

// Consent is in the token: it takes a new one, of whichever way to sign in, and
// what is cached is not new.
func TestConsent(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim, err := simulator.New(simulator.Config{
		Now: clock.Now, GraphRoles: []string{}, ManagedIdentities: []string{"identity"}, IdentityHeader: "secret", IdentityTokenCache: 10 * time.Minute,
	})
	require.NoError(t, err)
	const resource = "&resource=" + simulator.DefaultGraphAudience
	tokenOf := func(address string, header http.Header) string {
		_, body := get(t, sim, address, header)
		var token struct {
			AccessToken string `json:"access_token"`
			ExpiresOn   string `json:"expires_on"`
		}
		require.NoError(t, json.Unmarshal(body, &token))
		assert.Equal(t, strconv.FormatInt(noon.Unix()+3599, 10), token.ExpiresOn)
		return token.AccessToken
	}
	machine := func() string {
		return tokenOf("http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"+resource, http.Header{"Metadata": {"true"}})
	}
	status := func(token string) int {
		answer, _ := get(t, sim, traces, bearer(token))
		return answer.StatusCode
	}
	before, cached := sim.Token(), machine()
	assert.Equal(t, []int{http.StatusForbidden, http.StatusForbidden}, []int{status(before), status(cached)})
	sim.Consent(true)
	assert.Equal(t, http.StatusForbidden, status(before), "issued before")
	assert.Equal(t, http.StatusOK, status(sim.Token()))
	assert.Equal(t, cached, machine())
	sum := sha256.Sum256([]byte(cached))
	refreshed := tokenOf("http://127.0.0.1:8081/msi/token?api-version=2019-08-01"+resource+
		"&token_sha256_to_refresh="+hex.EncodeToString(sum[:]), http.Header{"X-Identity-Header": {"secret"}})
	assert.Equal(t, http.StatusOK, status(refreshed))
	sim.Consent(false)
	assert.Equal(t, http.StatusOK, status(refreshed), "until it expires")
	assert.Equal(t, http.StatusForbidden, status(sim.Token()))
	answer, _ := get(t, sim, reports, inLight(sim.ReportingToken()))
	assert.Equal(t, http.StatusForbidden, answer.StatusCode)
}

func TestReportingHasRulesOfItsOwn(t *testing.T) {
	now := func() time.Time { return noon }
	sim, err := simulator.New(simulator.Config{Now: now, BasicUser: "reader", BasicPassword: "open sesame"})
	require.NoError(t, err)
	require.NoError(t, sim.Add(mail.Row{ID: "1", Received: noon.Add(-time.Hour)}))
	response, _ := get(t, sim, reports, inLight(sim.Token()))
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode, "a token for Graph")
	response, _ = get(t, sim, traces, bearer(sim.ReportingToken()))
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode, "and the other way round")
	response, body := get(t, sim, strings.Replace(reports, "//", "//reader:open%20sesame@", 1), nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Contains(t, string(body), "<d:Organization>contoso.com</d:Organization>")
	assert.Equal(t, "application/atom+xml;type=feed;charset=utf-8", response.Header.Get("Content-Type"))
	assert.NotEmpty(t, response.Header.Get("request-id"))
	for range 2 * simulator.DefaultQuota { // no limit of requests is known
		response, _ = get(t, sim, reports, inLight(sim.ReportingToken()))
		require.Equal(t, http.StatusOK, response.StatusCode)
	}

	sim, err = simulator.New(simulator.Config{Now: now, ReportingAudience: "https://outlook.office365.us", ReportingRoles: []string{}})
	require.NoError(t, err)
	response, body = get(t, sim, reports, inLight(sim.ReportingToken()))
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	assert.JSONEq(t, `{"ErrorCode":"","Message":"No permission to access the report for the organization ."}`, string(body))
}

// Faults strike the older service as well.
func TestFaultsInReports(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: func() time.Time { return noon }})
	require.NoError(t, err)
	require.NoError(t, sim.Faults().Set(fault.Rule{Kind: fault.EmptyPage, On: fault.FirstPage, Count: 1}))
	require.NoError(t, sim.Add(mail.Row{ID: "1", Received: noon.Add(-time.Hour)}))
	assert.Len(t, readReport(t, sim, noon.Add(-2*time.Hour), noon), 1)
	requests := sim.Requests()
	require.Len(t, requests, 2)
	assert.Equal(t, string(fault.EmptyPage), requests[0].Fault)
	assert.Equal(t, 1, requests[1].Rows)
}

// A certificate, a federated credential and a managed identity each lead to a
// token that opens a service.
func TestWaysToSignIn(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: noon.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	sim, err := simulator.New(simulator.Config{
		Now:                  func() time.Time { return noon },
		ClientCertificates:   []*x509.Certificate{certificate},
		FederatedCredentials: []simulator.FederatedCredential{{Issuer: "https://cluster", Subject: "account", Key: &key.PublicKey}},
		ManagedIdentities:    []string{"identity"},
		IdentityHeader:       "secret",
	})
	require.NoError(t, err)
	const endpoint = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
	thumbprint := sha256.Sum256(der)
	x5t := base64.RawURLEncoding.EncodeToString(thumbprint[:])
	expires := noon.Add(time.Hour).Unix()
	signed := func(header map[string]any, claims jwt.MapClaims) string {
		text, err := (&jwt.Token{Method: jwt.SigningMethodRS256, Header: header, Claims: claims}).SignedString(key)
		require.NoError(t, err)
		return text
	}
	for name, assertion := range map[string]string{
		"certificate": signed(map[string]any{"alg": "RS256", "x5t#S256": x5t}, jwt.MapClaims{
			"iss": simulator.DefaultClientID, "sub": simulator.DefaultClientID, "aud": endpoint, "exp": expires,
		}),
		"federation": signed(map[string]any{"alg": "RS256"}, jwt.MapClaims{
			"iss": "https://cluster", "sub": "account", "aud": simulator.DefaultFederatedAudience, "exp": expires,
		}),
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {simulator.DefaultClientID},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
			"scope": {simulator.DefaultReportingAudience + "/.default"},
		}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", name, w.Body)
		requireOpens(t, sim, w.Body.Bytes(), reports)
	}
	const resource = "&resource=" + simulator.DefaultGraphAudience
	_, body := get(t, sim, "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"+resource, http.Header{"Metadata": {"true"}})
	requireOpens(t, sim, body, traces)
	_, body = get(t, sim, "http://127.0.0.1:8081/msi/token?api-version=2019-08-01"+resource, http.Header{"X-Identity-Header": {"secret"}})
	requireOpens(t, sim, body, traces)
}

func requireOpens(t *testing.T, sim *simulator.Simulator, answer []byte, address string) {
	t.Helper()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(answer, &token))
	response, body := get(t, sim, address, inLight(token.AccessToken))
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
}

// Nobody gets a token without a credential unless told so.
func TestNoIdentityByDefault(t *testing.T) {
	sim, err := simulator.New(simulator.Config{})
	require.NoError(t, err)
	const path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + simulator.DefaultGraphAudience
	response, body := get(t, sim, "http://169.254.169.254"+path, http.Header{"Metadata": {"true"}})
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	assert.Contains(t, string(body), "Identity not found")
	response, _ = get(t, sim, "http://sim/msi/token", nil)
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
}

func TestNewRefusesBadCredentials(t *testing.T) {
	for want, cfg := range map[string]simulator.Config{
		"both a user and a password":    {BasicUser: "u"},
		"client certificate is missing": {ClientCertificates: []*x509.Certificate{nil}},
		"needs an issuer and a subject": {FederatedCredentials: []simulator.FederatedCredential{{}}},
	} {
		_, err := simulator.New(cfg)
		require.ErrorContains(t, err, "simulator: ")
		assert.ErrorContains(t, err, want)
	}
}
