// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// observer turns what happens in jobs and requests into metrics, log lines and status.
type observer struct{ *messageTraceReceiver }

var (
	_ collect.Observer   = observer{}
	_ transport.Observer = observer{}
)

// Page implements collect.Observer.
func (o observer) Page(ctx context.Context, lane trace.Lane, p collect.Page) {
	o.telemetry.page(ctx, lane, p)
	jobs.FromContext(ctx).Page(p.Size, p.Accepted, jobs.Rows{
		Accepted:  p.Rows.Accepted,
		Duplicate: p.Rows.Duplicate,
		Held:      p.Rows.Held,
		Filtered:  p.Rows.Filtered,
		Malformed: p.Rows.Malformed,
		Refused:   p.Rows.Refused,
	})
	jobLog(ctx).Debug("a page has been read",
		zap.Int("bytes", p.Size), zap.Int("accepted", p.Rows.Accepted), zap.Int("duplicate", p.Rows.Duplicate))
}

// Accepted implements collect.Observer.
func (o observer) Accepted(logs plog.Logs) { o.Recorder().Captured(logs) }

// Watched implements collect.Observer.
func (o observer) Watched() bool { return o.Recorder().Capturing() }

// admit waits until a job may ask the service for a page.
func (o observer) admit(ctx context.Context, lane trace.Lane) error {
	slot := slotOf(ctx)
	for !o.quota.Await(ctx, lane, 0) {
		slot.release()
		if !o.quota.Await(ctx, lane, maxSleep) && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return slot.ensure(ctx)
}

// Offered implements collect.Observer.
func (o observer) Offered(ctx context.Context, w trace.Window, err error) {
	if err == nil {
		o.health.ok(delivering)
		return
	}
	refusal := &refusalError{text: transport.Clean(err.Error()), permanent: collect.Permanent(err)}
	message := "the pipeline refuses records; they are offered again"
	if refusal.permanent {
		message = "the pipeline refuses records for good; they are dropped, and offered again when the window is read at a later age"
	}
	if slot := slotOf(ctx); slot != nil {
		slot.release()
	}
	o.health.failed(delivering, message, refusal, zap.Stringer("window", w))
	jobLog(ctx).Warn(message, zap.String("error", refusal.Error()))
}

// refusalError is what the pipeline says when it refuses records, fit for a log.
type refusalError struct {
	text      string
	permanent bool
}

func (e *refusalError) Error() string { return e.text }

// fieldFailed counts a field that could not be evaluated for a record, and says so once. What went wrong may repeat what
// the record holds.
func (o observer) fieldFailed(name string, err error) {
	o.telemetry.fieldError(context.Background(), name)
	if _, said := o.failed.LoadOrStore(name, true); !said {
		o.set.Logger.Warn("an expression of fields cannot be evaluated for a record, which goes without the attribute; such errors are "+
			"counted from now on", zap.String("field", name), zap.String("hint", "see the value of the field; log_level debug tells the error"))
		o.set.Logger.Debug("the error of the expression", zap.String("field", name), zap.Error(err))
	}
}

// Stored implements collect.Observer.
func (o observer) Stored(err error) {
	if err == nil {
		o.health.ok(storing)
		return
	}
	o.health.failed(storing, "what has been read and delivered cannot be stored; collection goes on, but a restart now would "+
		"deliver rows once more", &storageError{err})
}

// Retrying implements transport.Observer. A request that fails once is nothing that anybody has to know.
func (o observer) Retrying(ctx context.Context, err error, reason string, n int, wait time.Duration) {
	o.telemetry.retry(reason)
	job, log := jobs.FromContext(ctx), o.log(ctx)
	job.Retry()
	var refused *transport.Error
	switch {
	case errors.As(err, &refused) && refused.Throttled():
		// Said by Throttled already.
		job.Waited(wait)
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		job.Waited(wait)
		log.Warn("the service asks to wait", zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	case n > 1:
		o.health.failed(service, "a request fails again and again; it is sent again", err)
		jobLog(ctx).Warn("a request fails again and again; it is sent again",
			zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	default:
		log.Debug("a request failed and is sent again", zap.Int64("wait_ms", wait.Milliseconds()), zap.String("error", err.Error()))
	}
}

// Throttled implements transport.Observer.
func (o observer) Throttled(ctx context.Context, err error, pause time.Duration) {
	o.telemetry.throttle()
	o.log(ctx).Warn("the service throttles this tenant, which is left alone for a while",
		zap.Int64("pause_ms", pause.Milliseconds()), zap.String("error", err.Error()), zap.String("hint", hintOf(err)))
}

// retryDamaged is the rule for damaged pages: the same as for requests.
func (o observer) retryDamaged(rules transport.Retry) func(n int) (time.Duration, bool) {
	return func(n int) (time.Duration, bool) {
		if n > rules.MaxRetries {
			return 0, false
		}
		o.telemetry.retry("damaged")
		return rules.Wait(n), true
	}
}

// answered counts a request by the status code of its response, 0 if none came, and notes the service's clock.
func (o observer) answered(ctx context.Context, resp *http.Response) {
	jobs.FromContext(ctx).Request()
	if resp == nil {
		o.telemetry.request(ctx, 0)
		return
	}
	o.telemetry.request(ctx, resp.StatusCode)
	served, err := http.ParseTime(resp.Header.Get("Date"))
	// What stands between here and the service has a clock of its own, which its errors tell.
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		return
	}
	ahead := served.Sub(wallClock())
	if o.skew.tell(ahead, time.Now()) && ahead.Abs() > maxSkew {
		o.set.Logger.Warn("this machine's clock differs from the service's; set it, or mail comes late",
			zap.Stringer("service_ahead_by", ahead.Round(time.Second)))
	}
}
