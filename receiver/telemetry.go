// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// telemetry is the receiver's own metrics. They carry the receiver's ID, since several receivers share the collector's
// meter.
type telemetry struct {
	*metadata.TelemetryBuilder
	id attribute.KeyValue
	// state is what was last seen of the receiver's state, nil before the first tick.
	state atomic.Pointer[observed]
	// credential is what signs in, nil if it does not expire.
	credential atomic.Pointer[entra.TokenSource]
}

// observed is what the metrics tell of the receiver's state.
type observed struct {
	liveUpTo, settledUpTo time.Time
	rows                  int
}

func newTelemetry(settings component.TelemetrySettings, id component.ID) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	return &telemetry{TelemetryBuilder: builder, id: attribute.String("receiver", id.String())}, nil
}

// start begins to observe what is observed by callback, and what is to be alerted on: a counter that does not exist before
// it is first needed hides its first increase.
func (t *telemetry) start(quota *transport.Quota) error {
	ctx := context.Background()
	t.gap(ctx, 0)
	t.ReceiverO365MessageTraceThrottled.Add(ctx, 0, t.with())
	t.ReceiverO365MessageTraceStatusChanges.Add(ctx, 0, t.with())
	since := func(upTo func(*observed) time.Time) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			// A date range has no lag before its first window has been read, and one that is read once has none at all.
			if state := t.state.Load(); state != nil && !upTo(state).IsZero() {
				o.Observe(time.Since(upTo(state)).Seconds(), t.with())
			}
			return nil
		}
	}
	return errors.Join(
		t.RegisterReceiverO365MessageTraceLagCallback(since(func(o *observed) time.Time { return o.liveUpTo })),
		t.RegisterReceiverO365MessageTraceSettledLagCallback(since(func(o *observed) time.Time { return o.settledUpTo })),
		t.RegisterReceiverO365MessageTraceCredentialExpiryCallback(func(_ context.Context, o metric.Float64Observer) error {
			if in := t.credential.Load(); in != nil && !in.Expires().IsZero() {
				o.Observe(time.Until(in.Expires()).Seconds(), t.with())
			}
			return nil
		}),
		t.RegisterReceiverO365MessageTraceQuotaUsedCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(quota.Used(), t.with())
			return nil
		}),
		t.RegisterReceiverO365MessageTraceStateRowsCallback(func(_ context.Context, o metric.Int64Observer) error {
			if state := t.state.Load(); state != nil {
				o.Observe(int64(state.rows), t.with())
			}
			return nil
		}),
	)
}

func (t *telemetry) observe(s plan.State, rows int) {
	t.state.Store(&observed{liveUpTo: plan.LiveUpTo(s), settledUpTo: plan.SettledUpTo(s), rows: rows})
}

func (t *telemetry) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, t.id)...)
}

func (t *telemetry) job(ctx context.Context, lane trace.Lane, state string, took time.Duration) {
	ofLane := attribute.String("lane", string(lane))
	t.ReceiverO365MessageTraceJobs.Add(ctx, 1, t.with(ofLane, attribute.String("state", state)))
	t.ReceiverO365MessageTraceJobDuration.Record(ctx, took.Seconds(), t.with(ofLane))
}

func (t *telemetry) page(ctx context.Context, lane trace.Lane, p collect.Page) {
	t.ReceiverO365MessageTracePages.Add(ctx, 1, t.with(attribute.String("lane", string(lane))))
	for outcome, n := range map[string]int{
		"accepted":  p.Rows.Accepted,
		"duplicate": p.Rows.Duplicate,
		"held":      p.Rows.Held,
		"filtered":  p.Rows.Filtered,
		"malformed": p.Rows.Malformed,
		"refused":   p.Rows.Refused,
	} {
		if n > 0 {
			t.ReceiverO365MessageTraceRows.Add(ctx, int64(n), t.with(attribute.String("outcome", outcome)))
		}
	}
	t.ReceiverO365MessageTraceBytes.Add(ctx, int64(p.Size), t.with(attribute.String("direction", "received")))
	t.ReceiverO365MessageTraceBytes.Add(ctx, int64(p.Accepted), t.with(attribute.String("direction", "accepted")))
	t.ReceiverO365MessageTraceStatusChanges.Add(ctx, int64(p.Rows.Changed), t.with())
	if lane == trace.Backfill {
		return
	}
	own := t.with()
	for _, late := range p.Late {
		t.ReceiverO365MessageTraceLateArrival.Record(ctx, late.Seconds(), own)
	}
}

func (t *telemetry) fieldError(ctx context.Context, name string) {
	t.ReceiverO365MessageTraceFieldErrors.Add(ctx, 1, t.with(attribute.String("field", name)))
}

func (t *telemetry) gap(ctx context.Context, d time.Duration) {
	t.ReceiverO365MessageTraceGap.Add(ctx, int64(d.Seconds()), t.with())
}

func (t *telemetry) retry(reason string) {
	t.ReceiverO365MessageTraceRetries.Add(context.Background(), 1, t.with(attribute.String("reason", reason)))
}

func (t *telemetry) throttle() {
	t.ReceiverO365MessageTraceThrottled.Add(context.Background(), 1, t.with())
}

func (t *telemetry) request(ctx context.Context, statusCode int) {
	t.ReceiverO365MessageTraceRequests.Add(ctx, 1, t.with(attribute.Int("status_code", statusCode)))
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
