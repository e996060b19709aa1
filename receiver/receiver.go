// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/fields"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// version is the version of this module. It is the version of the scope of all records.
const version = "0.1.0"

// messageTraceReceiver reads the message traces of one tenant.
type messageTraceReceiver struct {
	cfg       *Config
	plan      plan.Config
	fields    *fields.Fields
	set       receiver.Settings
	next      consumer.Logs
	obs       *receiverhelper.ObsReport
	telemetry *telemetry

	host    component.Host
	health  *health
	quota   *transport.Quota
	clients []*http.Client
	storage storage.Client
	// dial makes the client of the service.
	dial func(ctx context.Context, endpoint *url.URL) (collect.Source, error)
	// collector is nil until everything that it needs of this machine is there.
	collector *collect.Collector
	skew      skew
	// running is the collector, for those who look at it from another goroutine.
	running  atomic.Pointer[collect.Collector]
	recorder atomic.Pointer[jobs.Recorder]
	requests requests
	// wake has backfill look for what is open.
	wake chan struct{}
	// lacks is what has been said of tokens, and failed of fields.
	lacks, failed sync.Map
	// tooLoud says that log_level asks for more than the collector logs.
	tooLoud bool

	// release gives back what is shared with other receivers.
	release func()
	cancel  context.CancelFunc
	done    chan struct{}
}

func newMessageTraceReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*messageTraceReceiver, error) {
	var tooLoud bool
	set.Logger, tooLoud = cfg.logger(set.Logger)
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
	r := &messageTraceReceiver{cfg: cfg, set: set, next: next, obs: obs, telemetry: t, tooLoud: tooLoud, wake: make(chan struct{}, 1)}
	r.plan = cfg.planConfig(offset(set.ID, cfg.PollSpread))
	r.dial = r.connect
	r.fields, err = fields.Compile(cfg.definitions(), set.TelemetrySettings, observer{r}.fieldFailed)
	return r, err
}

// offset is how much later than others the receiver with the ID ticks: whole seconds, less than spread.
func offset(id component.ID, spread time.Duration) time.Duration {
	seconds := uint64(spread / time.Second) //nolint:gosec // not negative
	if seconds == 0 {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(id.String()))
	return time.Duration(hash.Sum64()%seconds) * time.Second //nolint:gosec // less than an hour
}

// planConfig is what the plan depends on.
func (cfg *Config) planConfig(offset time.Duration) plan.Config {
	return plan.Config{
		Offset:          offset,
		Range:           cfg.planRange(),
		Hold:            cfg.Statuses == FinalStatuses,
		Interval:        cfg.PollInterval,
		InitialLookback: min(cfg.InitialLookback, cfg.limits().retention-plan.KeepMargin),
		MinAge:          cfg.MinAge,
		Ages:            cfg.RevisitAges,
		Retention:       cfg.limits().retention,
	}
}

// Start launches the loop and returns. It fails only if an extension that the configuration names does not exist; what
// else is missing is looked for again at each tick.
func (r *messageTraceReceiver) Start(_ context.Context, host component.Host) error {
	if err := r.checkExtensions(host); err != nil {
		return err
	}
	if r.cfg.Environment != "" && r.cfg.Environment != r.cfg.CurrentEnvironment {
		r.set.Logger.Info("idle: environment says that this receiver runs elsewhere",
			zap.String("environment", r.cfg.Environment), zap.String("current_environment", r.cfg.CurrentEnvironment))
		return nil
	}
	r.host = host
	r.health = newHealth(host, r.set.Logger)
	r.shareQuota()
	if err := r.telemetry.start(r.quota); err != nil {
		r.release()
		return err
	}
	r.sayOnce()
	// The context of Start ends with Start, the loop with Shutdown.
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		if id := r.cfg.InspectorID; id != nil {
			defer r.showTo(ctx, host.GetExtensions()[*id].(jobs.Inspector))()
		}
		if id := r.cfg.LeaderElectorID; id != nil {
			r.whileLeading(ctx, electionOf(host.GetExtensions()[*id]))
			return
		}
		r.loop(ctx)
	}()
	return nil
}

// sayOnce logs what the user should know of the configuration.
func (r *messageTraceReceiver) sayOnce() {
	if r.tooLoud {
		r.set.Logger.Log(max(zapcore.WarnLevel, zapcore.LevelOf(r.set.Logger.Core())),
			"log_level asks for more than the collector logs; lower service.telemetry.logs.level as well",
			zap.String("log_level", string(r.cfg.LogLevel)))
	}
	r.sayWhatIsNotCovered()
	switch {
	case r.cfg.StorageID != nil:
	case r.plan.Range != nil:
		r.set.Logger.Warn("storage is not set: a restart begins date_range anew, misses the ticks in between, and may deliver rows once more")
	default:
		r.set.Logger.Warn("storage is not set: a restart begins anew, initial_lookback back, and may deliver rows once more",
			zap.Stringer("initial_lookback", r.cfg.InitialLookback))
	}
	if r.cfg.Authentication.Basic.HasValue() {
		r.set.Logger.Warn("authentication.basic: Microsoft ended basic authentication in 2023; use another block of authentication")
	}
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
	r.release()
	r.closeConnections()
	if r.storage == nil {
		return nil
	}
	err := r.storage.Close(ctx)
	r.storage = nil
	return err
}

// closeConnections closes the connections that no request uses, for good.
func (r *messageTraceReceiver) closeConnections() {
	for _, client := range r.clients {
		client.CloseIdleConnections()
	}
	r.clients = nil
}

// checkExtensions reports every extension that the configuration names and the host does not have.
func (r *messageTraceReceiver) checkExtensions(host component.Host) error {
	var errs []error
	for _, middleware := range r.cfg.Middlewares {
		if _, ok := host.GetExtensions()[middleware.ID]; !ok {
			errs = append(errs, fmt.Errorf("middlewares: there is no extension %q", middleware.ID))
		}
	}
	if r.cfg.Auth.HasValue() {
		id := r.cfg.Auth.Get().AuthenticatorID
		if extension, ok := host.GetExtensions()[id]; !ok {
			errs = append(errs, fmt.Errorf("auth: there is no extension %q", id))
		} else if _, ok := extension.(extensionauth.HTTPClient); !ok {
			errs = append(errs, fmt.Errorf("auth: the extension %q cannot sign requests in", id))
		}
	}
	if id := r.cfg.InspectorID; id != nil {
		if extension, ok := host.GetExtensions()[*id]; !ok {
			errs = append(errs, fmt.Errorf("inspector: there is no extension %q", id))
		} else if _, ok := extension.(jobs.Inspector); !ok {
			errs = append(errs, fmt.Errorf("inspector: the extension %q is no Job Inspector; name one of type o365jobinspector", id))
		}
	}
	if id := r.cfg.LeaderElectorID; id != nil {
		if extension, ok := host.GetExtensions()[*id]; !ok {
			errs = append(errs, fmt.Errorf("k8s_leader_elector: there is no extension %q", id))
		} else if electionOf(extension) == nil {
			errs = append(errs, fmt.Errorf("k8s_leader_elector: the extension %q elects no leader", id))
		}
	}
	if id := r.cfg.StorageID; id != nil {
		if extension, ok := host.GetExtensions()[*id]; !ok {
			errs = append(errs, fmt.Errorf("storage: there is no extension %q", id))
		} else if _, ok := extension.(storage.Extension); !ok {
			errs = append(errs, fmt.Errorf("storage: the extension %q is no storage", id))
		}
	}
	return errors.Join(errs...)
}

// shareQuota joins the budget of requests that the tenant has in this process.
func (r *messageTraceReceiver) shareQuota() {
	own := transport.Rate{Requests: r.cfg.RateLimit.Requests, Interval: r.cfg.RateLimit.Interval}
	quota, release := transport.ShareQuota(r.cfg.tenantKey(), own)
	leave := allSlots.join(r.cfg.MaxConcurrentJobs)
	r.quota, r.release = quota, func() {
		leave()
		release()
	}
	rate := r.quota.Restrict(own)
	if rate != own {
		r.set.Logger.Info("another receiver of this tenant sets a lower rate_limit, which applies to both",
			zap.Int("requests", rate.Requests), zap.Stringer("interval", rate.Interval))
	}
	if needed := plan.Requests(r.plan, rate.Interval); rate.Requests > 0 && needed > rate.Requests {
		r.set.Logger.Warn("polling alone needs more requests than rate_limit allows, so that mail comes later than poll_interval says; "+
			"raise poll_interval, or have fewer revisit_ages", zap.Int("needed", needed), zap.Int("allowed", rate.Requests),
			zap.Stringer("interval", rate.Interval))
	}
}

// serviceClock is the time by the service's clock, as far as it is behind this machine's: what it calls the future cannot
// be asked for.
func (r *messageTraceReceiver) serviceClock(t time.Time) time.Time {
	if behind := -r.skew.ahead(); behind > skewTolerance {
		return t.Add(-behind).Truncate(time.Second)
	}
	return t
}

// serviceNow is the time by the service's clock, as far as that is known.
func (r *messageTraceReceiver) serviceNow() time.Time {
	return wallClock().Add(r.skew.ahead())
}
