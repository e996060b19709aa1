// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/checkup"
	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/poll"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// checkedRows is how many rows a check asks for.
	checkedRows = minPageSize
	// checkedRetries is how often a check sends a request again, each time after checkedWait.
	checkedRetries = 1
	checkedWait    = time.Second
	// A check asks for the mail of checkedWindow, and where there is none for that of longerWindow.
	checkedWindow = time.Hour
	longerWindow  = 24 * time.Hour
)

// Check tries a valid configuration: it signs in and asks for a page of the newest rows, by the code that the receiver itself
// runs, but waits for each answer no longer than patience, and hardly repeats a request. It delivers and keeps nothing, and
// changes nothing in the service but what its quota has left. What it finds is added to the result.
func (cfg *Config) Check(ctx context.Context, id component.ID, patience time.Duration, result *checkup.Result) {
	in := cfg.signIn()
	result.TenantID, result.API, result.Plan, result.Endpoint = cfg.TenantID, string(cfg.api()), string(cfg.SubscriptionPlan), cfg.endpoint()
	result.SignIn, result.ClientID = cfg.signInKey(), in.ClientID
	result.Warn(cfg.warnings()...)
	if cfg.isIdle() {
		result.Warn("environment is not current_environment, so that the receiver does nothing here")
	}
	if err := cfg.impatient(patience).try(ctx, id, patience, result); err != nil {
		result.Fail(err)
	}
	if cfg.ProxyURL != "" {
		// It may hold a password, so it is not repeated.
		result.Rewrite("curl ", "curl --proxy PROXY_URL ")
	}
}

// MissingExtensions reports every extension that the configuration names and that the collector does not run, given those that
// its configuration defines and those of them that service.extensions lists.
func (cfg *Config) MissingExtensions(defined, listed map[component.ID]bool) error {
	var errs []error
	for _, need := range cfg.needs() {
		switch {
		case listed[need.id] && defined[need.id]:
		case defined[need.id]:
			errs = append(errs, fmt.Errorf("%s: the extension %q is defined, but does not run; add it to service.extensions", need.key, need.id))
		default:
			errs = append(errs, need.undefined())
		}
	}
	return errors.Join(errs...)
}

// signInKey is the key of the way to sign in.
func (cfg *Config) signInKey() string {
	for _, way := range cfg.ways() {
		return way.key
	}
	return "auth"
}

// impatient is the configuration with the bounds of a check.
func (cfg *Config) impatient(patience time.Duration) *Config {
	quick := *cfg
	if quick.Timeout == 0 || quick.Timeout > patience {
		quick.Timeout = patience
	}
	quick.PageSize = new(checkedRows)
	quick.Retry = Retry{
		Type: RetryStatic, InitialInterval: checkedWait, MaxRetries: checkedRetries, Multiplier: 1, MaxInterval: checkedWait,
		HTTPCodes: cfg.Retry.HTTPCodes, HonorRetryAfter: true, MaxRetryAfter: checkedWait, ConnectionReset: true,
	}
	return &quick
}

// extensionNeeded is an extension that takes part in requests, which runs only in a collector.
type extensionNeeded struct{ key string }

func (e *extensionNeeded) Error() string {
	return e.key + ": an extension takes part in requests, which runs only in a collector; nothing has been sent"
}

// Scope returns what the error is about.
func (*extensionNeeded) Scope() trouble.Scope { return trouble.Setup }

// Hint names what else there is.
func (*extensionNeeded) Hint() string { return "start the collector and look at its log" }

// try signs in and asks.
func (cfg *Config) try(ctx context.Context, id component.ID, patience time.Duration, result *checkup.Result) error {
	switch {
	case cfg.Auth.HasValue():
		return &extensionNeeded{"auth"}
	case len(cfg.Middlewares) > 0:
		return &extensionNeeded{"middlewares"}
	}
	endpoint, err := url.Parse(strings.TrimRight(cfg.endpoint(), "/"))
	if err != nil {
		return err
	}
	r, err := newMessageTraceReceiver(unheard(id), cfg, nil)
	if err != nil {
		return err
	}
	defer r.report.Shutdown()
	r.host = nobody{}
	r.quota = transport.Unshared()
	defer r.closeConnections()
	a, err := r.access(ctx)
	if err != nil {
		return &clientError{err}
	}
	if watched, ok := a.auth.(*inspected); ok {
		a.auth = watched.Authorizer
	}
	if err := cfg.trySignIn(ctx, a.auth, patience, result); err != nil {
		return err
	}
	return cfg.askNewest(ctx, r.source(a.pages, a.connections, a.auth, endpoint), result)
}

// nobody is a host without extensions.
type nobody struct{}

func (nobody) GetExtensions() map[component.ID]component.Component { return nil }

// unheard are settings of a receiver that nobody hears.
func unheard(id component.ID) receiver.Settings {
	return receiver.Settings{ID: id, TelemetrySettings: component.TelemetrySettings{
		Logger: zap.NewNop(), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
	}}
}

// trySignIn gets a token and looks at it.
func (cfg *Config) trySignIn(ctx context.Context, auth transport.Authorizer, patience time.Duration, result *checkup.Result) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := auth.Token(waiting)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	if tokens, ok := auth.(*entra.TokenSource); ok {
		result.CredentialExpires = tokens.Expires()
	}
	found, readable := claims.Read(token)
	if !readable {
		return nil
	}
	result.Token = &checkup.Token{
		TenantID: transport.Clean(found.TenantID), Audience: transport.Clean(found.Audience),
		Roles: append([]string{}, found.ReadableRoles()...), Expires: found.Expires(),
	}
	for _, lack := range cfg.missing(found) {
		result.Warn(mayRefuse + lack)
	}
	return nil
}

// askNewest asks for the newest rows, of a longer time where there are none.
func (cfg *Config) askNewest(ctx context.Context, service collect.Source, result *checkup.Result) error {
	for _, length := range []time.Duration{checkedWindow, longerWindow} {
		now := time.Now().UTC()
		asked := &checkup.Asked{Start: now.Add(-length), End: now}
		page, err := service.First(ctx, trace.Live, trace.Window{Start: asked.Start, End: asked.End}, 0)
		if err != nil {
			return err
		}
		if err := readNewest(page, asked); err != nil {
			return err
		}
		result.Asked = asked
		if asked.Rows == 0 {
			continue
		}
		if ahead := page.Served.Sub(page.Arrived).Round(time.Second); !page.Served.IsZero() && ahead.Abs() > poll.MaxSkew {
			result.Warn(fmt.Sprintf("this machine's clock differs from the service's, which is ahead by %s; set it, or mail comes late", ahead))
		}
		return nil
	}
	why := "if people get mail, see whether tenant_id names the right tenant"
	if cfg.Filter != (Filter{}) {
		why += ", and whether filter lets any row pass"
	}
	result.Warn("the service has no row of the last " + short(longerWindow) + ": " + why)
	return nil
}

// readNewest reads a page to its end.
func readNewest(page *source.Page, asked *checkup.Asked) error {
	defer page.Done()
	for row, err := range page.Rows {
		if err != nil {
			return err
		}
		asked.Rows++
		if row.Received.After(asked.Newest) {
			asked.Newest = row.Received.UTC()
		}
	}
	if !asked.Newest.IsZero() {
		asked.NewestAge = int64(max(0, page.Arrived.Sub(asked.Newest)) / time.Second)
	}
	return nil
}
