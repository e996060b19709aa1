// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package report turns what happens in a receiver into component status, metrics, log lines and the records of jobs. It is
// told, never asked, and decides nothing.
package report

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/poll"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Report tells of one receiver.
type Report struct {
	metrics *metrics
	status  *status
	summary *summary
	logger  *zap.Logger
	// recorder records the jobs; nil records nothing.
	recorder *jobs.Recorder
	// logged is what has been logged once about fields and tokens.
	logged sync.Map
	// answered reports whether the service has answered with a page.
	answered atomic.Bool
}

var (
	_ poll.Reporter      = (*Report)(nil)
	_ collect.Observer   = (*Report)(nil)
	_ transport.Observer = (*Report)(nil)

	_ collect.DetailObserver = (*Report)(nil)
)

// Options is what a report depends on.
type Options struct {
	receiver.Settings
	// UnhealthyAfter is how long something must be wrong before the collector is told, 0 for at once.
	UnhealthyAfter time.Duration
	// SummaryEvery is how often what has been read is logged, 0 for never.
	SummaryEvery time.Duration
}

// New returns a report that tells nothing before Start.
func New(o Options) (*Report, error) {
	m, err := newMetrics(o.TelemetrySettings, o.ID)
	if err != nil {
		return nil, err
	}
	// Nothing that is told of here is a fault of the code, so that a stack would help nobody.
	logger := o.Logger.WithOptions(zap.AddStacktrace(zapcore.DPanicLevel))
	r := &Report{metrics: m, logger: logger, summary: &summary{logger: logger, every: o.SummaryEvery}}
	r.status = newStatus(func(*componentstatus.Event) {}, logger)
	r.status.unhealthyAfter = o.UnhealthyAfter
	return r, nil
}

// Quota is the budget of requests that is shown.
type Quota interface{ Used() float64 }

// Start begins to tell: the status to the collector, and the metrics that are read when somebody looks at them.
func (r *Report) Start(status func(*componentstatus.Event), quota Quota) error {
	r.status.report = status
	r.summary.start(quota.Used)
	return r.metrics.start(quota)
}

// ObserveDetails begins to tell of details, which nobody is told of who does not ask for any.
func (r *Report) ObserveDetails() error { return r.metrics.observeDetails() }

// Inquiries returns how many rows wait for their details, as of the last position.
func (r *Report) Inquiries() int {
	if state := r.metrics.state.Load(); state != nil {
		return state.inquiries
	}
	return 0
}

// RecordTo has what happens in jobs recorded; it must be called before any job runs.
func (r *Report) RecordTo(recorder *jobs.Recorder) { r.recorder = recorder }

// Credential is what signs in, whose expiry is a metric.
func (r *Report) Credential(tokens *entra.TokenSource) { r.metrics.credential.Store(tokens) }

// Health returns the component status, its hint, and since when it is so; zero if none has been reported.
func (r *Report) Health() (status, hint string, since time.Time) { return r.status.now() }

// Backfill returns how far the reading of older mail is, as of the last position.
func (r *Report) Backfill() jobs.Progress {
	if state := r.metrics.state.Load(); state != nil {
		return state.backfill
	}
	return jobs.Progress{}
}

// SignedIn logs, once, that the sign-in works, and what the token may do.
func (r *Report) SignedIn(roles []string) {
	if _, logged := r.logged.LoadOrStore("signed in", true); !logged {
		r.logger.Info("signed in", zap.Strings("roles", roles))
	}
}

// Shutdown ends the telling.
func (r *Report) Shutdown() {
	r.status.stop()
	r.summary.stop()
	r.metrics.Shutdown()
}

// Once logs a warning that has not been logged before.
func (r *Report) Once(message string, fields ...zap.Field) {
	if _, logged := r.logged.LoadOrStore(message, true); !logged {
		r.logger.Warn(message, fields...)
	}
}

// Report implements poll.Reporter.
func (r *Report) Report(event poll.Event) {
	switch e := event.(type) {
	case poll.Trouble:
		r.trouble(e)
	case poll.Recovery:
		r.status.ok(e.Scope)
	case poll.Position:
		r.metrics.observe(e)
		r.summary.position(e.State, e.Backfill)
	case poll.JobEnded:
		r.metrics.job(e.Lane, string(e.State), e.Took)
	case poll.Gap:
		r.gap(e)
	case poll.Abandoned:
		for _, w := range e.Windows {
			r.logger.Warn("mail is given up unread, since date_range has changed what is to be read", zap.Stringer("window", w))
		}
	case poll.PulledBack:
		r.logger.Warn("the stored position was ahead of this machine's clock and of the service's, and has been pulled back",
			zap.Time("position", e.Position), zap.Time("now", e.Now))
	case poll.ClockDiffers:
		r.logger.Warn("this machine's clock differs from the service's; set it, or mail comes late",
			zap.Stringer("service_ahead_by", e.Ahead))
	case poll.ClockDisputed:
		r.status.note(zapcore.WarnLevel, "this machine's clock seems to differ from the service's; nothing is read until that is certain",
			zap.Stringer("service_ahead_by", e.Ahead))
	case poll.PagesShrunk:
		r.logger.Warn("the service refuses long pages; it is asked for shorter ones", zap.Int("rows", e.From), zap.Int("rows_now", e.To),
			zap.String("error", e.Err.Error()), zap.String("hint", fmt.Sprintf("set page_size to %d", e.To)))
	case poll.Leadership:
		r.logger.Info(leadership[e])
	case poll.DetailsTrouble:
		r.status.note(zapcore.WarnLevel, "details could not be read; none are asked for until the time given, and mail is not affected",
			zap.Time("until", e.Until), zap.String("error", e.Err.Error()), zap.String("hint", trouble.HintOf(e.Err)))
	}
}

var leadership = map[poll.Leadership]string{
	poll.AwaitingElection: "waiting to be elected leader by the extension named in k8s_leader_elector",
	poll.Elected:          "elected leader: polling",
	poll.TermEnded:        "not the leader any more, or shutting down: not polling",
}

// trouble tells what went wrong and what follows from it.
func (r *Report) trouble(t poll.Trouble) {
	var fields []zap.Field
	if !t.Step.Window.Empty() {
		fields = []zap.Field{zap.String("lane", string(t.Step.Lane)), zap.Stringer("window", t.Step.Window)}
	}
	r.status.failed(t.Scope, follows[t.Scope], t.Err, fields...)
}

var follows = map[trouble.Scope]string{
	trouble.Query:   "the service refuses a query; it is asked for less",
	trouble.Window:  "a window could not be read; it stays open and is read again in shorter ones",
	trouble.Storage: "the state could not be read; nothing more is read before the next tick",
	trouble.Tenant:  "the service throttles this tenant; it is left alone for a while",
	trouble.Service: "the service cannot be read from; it is tried again at each tick, and what is missed is read then",
	trouble.SignIn:  "sign-in failed, or the service refuses the token; it is tried again at each tick, and what is missed is read then",
	trouble.Setup:   "cannot collect yet; looked at again at the next tick",
}

// maxShown is how many windows of a gap are logged.
const maxShown = 5

func (r *Report) gap(g poll.Gap) {
	message := "a gap: mail has not been read, and the service no longer keeps it"
	if g.Cancelled {
		message = "a gap: the job that was to read it has been cancelled"
	}
	r.metrics.gap(g.Windows.Duration())
	r.status.note(zapcore.ErrorLevel, message, zap.Stringers("windows", g.Windows[:min(len(g.Windows), maxShown)]),
		zap.Stringer("duration", g.Windows.Duration()))
}

// Page implements collect.Observer.
func (r *Report) Page(ctx context.Context, lane trace.Lane, p collect.Page) {
	r.metrics.page(ctx, lane, p)
	r.summary.page(p.Rows)
	job := jobs.FromContext(ctx)
	job.Page(p.Size, p.Accepted, p.Rows)
	jobLog(ctx).Debug("a page has been read",
		zap.Int("bytes", p.Size), zap.Int("accepted", p.Rows.Accepted), zap.Int("duplicate", p.Rows.Duplicate))
}

// Offering implements collect.Observer.
func (r *Report) Offering(ctx context.Context, logs plog.Logs) (taken func()) {
	return r.recorder.Offer(jobs.FromContext(ctx), logs)
}

// Offered implements collect.Observer.
func (r *Report) Offered(ctx context.Context, w trace.Window, err error) {
	job := jobs.FromContext(ctx)
	if err == nil {
		r.status.ok(trouble.Pipeline)
		job.Resume()
		return
	}
	message := "the pipeline refuses records; they are offered again"
	if refusal, ok := errors.AsType[*collect.RefusalError](err); ok && refusal.Permanent {
		message = "the pipeline refuses records for good; they are dropped, and offered again when the window is read at a later age"
		if w.Empty() {
			message = "the pipeline refuses the details of a row for good; they are dropped"
		}
	} else {
		job.Wait(jobs.ForPipeline)
	}
	var fields []zap.Field
	if !w.Empty() {
		fields = append(fields, zap.Stringer("window", w))
	}
	r.status.failed(trouble.Pipeline, message, err, fields...)
	jobLog(ctx).Warn(message, zap.String("error", err.Error()))
}

// Inquired implements collect.DetailObserver.
func (r *Report) Inquired(ctx context.Context, o collect.Inquired) {
	r.metrics.inquired(o)
	jobs.FromContext(ctx).Details(o.Asked, o.Delivered, o.Bytes)
	if o.GivenUp > 0 {
		r.status.note(zapcore.WarnLevel, "details of rows are given up: too many rows wait for theirs, or the service does not have any",
			zap.Int("rows", o.GivenUp), zap.String("hint", "raise details.max_per_interval, or ask for fewer statuses"))
	}
}

// Stored implements collect.Observer.
func (r *Report) Stored(err error) {
	if err == nil {
		r.status.ok(trouble.Storage)
		return
	}
	r.status.failed(trouble.Storage, "what has been read and delivered cannot be stored; collection goes on, but a restart now would "+
		"deliver rows once more", err)
}

// Cut implements collect.Observer.
func (r *Report) Cut(ctx context.Context, instant trace.Window) {
	const message = "rows of one instant fill the longest page that the service hands out, which names no next page; some may be missing"
	jobLog(ctx).Warn(message, zap.Stringer("window", instant))
	r.status.note(zapcore.WarnLevel, message, zap.Stringer("window", instant))
}

// Retrying implements transport.Observer. A request that fails once is nothing that anybody has to know.
func (r *Report) Retrying(ctx context.Context, err error, reason string, n int, wait time.Duration) {
	r.metrics.retry(reason)
	job, log := jobs.FromContext(ctx), r.log(ctx)
	job.Retry()
	var refused *transport.Error
	switch {
	case errors.As(err, &refused) && refused.Scope() == trouble.Tenant:
		// Told by Throttled already.
		job.Waited(wait)
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		job.Waited(wait)
		log.Warn("the service asks to wait", zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	case errors.As(err, &refused) && refused.Silent():
		log.Warn("the service did not answer in time; the request is sent again", zap.String("error", err.Error()))
	case n > 1, isLate(err):
		if !r.answered.Load() {
			// Whoever has just begun, perhaps with a wrong host, need not wait for the last retry to see why nothing comes.
			r.Once("no page has been read yet: requests fail, and are sent again", zap.String("error", err.Error()),
				zap.String("hint", trouble.HintOf(err)))
		}
		jobLog(ctx).Warn("a request fails again and again; it is sent again",
			zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	default:
		log.Debug("a request failed and is sent again", zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	}
}

// isLate reports whether nothing came in time, for which somebody has waited already.
func isLate(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// Throttled implements transport.Observer.
func (r *Report) Throttled(ctx context.Context, err error, pause time.Duration) {
	r.metrics.throttle()
	jobLog(ctx).Warn("the service throttles this tenant, which is left alone for a while",
		zap.Int64("pause_ms", pause.Milliseconds()), zap.String("error", err.Error()))
	r.status.note(zapcore.WarnLevel, "the service throttles this tenant, which is left alone for a while",
		zap.Int64("pause_ms", pause.Milliseconds()), zap.String("error", err.Error()), zap.String("hint", trouble.HintOf(err)))
}

// Damaged counts a page that is asked for again since it was damaged.
func (r *Report) Damaged() { r.metrics.retry("damaged") }

// Answered counts a request by the status code of its response, nil if none came.
func (r *Report) Answered(ctx context.Context, resp *http.Response) {
	jobs.FromContext(ctx).Request()
	r.summary.request()
	if resp == nil {
		r.metrics.request(ctx, 0)
		return
	}
	if resp.StatusCode == http.StatusOK {
		r.answered.Store(true)
	}
	r.metrics.request(ctx, resp.StatusCode)
}

// FieldFailed counts a field that could not be evaluated for a record, and logs the first time. The error's text has nothing of
// the record, but the one that it wraps may.
func (r *Report) FieldFailed(name string, err error) {
	r.metrics.fieldError(name)
	if _, logged := r.logged.LoadOrStore("field "+name, true); !logged {
		r.logger.Warn("an expression of fields cannot be evaluated for a record, which goes without the attribute; such errors are "+
			"counted from now on", zap.String("field", name), zap.String("error", transport.Clean(err.Error())),
			zap.String("hint", "correct the value of the field in fields"))
		r.logger.Debug("the error of the expression", zap.String("field", name), zap.Error(errors.Unwrap(err)))
	}
}

// log is the receiver's logger, which also writes to the log of the job that runs in ctx.
func (r *Report) log(ctx context.Context) *zap.Logger {
	job := jobs.FromContext(ctx)
	if job == nil {
		return r.logger
	}
	return r.logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return zapcore.NewTee(core, job.Core()) }))
}

// jobLog is the log of the job that runs in ctx alone.
func jobLog(ctx context.Context) *zap.Logger { return zap.New(jobs.FromContext(ctx).Core()) }
