// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package entra signs in to Microsoft Entra ID: credentials, the token in use, and what an AADSTS error means for the
// configuration. The sign-in itself is done by azidentity, which keeps the token and renews it before it expires.
package entra

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// pauseAfterRefusal is how long sign-in rests after a refusal that only a changed configuration can mend, so that Entra
// does not block the application for guessing.
const pauseAfterRefusal = 15 * time.Minute

// Config says who signs in where and for what.
type Config struct {
	// TenantID is the tenant's GUID or a verified domain of it.
	TenantID string
	// ClientID is the application's.
	ClientID string
	// Secret is the client secret.
	Secret Secret
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

	mu sync.Mutex
	// credential keeps and renews the token of secret.
	credential azcore.TokenCredential
	secret     string
	// refusal is why the current secret need not be tried again before refusedUntil.
	refusal      error
	refusedUntil time.Time
	// sendErr is why the last request of the sign-in got no response; azidentity passes only its text on.
	sendErr error
}

// NewTokenSource returns a source that signs in when a token is first asked for.
func NewTokenSource(cfg Config) *TokenSource {
	return &TokenSource{cfg: cfg, now: time.Now}
}

// Token returns the token in use, or a new one where that is about to expire or the secret has changed. Errors of the
// sign-in are of type *Error; none carries the secret or a token.
func (s *TokenSource) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.useSecret(); err != nil {
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
		failure := newError(err, s.sendErr, s.secret)
		s.refusal, s.refusedUntil = nil, time.Time{}
		if failure.final() {
			s.refusal, s.refusedUntil = failure, s.now().Add(pauseAfterRefusal)
		}
		return "", failure
	}
	s.refusal = nil
	return token.Token, nil
}

// Reject makes the next token a fresh one.
func (s *TokenSource) Reject(string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credential = nil
}

// useSecret makes a credential of the secret unless there is one of this very secret. A secret that cannot be read while
// there is a credential changes nothing: the file may be in the middle of its rotation.
func (s *TokenSource) useSecret() error {
	secret, err := s.cfg.Secret.Read()
	if err != nil && s.credential == nil {
		return err
	}
	if s.credential != nil && (err != nil || secret == s.secret) {
		return nil
	}
	credential, err := azidentity.NewClientSecretCredential(s.cfg.TenantID, s.cfg.ClientID, secret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions:            s.clientOptions(),
			DisableInstanceDiscovery: !microsoftHosts[host(s.cfg.AuthorityHost)],
		})
	if err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	if secret != s.secret {
		s.refusal = nil
	}
	s.credential, s.secret = credential, secret
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
	resp, err := s.cfg.HTTPClient.Do(req)
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

func host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
