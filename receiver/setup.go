// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// clientError is a setting of the HTTP client that needs something of this machine that is not there, such as a file.
type clientError struct{ err error }

func (e *clientError) Error() string { return "cannot set up the HTTP client: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// Hint names the keys that can be behind the error.
func (e *clientError) Hint() string {
	if _, ok := errors.AsType[*fs.PathError](e.err); ok {
		return "see that tls.ca_file, tls.cert_file and tls.key_file name files that the collector may read"
	}
	return "check tls and proxy_url"
}

// storageError is a storage that does not work.
type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

// Hint names the key behind the error.
func (e *storageError) Hint() string {
	if hint := hintOf(e.err); hint != "" {
		return hint
	}
	return "see that the extension named in storage can read and write: free space, permissions, no second collector on the same " +
		"directory, no damaged file"
}

// ready makes the collector unless there is one. What is missing is looked for again at the next tick.
func (r *messageTraceReceiver) ready(ctx context.Context) bool {
	if r.collector != nil {
		return true
	}
	collector, err := r.newCollector(ctx)
	if err != nil && ctx.Err() == nil {
		r.health.failed(setup, "cannot collect yet; looked at again at the next tick", err)
	}
	if err != nil {
		return false
	}
	r.collector = collector
	r.running.Store(collector)
	r.health.ok(setup)
	return true
}

// newCollector connects what runs the jobs with everything that it needs. It sends nothing.
func (r *messageTraceReceiver) newCollector(ctx context.Context) (*collect.Collector, error) {
	endpoint, err := url.Parse(strings.TrimRight(r.cfg.endpoint(), "/"))
	if err != nil {
		return nil, err
	}
	opened, err := r.openLedger(ctx)
	if err != nil {
		return nil, &storageError{err}
	}
	client, err := r.dial(ctx, endpoint)
	if err != nil {
		r.closeConnections()
		return nil, &clientError{err}
	}
	return collect.New(collect.Options{
		Source: client,
		Ledger: opened,
		Origin: &records.Origin{
			InputID:       r.set.ID.String(),
			TenantID:      r.cfg.TenantID,
			Endpoint:      r.cfg.endpoint(),
			ServerAddress: endpoint.Hostname(),
			ScopeName:     metadata.ScopeName,
			ScopeVersion:  version,
			Body:          r.cfg.Body == RawBody,
			Internal:      r.cfg.InternalFields,
			Local:         records.NewDomains(r.cfg.LocalDomains),
			Fields:        r.fields,
		},
		Consumer: r.next,
		Obs:      r.obs,
		Observer: observer{r},
		Now:      func() time.Time { return r.serviceClock(wallClock()) },
		Finest:   r.cfg.limits().finest,

		Admit:        observer{r}.admit,
		Plan:         r.plan,
		WithinWindow: !r.cfg.DisableTimeFilter,
		Timeout:      r.cfg.JobTimeout,
		Retry:        observer{r}.retryDamaged(r.cfg.Retry.rules()),
	}), nil
}

// openLedger opens what has been read and delivered before.
func (r *messageTraceReceiver) openLedger(ctx context.Context) (*ledger.Ledger, error) {
	var client storage.Client = ledger.Memory{}
	if id := r.cfg.StorageID; id != nil {
		if r.storage == nil {
			opened, err := r.storageClient(ctx, *id, "")
			if err != nil {
				return nil, err
			}
			r.storage = opened
		}
		client = r.storage
	}
	opened, err := ledger.Open(ctx, ledger.Options{
		Client: client,
		Tenant: r.cfg.tenantKey(),
		Warn:   func(message string) { r.set.Logger.Warn(message) },
		Stamps: r.quota.Stamps,
	})
	if err != nil {
		return nil, err
	}
	r.quota.Restore(opened.SavedStamps())
	return opened, nil
}

// storageClient opens what the extension keeps under a name of the receiver's. File storage panics on some damaged files.
func (r *messageTraceReceiver) storageClient(ctx context.Context, id component.ID, name string) (client storage.Client, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			client, err = nil, fmt.Errorf("cannot open the storage: %v", reason)
		}
	}()
	client, err = r.host.GetExtensions()[id].(storage.Extension).GetClient(ctx, component.KindReceiver, r.set.ID, name)
	if err != nil {
		return nil, fmt.Errorf("cannot open the storage: %w", err)
	}
	return client, nil
}

// connect makes the client of the service.
func (r *messageTraceReceiver) connect(ctx context.Context, endpoint *url.URL) (collect.Source, error) {
	pages, err := r.httpClient(ctx, &r.cfg.ClientConfig, r.host.GetExtensions())
	if err != nil {
		return nil, err
	}
	signIn, err := r.httpClient(ctx, r.cfg.signInClient(), nil)
	if err != nil {
		return nil, err
	}
	pages.Transport = transport.Unzip(pages.Transport)
	return r.source(pages, r.authorizer(signIn), endpoint), nil
}

// source makes the client of the service of an HTTP client and what gives it credentials.
func (r *messageTraceReceiver) source(pages *http.Client, auth transport.Authorizer, endpoint *url.URL) collect.Source {
	pages.Transport = &watchedTransport{next: pages.Transport, answered: observer{r}.answered}
	options := transport.Options{
		HTTP:     pages,
		Endpoint: endpoint,
		Auth:     auth,
		Scheme:   r.cfg.scheme(),
		Quota:    r.quota,
		Retry:    r.cfg.Retry.rules(),
		Observer: observer{r},
	}
	if r.cfg.api() == ReportingWebService {
		options.Service, options.FoldPath = reporting.Service{}, true
		return reporting.NewClient(transport.NewClient(options), endpoint, r.cfg.query())
	}
	options.Service = graph.Service{}
	return graph.NewClient(transport.NewClient(options), endpoint, r.cfg.query())
}

// httpClient makes an HTTP client whose idle connections are closed with the receiver.
func (r *messageTraceReceiver) httpClient(
	ctx context.Context, cfg *confighttp.ClientConfig, extensions map[component.ID]component.Component,
) (*http.Client, error) {
	settings := r.set.TelemetrySettings
	// Spans of the client would carry the query, in which a filter's addresses stand. Without providers the client is also
	// one whose idle connections can be closed; what is worth measuring, the receiver measures itself.
	settings.TracerProvider, settings.MeterProvider = nil, nil
	client, err := cfg.ToClient(ctx, extensions, settings)
	if err == nil {
		r.clients = append(r.clients, client)
	}
	return client, err
}

// rules turns the configuration into the rules of the transport.
func (r *Retry) rules() transport.Retry {
	rules := transport.Retry{
		MaxRetries:      r.MaxRetries,
		InitialInterval: r.InitialInterval,
		MaxInterval:     r.MaxInterval,
		Multiplier:      r.Multiplier,
		Codes:           r.HTTPCodes,
		HonorRetryAfter: r.HonorRetryAfter,
		MaxRetryAfter:   r.MaxRetryAfter,
		Timeouts:        r.ConnectionTimeout,
		Resets:          r.ConnectionReset,
	}
	if len(rules.Codes) == 0 {
		rules.Codes = defaultHTTPCodes()
	}
	switch r.Type {
	case RetryStatic:
		rules.Multiplier, rules.MaxInterval = 1, max(r.InitialInterval, r.MaxInterval)
	case RetryDisabled:
		rules.MaxRetries = 0
	}
	return rules
}
