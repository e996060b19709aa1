// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// telemetry is the receiver's own metrics. They carry the receiver's ID, since several receivers share the collector's
// meter.
type telemetry struct {
	*metadata.TelemetryBuilder
	id attribute.KeyValue
	// readUpTo is the instant up to which live mail has been read, in nanoseconds since 1970; 0 before the first tick.
	readUpTo atomic.Int64
}

func newTelemetry(settings component.TelemetrySettings, id component.ID) (*telemetry, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	return &telemetry{TelemetryBuilder: builder, id: attribute.String("receiver", id.String())}, nil
}

// start begins to observe what is observed by callback.
func (t *telemetry) start() error {
	return t.RegisterReceiverO365MessageTraceLagCallback(func(_ context.Context, o metric.Float64Observer) error {
		if upTo := t.readUpTo.Load(); upTo != 0 {
			o.Observe(time.Since(time.Unix(0, upTo)).Seconds(), metric.WithAttributes(t.id))
		}
		return nil
	})
}

func (t *telemetry) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, t.id)...)
}

func (t *telemetry) job(ctx context.Context, lane trace.Lane, state string) {
	t.ReceiverO365MessageTraceJobs.Add(ctx, 1, t.with(attribute.String("lane", string(lane)), attribute.String("state", state)))
}

func (t *telemetry) page(ctx context.Context, lane trace.Lane, rows collect.Rows) {
	t.ReceiverO365MessageTracePages.Add(ctx, 1, t.with(attribute.String("lane", string(lane))))
	for _, each := range []struct {
		outcome string
		rows    int
	}{
		{"accepted", rows.Accepted},
		{"duplicate", rows.Duplicate},
		{"malformed", rows.Malformed},
		{"refused", rows.Refused},
	} {
		if each.rows > 0 {
			t.ReceiverO365MessageTraceRows.Add(ctx, int64(each.rows), t.with(attribute.String("outcome", each.outcome)))
		}
	}
}

func (t *telemetry) request(ctx context.Context, statusCode int) {
	t.ReceiverO365MessageTraceRequests.Add(ctx, 1, t.with(attribute.Int("status_code", statusCode)))
}

// countingTransport counts the requests that pass through it by the status code of their responses.
type countingTransport struct {
	next  http.RoundTripper
	count func(ctx context.Context, statusCode int)
}

// RoundTrip implements http.RoundTripper.
func (t *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	statusCode := 0
	if err == nil {
		statusCode = resp.StatusCode
	}
	t.count(req.Context(), statusCode)
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t *countingTransport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
