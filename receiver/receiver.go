// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
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
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/poll"
	"github.com/o365messagetrace/o365messagetrace/internal/shard"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/report"
)

// version is the version of this module. It is the version of the scope of all records.
const version = "0.1.0"

// messageTraceReceiver reads the message traces of one tenant. It is what the collector sees; package poll does the work.
type messageTraceReceiver struct {
	cfg    *Config
	plan   plan.Config
	fields *fields.Fields
	set    receiver.Settings
	next   consumer.Logs
	obs    *receiverhelper.ObsReport
	report *report.Report
	// dial makes the client of the service.
	dial func(ctx context.Context, endpoint *url.URL) (collect.Source, error)
	// tooLoud reports whether log_level asks for more than the collector logs.
	tooLoud bool

	host  component.Host
	quota *transport.Share
	// details are the budgets of requests for details, nil if nobody asks for any.
	details *detailQuotas
	// leave gives up the connections in use.
	leave []func()
	// memory is the state of a receiver without storage.
	memory ledger.Memory
	// recorder is the record of the jobs, nil without a Job Inspector.
	recorder *jobs.Recorder
	poller   atomic.Pointer[poll.Poller]

	cancel context.CancelFunc
	done   chan struct{}
}

func newMessageTraceReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*messageTraceReceiver, error) {
	var tooLoud bool
	set.Logger, tooLoud = cfg.logger(set.Logger)
	set.Logger = report.Unsampled(set.Logger, cmp.Or(cfg.TenantID, set.ID.String()))
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.ID,
		Transport:              "http",
		ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	reporter, err := report.New(report.Options{Settings: set, UnhealthyAfter: cfg.UnhealthyAfter, SummaryEvery: cfg.SummaryInterval})
	if err != nil {
		return nil, err
	}
	r := &messageTraceReceiver{cfg: cfg, set: set, next: next, obs: obs, report: reporter, tooLoud: tooLoud, memory: ledger.Memory{}}
	r.plan = cfg.planConfig(offset(set.ID, cfg.PollSpread))
	r.dial = r.connect
	r.fields, err = fields.Compile(cfg.definitions(), set.TelemetrySettings, reporter.FieldFailed)
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
	if r.cfg.isIdle() {
		r.set.Logger.Warn("idle: environment says that this receiver runs elsewhere",
			zap.String("environment", r.cfg.Environment), zap.String("current_environment", r.cfg.CurrentEnvironment))
		return nil
	}
	if owner := shard.Owner(r.cfg.tenantKey(), r.cfg.Shard.Count); owner != r.cfg.Shard.Index {
		r.set.Logger.Info("idle: another replica reads this tenant", zap.String("tenant", r.cfg.TenantID),
			zap.Int("shard.index", r.cfg.Shard.Index), zap.Int("owner", owner))
		return nil
	}
	r.host = host
	r.shareQuota()
	r.details = r.shareDetailQuotas()
	if err := r.startReport(); err != nil {
		r.leaveQuotas()
		return err
	}
	r.logStart()
	r.logOnce()
	// The context of Start ends with Start, the poller with Shutdown.
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		defer r.leaveQuotas()
		defer r.record(ctx)()
		poller := poll.New(r.pollOptions())
		r.poller.Store(poller)
		defer r.show()()
		poller.Run(ctx)
	}()
	return nil
}

// isIdle reports whether the receiver is to run elsewhere.
func (cfg *Config) isIdle() bool {
	return cfg.Environment != "" && cfg.Environment != cfg.CurrentEnvironment
}

// startReport begins to tell what happens.
func (r *messageTraceReceiver) startReport() error {
	err := r.report.Start(func(event *componentstatus.Event) { componentstatus.ReportStatus(r.host, event) }, r.quota)
	if err == nil && r.details != nil {
		err = r.report.ObserveDetails()
	}
	return err
}

// leaveQuotas gives back the part in the budgets of the tenant.
func (r *messageTraceReceiver) leaveQuotas() {
	r.quota.Leave()
	r.details.leave()
}

// pollOptions is what the poller needs.
func (r *messageTraceReceiver) pollOptions() poll.Options {
	o := poll.Options{
		Plan:     r.plan,
		Open:     r.open,
		PageSize: r.cfg.query().PageSize,
		Budget:   r.quota,
		Reporter: r.report,
		Recorder: r.recorder,
		MaxJobs:  r.cfg.MaxConcurrentJobs,
	}
	if r.details != nil {
		o.Details = r.details
	}
	if id := r.cfg.LeaderElectorID; id != nil {
		o.Elect = electionOf(r.host.GetExtensions()[*id])
	}
	return o
}

// logStart logs what is read, from where, and where the state is.
func (r *messageTraceReceiver) logStart() {
	state := "in memory only"
	if id := r.cfg.StorageID; id != nil {
		state = id.String()
	}
	fields := []zap.Field{
		zap.String("tenant", r.cfg.TenantID), zap.String("api", string(r.cfg.api())), zap.String("plan", string(r.cfg.SubscriptionPlan)),
		zap.Stringer("poll_interval", r.cfg.PollInterval), zap.String("state", state),
	}
	if r.plan.Range != nil {
		dates := r.cfg.DateRange.Get()
		fields = append(fields, zap.String("start", dates.Start), zap.String("end", dates.End))
	} else {
		fields = append(fields, zap.Durations("revisit_ages", r.cfg.RevisitAges), zap.Stringer("initial_lookback", r.cfg.InitialLookback))
	}
	r.set.Logger.Info("collecting message traces", fields...)
}

// logOnce logs what the user should know of the configuration.
func (r *messageTraceReceiver) logOnce() {
	if r.tooLoud {
		r.set.Logger.Log(max(zapcore.WarnLevel, zapcore.LevelOf(r.set.Logger.Core())),
			"log_level asks for more than the collector logs; lower service.telemetry.logs.level as well",
			zap.String("log_level", string(r.cfg.LogLevel)))
	}
	for _, warning := range r.cfg.warnings() {
		r.set.Logger.Warn(warning)
	}
	r.logUncovered()
	r.logClamped(time.Now())
	switch {
	case r.cfg.StorageID != nil:
	case r.plan.Range != nil:
		r.set.Logger.Warn("storage is not set: a restart starts date_range over, misses the ticks in between, and may deliver rows again")
	default:
		r.set.Logger.Warn("storage is not set: a restart starts over from initial_lookback ago, and may deliver rows again",
			zap.Stringer("initial_lookback", r.cfg.InitialLookback))
	}
}

// logClamped tells where reading begins if the service does not keep all that is asked for.
func (r *messageTraceReceiver) logClamped(now time.Time) {
	kept := now.UTC().Add(plan.KeepMargin - r.plan.Retention).Truncate(time.Second)
	key, clamped := "initial_lookback", r.cfg.InitialLookback > r.plan.InitialLookback
	if r.plan.Range != nil {
		key, clamped = "date_range", r.plan.Range.At(now).Start.Before(kept)
	}
	if !clamped {
		return
	}
	r.set.Logger.Info(key+" reaches further back than the service keeps mail; reading begins where it still does", zap.Time("from", kept))
}

// Shutdown ends the poller, also in the middle of a page, and waits for it as long as ctx allows.
func (r *messageTraceReceiver) Shutdown(ctx context.Context) error {
	defer r.report.Shutdown()
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		return fmt.Errorf("the poller did not end in time: %w", ctx.Err())
	}
	return nil
}

// checkExtensions reports every extension that the configuration names and that does not run, or is of another kind. A
// component sees the extensions that run alone: it cannot tell one that is not defined from one that is only not listed.
func (r *messageTraceReceiver) checkExtensions(host component.Host) error {
	var errs []error
	for _, need := range r.cfg.needs() {
		extension, runs := host.GetExtensions()[need.id]
		switch {
		case !runs:
			errs = append(errs, need.undefined())
		case !need.fits(extension):
			errs = append(errs, fmt.Errorf("%s: the extension %q %s", need.key, need.id, need.wrong))
		}
	}
	return errors.Join(errs...)
}

// need is an extension that the configuration names under a key.
type need struct {
	key string
	id  component.ID
	// fits reports whether an extension is of the right kind, and wrong is what is to be said where it is not.
	fits  func(component.Component) bool
	wrong string
}

func (n need) undefined() error {
	return fmt.Errorf("%s: there is no extension %q; define it under extensions, and add it to service.extensions", n.key, n.id)
}

// needs returns the extensions that the configuration names.
func (cfg *Config) needs() (all []need) {
	for _, middleware := range cfg.Middlewares {
		all = append(all, need{"middlewares", middleware.ID, func(component.Component) bool { return true }, ""})
	}
	if cfg.Auth.HasValue() {
		all = append(all, need{"auth", cfg.Auth.Get().AuthenticatorID, is[extensionauth.HTTPClient], "cannot sign requests in"})
	}
	if id := cfg.InspectorID; id != nil {
		all = append(all, need{"inspector", *id, is[jobs.Inspector], "is no Job Inspector; name one of type o365jobinspector"})
	}
	if id := cfg.LeaderElectorID; id != nil {
		all = append(all, need{"k8s_leader_elector", *id, func(c component.Component) bool { return electionOf(c) != nil }, "elects no leader"})
	}
	if id := cfg.StorageID; id != nil {
		all = append(all, need{"storage", *id, is[storage.Extension], "is no storage"})
	}
	return all
}

// is reports whether a component is a T.
func is[T any](c component.Component) bool {
	_, ok := c.(T)
	return ok
}

// shareQuota joins the budget of requests that the tenant has in this process.
func (r *messageTraceReceiver) shareQuota() {
	own := transport.Rate{Requests: r.cfg.RateLimit.Requests, Interval: r.cfg.RateLimit.Interval}
	r.quota = transport.ShareQuota(r.cfg.tenantKey(), own)
	r.warnOfOthers(r.quota.Others)
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

// warnOfOthers warns of others who read the same tenant in this process.
func (r *messageTraceReceiver) warnOfOthers(others int) {
	if others > 0 {
		r.report.Once("another receiver of this collector reads the same tenant: each delivers the tenant's rows, so that they come twice " +
			"unless their filters differ; remove one of them")
	}
}
