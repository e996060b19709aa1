// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package entra signs in to Microsoft Entra ID: credentials, the token in use, and what an AADSTS error means for the
// configuration. The sign-in itself is done by azidentity, which keeps the token and renews it before it expires.
package entra

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// pauseAfterRefusal is how long sign-in rests after a refusal that only a changed configuration can mend, so that Entra
// does not block the application for guessing.
const pauseAfterRefusal = 15 * time.Minute

// Config says who signs in where and for what.
type Config struct {
	// TenantID is the tenant's GUID or a verified domain of it.
	TenantID string
	// ClientID is the application's, or the managed identity's; empty for a system-assigned one.
	ClientID string
	// Credential is what the application signs in with.
	Credential Credential
	// Block is the configuration key of the way to sign in, for hints.
	Block string
	// AuthorityHost is the login host of the cloud, an https URL.
	AuthorityHost string
	// Resource is the audience of the token: the scope without "/.default".
	Resource string
	// HTTPClient sends the requests for tokens.
	HTTPClient *http.Client
}

// TokenSource gives out bearer tokens. It is safe for concurrent use.
type TokenSource struct {
	cfg Config
	now func() time.Time
	// expires is when the material in use stops being accepted.
	expires atomic.Pointer[time.Time]

	mu sync.Mutex
	// credential keeps and renews the token of material.
	credential azcore.TokenCredential
	material   material
	// given is the token that was given out last.
	given string
	// refusal is why the current material need not be tried again before refusedUntil.
	refusal      error
	refusedUntil time.Time
	// sendErr is why the last request of the sign-in got no response; azidentity passes only its text on.
	sendErr error
}

// NewTokenSource returns a source that signs in when a token is first asked for.
func NewTokenSource(cfg Config) *TokenSource {
	return &TokenSource{cfg: cfg, now: time.Now}
}

// Token returns the token in use, or a new one where that is about to expire or what signs in has changed. Errors of the
// sign-in are of type *Error; none carries a secret or a token.
func (s *TokenSource) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return "", err
	}
	if s.refusal != nil && s.now().Before(s.refusedUntil) {
		return "", s.refusal
	}
	s.sendErr = nil
	token, err := s.credential.GetToken(ctx, policy.TokenRequestOptions{
		Scopes: []string{strings.TrimSuffix(s.cfg.Resource, "/") + "/.default"},
	})
	if err != nil {
		failure := newError(err, s.sendErr, s.cfg.Block, s.material.secrets)
		if _, ok := s.cfg.Credential.(ManagedIdentity); ok {
			failure = failure.ofMachine(s.cfg.Block)
		}
		s.refusal, s.refusedUntil = nil, time.Time{}
		if failure.final() {
			s.refusal, s.refusedUntil = failure, s.now().Add(pauseAfterRefusal)
		}
		return "", failure
	}
	s.refusal, s.given = nil, token.Token
	return token.Token, nil
}

// Reject makes the next token a fresh one, unless it already is another than the rejected one.
func (s *TokenSource) Reject(token, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token == s.given {
		s.credential = nil
	}
}

// Expires is when what signs in stops being accepted, zero if that is not known. It does not wait for a sign-in.
func (s *TokenSource) Expires() time.Time {
	if expires := s.expires.Load(); expires != nil {
		return *expires
	}
	return time.Time{}
}

// refresh makes a credential of what signs in, unless there is one of this very material. What cannot be read while there
// is a credential changes nothing: a file may be in the middle of its rotation.
func (s *TokenSource) refresh(ctx context.Context) error {
	m, err := s.cfg.Credential.read(ctx, s.now())
	if err != nil && s.credential == nil {
		return err
	}
	if wrong, ok := errors.AsType[*Error](err); ok && wrong.outOfDate {
		return err
	}
	if err != nil {
		return nil
	}
	s.expires.Store(&m.expires)
	if s.credential != nil && m.identity == s.material.identity {
		s.material = m
		return nil
	}
	credential, err := m.credential(s.cfg, s.clientOptions())
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if err != nil {
		return newError(err, nil, s.cfg.Block, m.secrets)
	}
	if m.identity != s.material.identity {
		s.refusal = nil
	}
	s.credential, s.material = credential, m
	return nil
}

func (s *TokenSource) clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.cfg.AuthorityHost},
		Transport: sender{s},
		// When to try again is decided where all such decisions are, in the receiver's loop.
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
}

// sender sends the requests of azidentity, always within a call of Token.
type sender struct{ *TokenSource }

func (s sender) Do(req *http.Request) (*http.Response, error) {
	// No redirect is followed: it would hand the secret to somebody else.
	client := *s.cfg.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	s.sendErr = err
	return resp, err
}

// microsoftHosts are the login hosts whose metadata Microsoft vouches for. Others cannot be asked about at
// login.microsoftonline.com.
var microsoftHosts = map[string]bool{
	"login.microsoftonline.com":        true,
	"login.microsoftonline.us":         true,
	"login.partner.microsoftonline.cn": true,
}

// disableDiscovery says that the authority is not Microsoft's.
func (c Config) disableDiscovery() bool { return !microsoftHosts[host(c.AuthorityHost)] }

func host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
