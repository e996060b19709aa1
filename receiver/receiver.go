// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// version is the version of this module. It is the version of the scope of all records.
const version = "0.1.0"

// messageTraceReceiver reads the message traces of one tenant.
type messageTraceReceiver struct {
	cfg       *Config
	set       receiver.Settings
	next      consumer.Logs
	obs       *receiverhelper.ObsReport
	telemetry *telemetry

	host    component.Host
	health  *health
	clients []*http.Client
	ledger  *ledger.Ledger
	// collector is nil until everything that it needs of this machine is there.
	collector *collect.Collector

	cancel context.CancelFunc
	done   chan struct{}
}

func newMessageTraceReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*messageTraceReceiver, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              "http",
		ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	t, err := newTelemetry(set.TelemetrySettings, set.ID)
	if err != nil {
		return nil, err
	}
	return &messageTraceReceiver{cfg: cfg, set: set, next: next, obs: obs, telemetry: t, ledger: ledger.New()}, nil
}

// Start launches the loop and returns. It fails only if a middleware that the configuration names does not exist; what
// else is missing is looked for again at each tick.
func (r *messageTraceReceiver) Start(_ context.Context, host component.Host) error {
	for _, middleware := range r.cfg.Middlewares {
		if _, ok := host.GetExtensions()[middleware.ID]; !ok {
			return fmt.Errorf("middlewares: there is no extension %q", middleware.ID)
		}
	}
	if err := r.telemetry.start(); err != nil {
		return err
	}
	r.host = host
	r.health = newHealth(host, r.set.Logger)
	r.set.Logger.Warn("what has been read is remembered in memory only: a restart begins anew, initial_lookback back",
		zap.Duration("initial_lookback", r.cfg.InitialLookback))
	// The context of Start ends with Start, the loop with Shutdown.
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		r.loop(ctx)
	}()
	return nil
}

// Shutdown ends the loop, also in the middle of a page, and waits for it as long as ctx allows.
func (r *messageTraceReceiver) Shutdown(ctx context.Context) error {
	r.telemetry.Shutdown()
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("the loop did not end in time: %w", ctx.Err())
	}
	for _, client := range r.clients {
		client.CloseIdleConnections()
	}
	return nil
}

// newCollector connects what runs the jobs with everything that it needs.
func (r *messageTraceReceiver) newCollector(client *graph.Client) *collect.Collector {
	origin := &records.Origin{
		InputID:      r.set.ID.String(),
		TenantID:     r.cfg.TenantID,
		Endpoint:     r.cfg.endpoint(),
		ScopeName:    metadata.ScopeName,
		ScopeVersion: version,
	}
	if u, err := url.Parse(origin.Endpoint); err == nil {
		origin.ServerAddress = u.Hostname()
	}
	return &collect.Collector{
		Source:   client,
		Ledger:   r.ledger,
		Origin:   origin,
		Consumer: r.next,
		Obs:      r.obs,
		Observer: observer{r},
	}
}

// planConfig is what of the configuration the plan depends on.
func (cfg *Config) planConfig() plan.Config {
	return plan.Config{
		Interval:        cfg.PollInterval,
		InitialLookback: cfg.InitialLookback,
		MinAge:          cfg.MinAge,
		Retention:       graph.Retention,
	}
}
