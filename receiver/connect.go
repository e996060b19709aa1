// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// signInTimeout bounds one request for a token.
const signInTimeout = 30 * time.Second

// connectError is a setting that needs something of this machine that is not there, such as a file.
type connectError struct{ err error }

func (e *connectError) Error() string { return "cannot set up the HTTP client: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// Hint names the keys that can be behind the error.
func (e *connectError) Hint() string {
	var file *fs.PathError
	if errors.As(e.err, &file) {
		return "see that tls.ca_file, tls.cert_file and tls.key_file name files that the collector may read"
	}
	return "check tls and proxy_url"
}

// connect makes the client of the service. It sends nothing.
func (r *messageTraceReceiver) connect(ctx context.Context) (*graph.Client, error) {
	endpoint, err := url.Parse(r.cfg.endpoint())
	if err != nil {
		return nil, err
	}
	pages, err := r.httpClient(ctx, &r.cfg.ClientConfig, r.host.GetExtensions())
	if err != nil {
		return nil, &connectError{err}
	}
	pages.Transport = &countingTransport{next: pages.Transport, count: r.telemetry.request}
	signIn, err := r.httpClient(ctx, r.cfg.signInClient(), nil)
	if err != nil {
		return nil, &connectError{err}
	}
	tokens := entra.NewTokenSource(r.cfg.signIn(signIn))
	client := transport.NewClient(pages, endpoint, tokens, graph.Service{})
	return graph.NewClient(client, endpoint, r.cfg.PageSize), nil
}

// httpClient makes an HTTP client whose idle connections are closed with the receiver.
func (r *messageTraceReceiver) httpClient(
	ctx context.Context, cfg *confighttp.ClientConfig, extensions map[component.ID]component.Component,
) (*http.Client, error) {
	settings := r.set.TelemetrySettings
	// Spans of the client would carry the query, in which a filter's addresses stand.
	settings.TracerProvider = noop.NewTracerProvider()
	client, err := cfg.ToClient(ctx, extensions, settings)
	if err == nil {
		r.clients = append(r.clients, client)
	}
	return client, err
}

// signInClient holds the settings of the client that signs in: tls and proxy_url of the receiver, but never its headers
// or middlewares, which are meant for the service.
func (cfg *Config) signInClient() *confighttp.ClientConfig {
	client := confighttp.NewDefaultClientConfig()
	client.TLS = cfg.TLS
	client.ProxyURL = cfg.ProxyURL
	client.Timeout = signInTimeout
	return &client
}

func (cfg *Config) signIn(client *http.Client) entra.Config {
	oauth := cfg.Authentication.OAuth.Get()
	return entra.Config{
		TenantID: cfg.TenantID,
		ClientID: oauth.ClientID,
		Secret: entra.Secret{
			Value: string(oauth.ClientSecret),
			File:  oauth.ClientSecretFile,
			Key:   "authentication.oauth.client_secret_file",
		},
		AuthorityHost: cfg.authorityHost(),
		Resource:      oauth.resource(),
		HTTPClient:    client,
	}
}
