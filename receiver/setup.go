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
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/source/reporting"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// clientError is a setting of the HTTP client that needs something of this machine that is not there, such as a file.
type clientError struct{ err error }

func (e *clientError) Error() string { return "cannot set up the HTTP client: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// Scope returns what the error is about.
func (e *clientError) Scope() trouble.Scope { return trouble.Setup }

// Hint names the keys that can be behind the error.
func (e *clientError) Hint() string {
	if _, ok := errors.AsType[*fs.PathError](e.err); ok {
		return "see that tls.ca_file, tls.cert_file and tls.key_file name files that the collector may read"
	}
	return "check tls and proxy_url"
}

// open connects what runs the jobs with everything that it needs. It sends nothing. What it opens is closed by release.
func (r *messageTraceReceiver) open(
	ctx context.Context, gate collect.Gate, now func() time.Time,
) (_ *collect.Collector, release func(), err error) {
	var client storage.Client = r.memory
	closeAll := func() {
		r.closeConnections()
		// The context of the term has ended.
		_ = client.Close(context.WithoutCancel(ctx))
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	endpoint, err := url.Parse(strings.TrimRight(r.cfg.endpoint(), "/"))
	if err != nil {
		return nil, nil, err
	}
	if id := r.cfg.StorageID; id != nil {
		opened, err := r.storageClient(ctx, *id, "")
		if err != nil {
			return nil, nil, err
		}
		client = opened
	}
	known, err := r.openLedger(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	source, err := r.dial(ctx, endpoint)
	if err != nil {
		return nil, nil, &clientError{err}
	}
	return collect.New(r.collectOptions(endpoint, source, known, gate, now)), closeAll, nil
}

func (r *messageTraceReceiver) collectOptions(
	endpoint *url.URL, source collect.Source, known *ledger.Ledger, gate collect.Gate, now func() time.Time,
) collect.Options {
	return collect.Options{
		Source: source,
		Ledger: known,
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
			Attributes:    records.Attributes(r.cfg.Attributes),
			Severities:    r.cfg.severities(),
			Fields:        r.fields,
		},
		Consumer: r.next,
		Obs:      r.obs,
		Observer: r.report,
		Now:      now,
		Finest:   r.cfg.limits().finest,

		Gate:         gate,
		Plan:         r.plan,
		WithinWindow: !r.cfg.DisableTimeFilter,
		Timeout:      r.cfg.JobTimeout,
		Retry:        r.retryDamaged(r.cfg.Retry.rules()),
		Details:      r.collectDetails(source),
	}
}

// retryDamaged is the rule for damaged pages: the same as for requests.
func (r *messageTraceReceiver) retryDamaged(rules transport.Retry) func(ctx context.Context, n int) (time.Duration, bool) {
	return func(ctx context.Context, n int) (time.Duration, bool) {
		if n > rules.MaxRetries || transport.IsOnce(ctx) {
			return 0, false
		}
		r.report.Damaged()
		return rules.Wait(n), true
	}
}

// openLedger opens what has been read and delivered before.
func (r *messageTraceReceiver) openLedger(ctx context.Context, client storage.Client) (*ledger.Ledger, error) {
	opened, err := ledger.Open(ctx, ledger.Options{
		Client:   client,
		Tenant:   r.cfg.tenantKey(),
		Warn:     func(message string) { r.set.Logger.Warn(message) },
		Stamps:   r.quota.Stamps,
		MoveAway: r.moveAway(),
		Fenced:   r.cfg.LeaderElectorID != nil,
		Details:  r.detailOptions(),
	})
	if err != nil {
		return nil, err
	}
	r.quota.Restore(opened.SavedStamps())
	if r.details != nil {
		r.details.most.Restore(opened.SavedDetailStamps())
	}
	return opened, nil
}

// closeConnections gives up the connections, which are closed unless other receivers use them.
func (r *messageTraceReceiver) closeConnections() {
	for _, leave := range r.leave {
		leave()
	}
	r.leave = nil
}

// storageClient opens what the extension keeps under a name of the receiver's. File storage panics on some damaged files.
func (r *messageTraceReceiver) storageClient(ctx context.Context, id component.ID, name string) (client storage.Client, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			client, err = nil, &ledger.StorageError{Doing: "open the storage", Err: fmt.Errorf("%v", reason), Step: r.moveAway()}
		}
	}()
	client, err = r.host.GetExtensions()[id].(storage.Extension).GetClient(ctx, component.KindReceiver, r.set.ID, name)
	if err != nil {
		failure := &ledger.StorageError{Doing: "open the storage", Err: err}
		if damagedFile.MatchString(err.Error()) {
			failure.Step = r.moveAway()
		}
		return nil, failure
	}
	return client, nil
}

// damagedFile matches how bbolt, which file_storage stores in, calls a file that is none of its own.
var damagedFile = regexp.MustCompile(`invalid database|version mismatch|checksum error`)

// unsafeInFile matches what file_storage replaces in the names of components to make names of files (its README, "Replacing
// unsafe characters in component names").
var unsafeInFile = regexp.MustCompile(`[^\w.-]`)

// moveAway is how to move away the state of this receiver, as far as it is known where it is.
func (r *messageTraceReceiver) moveAway() trouble.Step {
	if r.cfg.StorageID == nil || r.cfg.StorageID.Type().String() != "file_storage" {
		return trouble.Step{}
	}
	name := unsafeInFile.ReplaceAllStringFunc(r.set.ID.Name(), func(c string) string {
		r, _ := utf8.DecodeRuneInString(c)
		return fmt.Sprintf("~%04X", r)
	})
	file := "DIRECTORY/receiver_" + r.set.ID.Type().String() + "_" + name
	return trouble.Step{Command: "mv " + file + " " + file + ".damaged"}
}

// connect makes the client of the service.
func (r *messageTraceReceiver) connect(ctx context.Context, endpoint *url.URL) (collect.Source, error) {
	a, err := r.access(ctx)
	if err != nil {
		return nil, err
	}
	return r.source(a.pages, a.connections, a.auth, endpoint), nil
}

// access is what it takes to ask the service.
type access struct {
	pages       *http.Client
	connections *transport.Connections
	auth        transport.Authorizer
}

func (r *messageTraceReceiver) access(ctx context.Context) (*access, error) {
	pages, connections, err := r.httpClient(ctx, &r.cfg.ClientConfig)
	if err != nil {
		return nil, err
	}
	signIn, ofSignIn, err := r.httpClient(ctx, r.cfg.signInClient())
	if err != nil {
		return nil, err
	}
	pages.Transport = transport.Unzip(pages.Transport)
	return &access{pages, connections, r.authorizer(signIn, ofSignIn)}, nil
}

// source makes the client of the service of an HTTP client, what is known of its connections, and what gives it credentials.
func (r *messageTraceReceiver) source(
	pages *http.Client, connections *transport.Connections, auth transport.Authorizer, endpoint *url.URL,
) collect.Source {
	pages.Transport = &watchedTransport{next: pages.Transport, answered: r.answered}
	options := transport.Options{
		HTTP:        pages,
		Connections: connections,
		Endpoint:    endpoint,
		Auth:        auth,
		Scheme:      r.cfg.scheme(),
		Quota:       r.quota.Quota,
		Retry:       r.cfg.Retry.rules(),
		Observer:    r.report,
	}
	if r.cfg.api() == ReportingWebService {
		options.Service, options.FoldPath = reporting.Service{}, true
		return r.withDetails(reporting.NewClient(transport.NewClient(options), endpoint, r.cfg.query()), options)
	}
	options.Service = graph.Service{}
	return r.withDetails(graph.NewClient(transport.NewClient(options), endpoint, r.cfg.query()), options)
}

// httpClient returns an HTTP client, whose connections are given up with the receiver, and what is known of them.
func (r *messageTraceReceiver) httpClient(ctx context.Context, cfg *confighttp.ClientConfig) (*http.Client, *transport.Connections, error) {
	client, connections, leave, err := roads.take(ctx, cfg, r.dialClient)
	if err == nil {
		r.leave = append(r.leave, leave)
	}
	return client, connections, err
}

// dialClient makes an HTTP client of its settings.
func (r *messageTraceReceiver) dialClient(ctx context.Context, cfg *confighttp.ClientConfig) (*http.Client, error) {
	settings := r.set.TelemetrySettings
	// Spans of the client would carry the query, in which a filter's addresses stand. Without providers the client is also
	// one whose idle connections can be closed; what is worth measuring, the receiver measures itself.
	settings.TracerProvider, settings.MeterProvider = nil, nil
	return cfg.ToClient(ctx, r.host.GetExtensions(), settings)
}

// answered tells of a response, nil if none came.
func (r *messageTraceReceiver) answered(ctx context.Context, resp *http.Response) {
	r.report.Answered(ctx, resp)
	poller := r.poller.Load()
	if resp == nil || poller == nil {
		return
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	if poller.Heard(resp.StatusCode, date).IsZero() {
		// Nobody else must go by it.
		resp.Header.Del("Date")
	}
}

// watchedTransport tells of the responses that pass through it.
type watchedTransport struct {
	next http.RoundTripper
	// answered is called with the response to each request, nil if none came.
	answered func(ctx context.Context, resp *http.Response)
}

// RoundTrip implements http.RoundTripper.
func (t *watchedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	t.answered(req.Context(), resp)
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t *watchedTransport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
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
