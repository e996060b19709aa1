// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// certificate returns a certificate that names its issuer, and the pool that trusts it.
func certificate(t *testing.T, issuer pkix.Name, host string, until time.Duration) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: issuer, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(until), DNSNames: []string{host},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if host != "" {
		template.IPAddresses = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestAdviceOnCertificates(t *testing.T) {
	t.Parallel()
	inspecting := pkix.Name{CommonName: "Inspecting Proxy CA", Organization: []string{"Contoso"}}
	for name, c := range map[string]struct {
		issuer  pkix.Name
		host    string
		until   time.Duration
		trusted bool
		says    []string
	}{
		"of an authority that is not trusted": {inspecting, "", time.Hour, false, []string{`issued by "Inspecting Proxy CA",`, "tls.ca_file", "inspects TLS"}},
		"of one without a common name":        {pkix.Name{Organization: []string{"Contoso"}}, "", time.Hour, false, []string{`issued by "Contoso",`}},
		"of nobody":                           {pkix.Name{}, "", time.Hour, false, []string{"nobody that it names"}},
		"with an address in its name":         {pkix.Name{CommonName: testAddress}, "", time.Hour, false, []string{`"[address]"`}},
		"for another host":                    {inspecting, "other.example", time.Hour, true, []string{`issued by "Inspecting Proxy CA",`, "another host", "check endpoint, proxy_url"}},
		"that has expired":                    {inspecting, "", -time.Hour, true, []string{`issued by "Inspecting Proxy CA",`, "valid only from", "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own, pool := certificate(t, c.issuer, c.host, c.until)
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = nobodysLog()
			server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
			server.StartTLS()
			t.Cleanup(server.Close)
			if !c.trusted {
				pool = x509.NewCertPool()
			}
			connections := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
			t.Cleanup(connections.CloseIdleConnections)
			endpoint := parse(t, server.URL+endpointPath)
			client := newClientOver(&http.Client{Transport: connections}, endpoint, &tokens{given: []string{testToken}})
			_, err := client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
			e := requireError(t, err)
			assert.Contains(t, e.Hint(), "the certificate of 127.0.0.1")
			for _, part := range c.says {
				assert.Contains(t, e.Hint(), part)
			}
		})
	}
	assert.Empty(t, AdviseOnCertificate(io.EOF, "graph.example", "endpoint"))
	advice := AdviseOnCertificate(&tls.CertificateVerificationError{Err: errors.New("x")}, "graph.example", "endpoint")
	assert.Equal(t, "the certificate of graph.example is not trusted: if a proxy or firewall inspects TLS here, name its authority in tls.ca_file", advice.Hint)
	assert.Equal(t, "openssl s_client -connect graph.example:443 -servername graph.example -showcerts </dev/null", advice.Command)
	advice = AdviseOnCertificate(&tls.CertificateVerificationError{Err: errors.New("x")}, "graph.example:8443", "endpoint")
	assert.Contains(t, advice.Hint, "the certificate of graph.example is")
	assert.Contains(t, advice.Command, "-connect graph.example:8443 ")
}

func TestAdviceOnProxiesThatRefuse(t *testing.T) {
	t.Parallel()
	for status, says := range map[string][]string{
		"407 Proxy Authentication Required":                            {"proxy_url", "NTLM"},
		"407 Proxy Authentication Required ( Forefront TMG requires )": {"proxy_url", "NTLM"},
		"407 authenticationrequired":                                   {"proxy_url", "NTLM"},
		"403 Forbidden":                                                {"proxy_url", "refuses"},
		"502 Bad Gateway":                                              {"proxy_url", "refuses"},
		"511 Network Authentication Required":                          {"proxy_url"},
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, http.MethodConnect, r.Method)
				hijacked(t, w, "HTTP/1.1 "+status+"\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n")
			}))
			t.Cleanup(proxy.Close)
			connections := &http.Transport{Proxy: http.ProxyURL(parse(t, proxy.URL))}
			t.Cleanup(connections.CloseIdleConnections)
			endpoint := parse(t, "https://graph.example"+endpointPath)
			client := newClientOver(&http.Client{Transport: connections}, endpoint, &tokens{given: []string{testToken}})
			_, err := client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
			e := requireError(t, err)
			for _, part := range says {
				assert.Contains(t, e.Hint(), part)
			}
		})
	}
}

// The login page of a proxy, to which it redirects.
func TestAdviceOnACaptivePortal(t *testing.T) {
	t.Parallel()
	_, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://proxy.example.net/login?back=graph")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "<html><body>Moved</body></html>")
	})
	e := requireError(t, err)
	require.ErrorIs(t, e, ErrForeignLink)
	assert.Contains(t, e.Hint(), "proxy_url")
	assert.Contains(t, e.Hint(), "endpoint")
	var target *url.Error
	assert.NotErrorAs(t, err, &target, "its text has the query")
}

// A permission is granted to an application in the portal or by a command, and to a managed identity by a command alone.
func TestStepsOnRoles(t *testing.T) {
	t.Parallel()
	const app, object = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"
	permission := Permission{Role: "R", RoleID: "role-id", API: "Some API", APIID: "api-id"}
	advise := func(token *claims.Set) trouble.Advice {
		return AdviseOnRole(&Error{Status: http.StatusForbidden, Claims: token}, permission)
	}
	assert.Zero(t, advise(&claims.Set{Roles: []string{"R"}}))
	granted := advise(&claims.Set{AppID: app})
	assert.Contains(t, granted.Portal, "API permissions > Add a permission > Some API > Application permissions > R")
	assert.Equal(t, "az ad app permission add --id "+app+" --api api-id --api-permissions role-id=Role && az ad app permission admin-consent --id "+app,
		granted.Command)
	assert.Contains(t, advise(nil).Command, "--id CLIENT_ID ")
	machine := advise(&claims.Set{AppID: app, Object: object, Resource: "/subscriptions/x"})
	assert.Empty(t, machine.Portal)
	assert.Equal(t, "az rest --method POST --url https://graph.microsoft.com/v1.0/servicePrincipals/"+object+`/appRoleAssignments --body `+
		`"{\"principalId\":\"`+object+`\",\"resourceId\":\"$(az ad sp show --id api-id --query id --output tsv)\",\"appRoleId\":\"role-id\"}"`,
		machine.Command)
}
