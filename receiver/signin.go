// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// signInTimeout bounds one request for a token.
const signInTimeout = 30 * time.Second

// signInClient holds the settings of the client that signs in: tls and proxy_url of the receiver, but never its headers
// or middlewares, which are meant for the service.
func (cfg *Config) signInClient() *confighttp.ClientConfig {
	client := newClientConfig()
	client.TLS = cfg.TLS
	client.ProxyURL = cfg.ProxyURL
	client.Timeout = signInTimeout
	return &client
}

// authorizer gives the credentials of requests, nil where an extension adds them.
func (r *messageTraceReceiver) authorizer(client *http.Client, connections *transport.Connections) transport.Authorizer {
	a := &r.cfg.Authentication
	switch {
	case r.cfg.Auth.HasValue():
		return nil
	case a.Basic.HasValue():
		return basic{*a.Basic.Get()}
	}
	cfg := r.cfg.signIn()
	cfg.HTTPClient, cfg.Connections = client, connections
	if a.ManagedIdentity.HasValue() {
		cfg.HTTPClient, cfg.Connections = entra.DirectClient(signInTimeout), nil
		r.leave = append(r.leave, cfg.HTTPClient.CloseIdleConnections)
	}
	tokens := entra.NewTokenSource(cfg)
	r.report.Credential(tokens)
	return &inspected{Authorizer: tokens, inspect: func(token claims.Set) {
		r.report.SignedIn(token.Roles)
		r.identify(token)
		r.inspect(token)
	}}
}

// scheme is the authentication scheme of requests.
func (cfg *Config) scheme() string {
	if cfg.Authentication.Basic.HasValue() {
		return "Basic"
	}
	return "Bearer"
}

// signIn returns who signs in to Entra, where and for what.
func (cfg *Config) signIn() entra.Config {
	a := &cfg.Authentication
	in := entra.Config{TenantID: cfg.TenantID, AuthorityHost: cfg.authorityHost()}
	switch {
	case a.OAuth.HasValue():
		o := a.OAuth.Get()
		in.Block, in.ClientID, in.Resource = "authentication.oauth", o.ClientID, o.Resource
		in.Credential = entra.ClientSecret{Secret: secret(in.Block+".client_secret", string(o.ClientSecret), o.ClientSecretFile)}
	case a.Certificate.HasValue():
		c := a.Certificate.Get()
		in.Block, in.ClientID, in.Resource = "authentication.certificate", c.ClientID, c.Resource
		in.Credential = entra.Certificate{
			Cert:       entra.Secret{File: c.CertFile, Key: in.Block + ".cert_file"},
			Key:        entra.Secret{File: c.KeyFile, Key: in.Block + ".key_file"},
			Passphrase: secret(in.Block+".passphrase", string(c.Passphrase), c.PassphraseFile),
		}
	case a.WorkloadIdentity.HasValue():
		w := a.WorkloadIdentity.Get().fill()
		in.Block, in.ClientID, in.Resource = "authentication.workload_identity", w.ClientID, w.Resource
		in.Credential = entra.WorkloadIdentity{Token: entra.Secret{File: w.TokenFile, Key: in.Block + ".token_file"}}
		if host := os.Getenv("AZURE_AUTHORITY_HOST"); cfg.AuthorityHost == "" && host != "" {
			in.AuthorityHost = host
		}
	case a.ManagedIdentity.HasValue():
		m := a.ManagedIdentity.Get()
		in.Block, in.ClientID, in.Resource = "authentication.managed_identity", m.ClientID, m.Resource
		in.Credential = entra.ManagedIdentity{}
	}
	in.Resource = cfg.resource(in.Resource)
	return in
}

func secret(key, value, file string) entra.Secret {
	return entra.Secret{Value: value, File: file, Key: key + "_file"}
}

// tenantKey is what tells the state and the quota of one tenant from another's.
func (cfg *Config) tenantKey() string {
	if cfg.TenantID != "" {
		return strings.ToLower(cfg.TenantID)
	}
	host := cfg.endpoint()
	if u, err := url.Parse(host); err == nil {
		host = strings.ToLower(u.Host)
	}
	if cfg.Authentication.Basic.HasValue() {
		return host + " " + strings.ToLower(cfg.Authentication.Basic.Get().Username)
	}
	if cfg.Auth.HasValue() {
		return host + " " + cfg.Auth.Get().AuthenticatorID.String()
	}
	return host
}

// basic gives user name and password.
type basic struct{ Basic }

// Token implements transport.Authorizer.
func (b basic) Token(ctx context.Context) (string, error) {
	password, err := secret("authentication.basic.password", string(b.Password), b.PasswordFile).Read(ctx)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString([]byte(b.Username + ":" + password)), nil
}

// Reject implements transport.Authorizer. There is no other password to be had.
func (basic) Reject(string, string) {}

// inspected has the claims of every new token looked at. A token that is not a readable JWT has none.
type inspected struct {
	transport.Authorizer
	inspect func(claims.Set)

	mu   sync.Mutex
	last string
}

// Token implements transport.Authorizer.
func (i *inspected) Token(ctx context.Context) (string, error) {
	token, err := i.Authorizer.Token(ctx)
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	isNew := token != i.last
	i.last = token
	i.mu.Unlock()
	if !isNew {
		return token, nil
	}
	if found, ok := claims.Read(token); ok {
		i.inspect(found)
	}
	return token, nil
}

// identify learns from a token which tenant it is of, by whatever name that is configured.
func (r *messageTraceReceiver) identify(token claims.Set) {
	if token.TenantID != "" {
		r.warnOfOthers(r.quota.Identify(strings.ToLower(token.TenantID)))
		r.details.identify(strings.ToLower(token.TenantID))
	}
}

// inspect warns, once, of what a token lacks that the service will ask for.
func (r *messageTraceReceiver) inspect(token claims.Set) {
	for _, lack := range r.cfg.missing(token) {
		r.report.Once(mayRefuse + lack)
	}
}

const mayRefuse = "the service may refuse the token: "

// missing returns what a token lacks that the service will ask for.
func (cfg *Config) missing(token claims.Set) []string {
	return token.Missing(claims.Wanted{TenantID: cfg.TenantID, Resource: cfg.signIn().Resource, Role: cfg.role()})
}

// role is the application permission that the service asks for.
func (cfg *Config) role() string {
	if cfg.api() == ReportingWebService {
		return reporting.Role
	}
	return graph.Role
}
