// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testTenant = "11111111-1111-1111-1111-111111111111"
	testClient = "22222222-2222-2222-2222-222222222222"
	testSecret = "s3cr3t~of/the+test"
	testKey    = "authentication.oauth.client_secret_file"
)

// refusal is an error response of the login host.
type refusal struct {
	status      int
	name        string
	code        int
	description string
}

func (r refusal) write(w http.ResponseWriter) {
	const where = "https://login.microsoftonline.com/error?code=%d"
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(r.status)
	json.NewEncoder(w).Encode(map[string]any{
		"error": r.name,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: 0a1b2c3d-0000-4000-8000-000000000000 "+
			"Correlation ID: 4d3c2b1a-0000-4000-8000-000000000000 Timestamp: 2026-11-22 10:00:00Z", r.code, r.description),
		"error_codes":    []int{r.code},
		"timestamp":      "2026-11-22 10:00:00Z",
		"trace_id":       "0a1b2c3d-0000-4000-8000-000000000000",
		"correlation_id": "4d3c2b1a-0000-4000-8000-000000000000",
		"error_uri":      fmt.Sprintf(where, r.code),
	})
}

// login plays the login host. Each token that it gives out is another one.
type login struct {
	*httptest.Server

	mu sync.Mutex
	// accepted is the one secret that it takes; empty means any.
	accepted string
	// refuse is its answer to the request for a token, refuseTenant the one to the request before that, for the addresses
	// of the tenant.
	refuse, refuseTenant func(w http.ResponseWriter)
	requests             []map[string]string
	asked                int
}

func newLogin(t *testing.T) *login {
	t.Helper()
	l := &login{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", l.discover)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", l.token)
	l.Server = httptest.NewUnstartedServer(mux)
	// What a client that does not trust the server does to it is no news.
	l.Config.ErrorLog = log.New(io.Discard, "", 0)
	l.StartTLS()
	t.Cleanup(l.Close)
	return l
}

func (l *login) discover(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.refuseTenant != nil {
		l.refuseTenant(w)
		return
	}
	base := l.URL + "/" + r.PathValue("tenant")
	json.NewEncoder(w).Encode(map[string]string{
		"issuer":                 base + "/v2.0",
		"authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"token_endpoint":         base + "/oauth2/v2.0/token",
	})
}

func (l *login) token(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	form := map[string]string{"tenant": r.PathValue("tenant")}
	r.ParseForm()
	for name := range r.PostForm {
		form[name] = r.PostForm.Get(name)
	}
	l.requests = append(l.requests, form)
	switch {
	case l.refuse != nil:
		l.refuse(w)
	case l.accepted != "" && form["client_secret"] != l.accepted:
		invalidSecret.write(w)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"token-%d"}`, len(l.requests))
	}
}

// set changes how the host answers.
func (l *login) set(change func(l *login)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// secrets are those that have been sent, in order.
func (l *login) secrets() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var secrets []string
	for _, form := range l.requests {
		secrets = append(secrets, form["client_secret"])
	}
	return secrets
}

// count is the number of requests of whatever kind.
func (l *login) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// newSource returns a source that signs in at l, and the clock that its pauses follow.
func newSource(l *login, secret Secret) (*TokenSource, *clock) {
	c := &clock{time: time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)}
	s := NewTokenSource(Config{
		TenantID:      testTenant,
		ClientID:      testClient,
		Credential:    ClientSecret{secret},
		Block:         "authentication.oauth",
		AuthorityHost: l.URL,
		Resource:      "https://graph.microsoft.com",
		HTTPClient:    l.Client(),
	})
	s.now = c.now
	return s, c
}

// clock stands still until it is told to go on.
type clock struct{ time time.Time }

func (c *clock) now() time.Time { return c.time }

func (c *clock) pass(d time.Duration) { c.time = c.time.Add(d) }

// requireToken asks for a token, which must be want.
func requireToken(t *testing.T, s *TokenSource, want string) {
	t.Helper()
	token, err := s.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, token)
}

// requireFailure asks for a token, which must fail without telling a secret.
func requireFailure(t *testing.T, s *TokenSource) *Error {
	t.Helper()
	token, err := s.Token(t.Context())
	require.Empty(t, token)
	return requireError(t, err)
}

func requireError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	for _, text := range []string{e.Error(), e.Message, e.Hint()} {
		for _, secret := range []string{testSecret, "s3cr3t", "of/the", "of%2Fthe", `access_token"`, "token-"} {
			require.NotContains(t, text, secret)
		}
	}
	return e
}
