// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const federated = "authentication.workload_identity"

// federation returns what signs in with the token in a file, and a function that writes it.
func federation(t *testing.T) (WorkloadIdentity, func(token string)) {
	t.Helper()
	file, write := secretFile(t)
	file.Key = federated + ".token_file"
	return WorkloadIdentity{Token: file}, write
}

func (l *login) assertions() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, form := range l.requests {
		all = append(all, form["client_assertion"])
	}
	return all
}

func TestAFederatedTokenSignsIn(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	w, write := federation(t)
	s, _ := sourceOf(l, w, federated)
	e := requireFailure(t, s)
	require.ErrorContains(t, e, "no such file")
	assert.Contains(t, e.Hint(), "authentication.workload_identity.token_file")
	assert.Zero(t, l.count())

	write("eyJhbGciOiJub25lIn0.first.x\n")
	requireToken(t, s, "token-1")
	form := l.requests[0]
	assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form["client_assertion_type"])
	assert.Equal(t, testClient, form["client_id"])
	assert.Empty(t, form["client_secret"])

	// The file rotates all the time: that alone is no reason to sign in again.
	write("eyJhbGciOiJub25lIn0.second.x")
	requireToken(t, s, "token-1")
	require.NoError(t, os.Remove(w.Token.File))
	requireToken(t, s, "token-1")

	// The next sign-in takes what is there by then.
	write("eyJhbGciOiJub25lIn0.third.x")
	s.Reject("token-1", "")
	requireToken(t, s, "token-2")
	assert.Equal(t, []string{"eyJhbGciOiJub25lIn0.first.x", "eyJhbGciOiJub25lIn0.third.x"}, l.assertions())
	assert.Zero(t, s.Expires(), "a token that is renewed all the time is nothing to warn of")
}

func TestTheFederatedTokenIsReadForEachSignIn(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	l.refuse = badTime.write
	w, write := federation(t)
	s, _ := sourceOf(l, w, federated)
	for i := range 3 {
		write(fmt.Sprintf("token-of-the-pod-%d", i))
		requireFailure(t, s)
	}
	assert.Equal(t, []string{"token-of-the-pod-0", "token-of-the-pod-1", "token-of-the-pod-2"}, l.assertions())
}

func TestARefusedFederationSaysWhatToChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refusal
		hint []string
	}{
		{noFederated, []string{"federated credential", "issuer, subject and audience", "authentication.workload_identity.token_file"}},
		{badTime, []string{"clock", "authentication.workload_identity.token_file"}},
		{noSuchClient, []string{"authentication.workload_identity.client_id"}},
		{noSuchResource, []string{"authentication.workload_identity.resource"}},
	} {
		l := newLogin(t)
		w, write := federation(t)
		write("eyJhbGciOiJub25lIn0.of-the-pod.x")
		repeating := c.refusal
		repeating.description += " Presented: eyJhbGciOiJub25lIn0.of-the-pod.x"
		l.refuse = repeating.write
		s, _ := sourceOf(l, w, federated)
		e := requireFailure(t, s)
		assert.Equal(t, c.code, e.Code)
		assert.NotContains(t, e.Error(), "of-the-pod")
		for _, part := range c.hint {
			assert.Contains(t, e.Hint(), part)
		}
	}
}

func TestAFederationThatIsNotSetUp(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, _ := sourceOf(l, WorkloadIdentity{Token: Secret{Key: federated + ".token_file"}}, federated)
	e := requireFailure(t, s)
	require.ErrorContains(t, e, "authentication.workload_identity.token_file is not set, nor is the environment variable AZURE_FEDERATED_TOKEN_FILE")
	assert.Contains(t, e.Hint(), "authentication.workload_identity.token_file")

	w, write := federation(t)
	write("token")
	s, _ = sourceOf(l, w, federated)
	s.cfg.ClientID = ""
	e = requireFailure(t, s)
	require.EqualError(t, e, "sign-in failed: authentication.workload_identity.client_id is not set, nor is the environment variable AZURE_CLIENT_ID")
	assert.Contains(t, e.Hint(), "authentication.workload_identity.client_id")
	assert.Zero(t, l.count())
}

// machine plays the identity service of Azure App Service.
type machine struct {
	requests []*http.Request
	refuse   func(w http.ResponseWriter)
	// keep has it hand out the first token again and again.
	keep bool
}

const identityHeader = "header-s3cr3t-of-the-machine"

func (m *machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests = append(m.requests, r)
	if m.refuse != nil {
		m.refuse(w)
		return
	}
	issued := len(m.requests)
	if m.keep {
		issued = 1
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{
		"access_token": fmt.Sprintf("token-%d", issued), "token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
		"expires_on": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), "client_id": r.URL.Query().Get("client_id"),
	})
}

const managed = "authentication.managed_identity"

// newMachine makes this process one of App Service's, behind a proxy that does not work. The environment is the whole
// process's, so its tests are not parallel.
func newMachine(t *testing.T, clientID, resource string) (*machine, *TokenSource) {
	t.Helper()
	m := &machine{}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	t.Setenv("IDENTITY_ENDPOINT", server.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", identityHeader)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	client := DirectClient(time.Minute)
	t.Cleanup(client.CloseIdleConnections)
	return m, NewTokenSource(Config{
		TenantID: testTenant, ClientID: clientID, Credential: ManagedIdentity{}, Block: managed,
		AuthorityHost: "https://login.microsoftonline.com", Resource: resource, HTTPClient: client,
	})
}

func TestAManagedIdentitySignsIn(t *testing.T) {
	for name, c := range map[string]struct{ client, resource string }{
		"the system's": {"", "https://graph.microsoft.com"},
		"a user's":     {testClient, "https://outlook.office365.com"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := newMachine(t, c.client, c.resource)
			requireToken(t, s, "token-1")
			requireToken(t, s, "token-1")
			require.Len(t, m.requests, 1)
			r := m.requests[0]
			assert.Equal(t, http.MethodGet, r.Method)
			assert.Equal(t, identityHeader, r.Header.Get("X-Identity-Header"))
			assert.Equal(t, c.resource, r.URL.Query().Get("resource"))
			assert.Equal(t, c.client, r.URL.Query().Get("client_id"))
			assert.Equal(t, c.client != "", r.URL.Query().Has("client_id"))
			assert.Zero(t, s.Expires())
		})
	}
}

// The library keeps tokens for the whole process: neither a refused token of it nor one of an earlier receiver is used, though
// they are of the same identity and resource.
func TestATokenOfAManagedIdentityIsReplacedPastEveryCache(t *testing.T) {
	const resource = "https://graph.microsoft.com"
	hash := func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	}
	for range 2 {
		m, s := newMachine(t, "", resource)
		clock := &clock{time: time.Now()}
		s.now = clock.now
		requireToken(t, s, "token-1")
		s.Reject("token-1", "")
		requireToken(t, s, "token-2")
		requireToken(t, s, "token-2")
		s.Reject("token-2", `{"access_token":{}}`)
		requireToken(t, s, "token-2")
		clock.pass(5 * time.Minute)
		s.Reject("token-2", `{"access_token":{}}`)
		requireToken(t, s, "token-3")
		requireToken(t, s, "token-3")
		require.Len(t, m.requests, 3)
		const parameter = "token_sha256_to_refresh"
		assert.False(t, m.requests[0].URL.Query().Has(parameter))
		assert.Equal(t, hash("token-1"), m.requests[1].URL.Query().Get(parameter))
		assert.Equal(t, hash("token-2"), m.requests[2].URL.Query().Get(parameter))
		assert.Equal(t, resource, m.requests[2].URL.Query().Get("resource"))
	}
}

// A machine may hand out the same token, as virtual machines do for hours.
func TestAMachineThatKeepsItsToken(t *testing.T) {
	m, s := newMachine(t, "", "https://graph.microsoft.com")
	m.keep = true
	requireToken(t, s, "token-1")
	s.Reject("token-1", "")
	requireToken(t, s, "token-1")
	requireToken(t, s, "token-1")
	assert.Len(t, m.requests, 2)
}

// In Service Fabric the library pins the certificate that the environment names.
func TestAManagedIdentityOfServiceFabric(t *testing.T) {
	_, s := newMachine(t, "", "https://graph.microsoft.com")
	fabric := httptest.NewTLSServer(&machine{})
	t.Cleanup(fabric.Close)
	thumbprint := sha1.Sum(fabric.Certificate().Raw)
	t.Setenv("IDENTITY_ENDPOINT", fabric.URL+"/token")
	t.Setenv("IDENTITY_SERVER_THUMBPRINT", hex.EncodeToString(thumbprint[:]))
	requireToken(t, s, "token-1")
	s.Reject("token-1", "")
	requireToken(t, s, "token-2")
	t.Setenv("IDENTITY_SERVER_THUMBPRINT", strings.Repeat("0", 40))
	_, s = newMachine(t, "", "https://graph.microsoft.com")
	t.Setenv("IDENTITY_ENDPOINT", fabric.URL+"/token")
	requireFailure(t, s)
}

func TestNoProxyIsAskedForAManagedIdentity(t *testing.T) {
	client := DirectClient(time.Minute)
	defer client.CloseIdleConnections()
	assert.Nil(t, client.Transport.(*http.Transport).Proxy)
	assert.NotNil(t, http.DefaultTransport.(*http.Transport).Proxy, "that of the process is left as it is")
	assert.Equal(t, time.Minute, client.Timeout)
}

func TestAManagedIdentityThatIsNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		refuse   func(w http.ResponseWriter)
		says     string
		resource string
	}{
		"as the machine says": {
			func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"error":"invalid_request","error_description":"Identity not found for `+identityHeader+`"}`)
			}, "Identity not found", "https://one.example",
		},
		"as App Service says": {
			func(w http.ResponseWriter) {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"statusCode":400,"message":"No managed identity"}`)
			}, "the identity service of this machine answered with status 400", "https://two.example",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := newMachine(t, "33333333-3333-3333-3333-333333333333", c.resource)
			m.refuse = c.refuse
			e := requireFailure(t, s)
			require.ErrorContains(t, e, c.says)
			assert.NotContains(t, e.Error(), identityHeader)
			assert.NotContains(t, e.Error(), "login host", "none was asked")
			assert.Contains(t, e.Hint(), "authentication.managed_identity.client_id")
			m.refuse = nil
			clock := &clock{time: time.Now().Add(5 * time.Minute)}
			s.now = clock.now
			requireToken(t, s, fmt.Sprintf("token-%d", len(m.requests)+1))
		})
	}
}

func TestAMachineWithoutIdentityService(t *testing.T) {
	_, s := newMachine(t, "", "https://nobody.example")
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
	e := requireFailure(t, s)
	assert.True(t, e.Temporary())
	assert.Contains(t, e.Hint(), "managed identity")
	assert.NotContains(t, e.Hint(), "authority_host")
	assert.NotContains(t, e.Hint(), "proxy_url")
}
