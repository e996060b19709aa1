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

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// betweenRenewals is the least time between two tokens that are asked for because the service refused the one in use.
const betweenRenewals = 5 * time.Minute

// Config is who signs in, where and for what.
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
	// Connections is what is known of the connections of HTTPClient, and to be shared by all who use them; nil means that
	// nobody else does.
	Connections *transport.Connections
}

// TokenSource gives out bearer tokens. It is safe for concurrent use.
type TokenSource struct {
	cfg Config
	now func() time.Time
	// expires is when the material in use stops being accepted.
	expires atomic.Pointer[time.Time]

	// turn is held by the call that signs in. It guards what follows.
	turn chan struct{}
	// credential keeps and renews the token of material.
	credential azcore.TokenCredential
	material   material
	// fresh reports that credential has brought no token yet.
	fresh bool
	// renewal is why the next token must be another one; nil if it need not.
	renewal *renewal
	// refusal is why the current material need not be tried again before refusedUntil.
	refusal      *Error
	refusedUntil time.Time
	// last is the last answer within this call.
	last answer

	mu sync.Mutex
	// given is the token that was given out last.
	given string
	// rejected is the renewal that no call has begun yet, and renewedAt is the time of the last one.
	rejected  *renewal
	renewedAt time.Time
}

// renewal is the reason to get another token: the service has refused this one.
type renewal struct {
	token string
	// claims are what the service demands of the next token; they may be empty.
	claims string
}

// NewTokenSource returns a source that signs in when a token is first asked for.
func NewTokenSource(cfg Config) *TokenSource {
	if cfg.Connections == nil {
		cfg.Connections = &transport.Connections{}
	}
	return &TokenSource{cfg: cfg, now: time.Now, turn: make(chan struct{}, 1)}
}

// Token returns the token in use, or a new one where that is about to expire, has been rejected, or what signs in has
// changed. After a refusal, and for as long as the login host asks, it returns the same error without asking. Errors are of
// type *Error; none carries a secret or a token.
func (s *TokenSource) Token(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", &Error{Message: context.Cause(ctx).Error(), Err: context.Cause(ctx)}
	}
	defer func() { <-s.turn }()
	s.beginRenewal()
	if err := s.refresh(ctx); err != nil {
		return "", err
	}
	if s.refusal != nil && s.now().Before(s.refusedUntil) {
		return "", s.refusal
	}
	s.last = answer{}
	token, err := s.credential.GetToken(ctx, policy.TokenRequestOptions{
		Scopes: []string{strings.TrimSuffix(s.cfg.Resource, "/") + "/.default"},
		Claims: s.claims(),
	})
	if err == nil && strings.ContainsFunc(token.Token, noTokenRune) {
		// The library would return the same token again until it expires.
		s.credential, err = nil, errNoToken
	}
	if err != nil {
		failure := s.explain(err)
		s.refusal, s.refusedUntil = failure, s.now().Add(failure.pause())
		return "", failure
	}
	s.fresh, s.renewal, s.refusal = false, nil, nil
	s.mu.Lock()
	s.given = token.Token
	s.mu.Unlock()
	return token.Token, nil
}

var errNoToken = errors.New("the answer has a token with characters that no token has")

// noTokenRune reports whether a rune is none of those of a token (RFC 6750, section 2.1). A line break would end the header.
func noTokenRune(r rune) bool { return r <= ' ' || r > '~' }

// claims returns the claims to ask for. The library passes over the tokens that it keeps for a request with claims. For
// managed identities that is the only way, and what the claims are does not matter: no machine is asked for them.
func (s *TokenSource) claims() string {
	switch {
	case s.renewal != nil && s.renewal.claims != "":
		return s.renewal.claims
	case s.fresh && s.material.machine:
		return "{}"
	}
	return ""
}

// Reject makes the next token a new one, past every cache, with the claims that the service demands of it, if any. It does
// nothing if the token has been replaced already, nor within five minutes of the last time: a token that lacks a permission
// is no better a second later.
func (s *TokenSource) Reject(token, claims string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if token == "" || token != s.given || !s.renewedAt.IsZero() && now.Sub(s.renewedAt) < betweenRenewals {
		return
	}
	s.rejected, s.renewedAt = &renewal{token, claims}, now
}

// beginRenewal gives up the credential whose token has been rejected.
func (s *TokenSource) beginRenewal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rejected != nil {
		s.credential, s.renewal, s.rejected = nil, s.rejected, nil
	}
}

// Expires returns when what signs in stops being accepted, zero if that is not known. It does not wait for a sign-in.
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
	before := s.material
	s.material = m
	if !m.same(before) {
		s.refusal = nil
	}
	if s.credential != nil && m.identity == before.identity {
		return nil
	}
	s.credential, s.last = nil, answer{}
	credential, err := m.credential(s.cfg, s.clientOptions())
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if err != nil {
		return s.explain(err)
	}
	s.credential, s.fresh = credential, true
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

// microsoftHosts are the login hosts whose metadata Microsoft vouches for. Others cannot be asked about at
// login.microsoftonline.com.
var microsoftHosts = map[string]bool{
	"login.microsoftonline.com":        true,
	"login.microsoftonline.us":         true,
	"login.partner.microsoftonline.cn": true,
	"login.chinacloudapi.cn":           true,
}

// disableDiscovery reports whether the authority is not Microsoft's.
func (c Config) disableDiscovery() bool {
	at := url.URL{Host: c.authority()}
	return !microsoftHosts[at.Hostname()]
}

// authority is the login host, with its port if it has one.
func (c Config) authority() string {
	u, err := url.Parse(c.AuthorityHost)
	if err != nil {
		return ""
	}
	return u.Host
}
