// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/poll"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// metrics are the receiver's own metrics. They carry the receiver's ID, since several receivers share the collector's
// meter.
type metrics struct {
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
	backfill              jobs.Progress
	inquiries             int
}

func newMetrics(settings component.TelemetrySettings, id component.ID) (*metrics, error) {
	builder, err := metadata.NewTelemetryBuilder(settings)
	if err != nil {
		return nil, err
	}
	return &metrics{TelemetryBuilder: builder, id: attribute.String("receiver", id.String())}, nil
}

// start begins to observe what is observed by callback, and what is to be alerted on: a counter that does not exist before
// it is first needed hides its first increase.
func (m *metrics) start(quota Quota) error {
	ctx := context.Background()
	m.gap(0)
	m.ReceiverO365MessageTraceThrottled.Add(ctx, 0, m.with())
	m.ReceiverO365MessageTraceStatusChanges.Add(ctx, 0, m.with())
	since := func(upTo func(*observed) time.Time) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			// A date range has no lag before its first window has been read, and one that is read once has none at all.
			if state := m.state.Load(); state != nil && !upTo(state).IsZero() {
				o.Observe(time.Since(upTo(state)).Seconds(), m.with())
			}
			return nil
		}
	}
	progress := func(of func(jobs.Progress) time.Duration) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			if state := m.state.Load(); state != nil {
				o.Observe(of(state.backfill).Seconds(), m.with())
			}
			return nil
		}
	}
	return errors.Join(
		m.RegisterReceiverO365MessageTraceBackfillOpenCallback(progress(func(p jobs.Progress) time.Duration { return p.Open })),
		m.RegisterReceiverO365MessageTraceBackfillEtaCallback(progress(func(p jobs.Progress) time.Duration { return p.ETA })),
		m.RegisterReceiverO365MessageTraceLagCallback(since(func(o *observed) time.Time { return o.liveUpTo })),
		m.RegisterReceiverO365MessageTraceSettledLagCallback(since(func(o *observed) time.Time { return o.settledUpTo })),
		m.RegisterReceiverO365MessageTraceCredentialExpiryCallback(func(_ context.Context, o metric.Float64Observer) error {
			if in := m.credential.Load(); in != nil && !in.Expires().IsZero() {
				o.Observe(time.Until(in.Expires()).Seconds(), m.with())
			}
			return nil
		}),
		m.RegisterReceiverO365MessageTraceQuotaUsedCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(quota.Used(), m.with())
			return nil
		}),
		m.RegisterReceiverO365MessageTraceStateRowsCallback(func(_ context.Context, o metric.Int64Observer) error {
			if state := m.state.Load(); state != nil {
				o.Observe(int64(state.rows), m.with())
			}
			return nil
		}),
	)
}

func (m *metrics) observe(p poll.Position) {
	m.state.Store(&observed{
		liveUpTo: plan.LiveUpTo(p.State), settledUpTo: plan.SettledUpTo(p.State), rows: p.Rows, backfill: p.Backfill, inquiries: p.Inquiries,
	})
}

func (m *metrics) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, m.id)...)
}

func (m *metrics) job(lane trace.Lane, state string, took time.Duration) {
	ctx := context.Background()
	ofLane := attribute.String("lane", string(lane))
	m.ReceiverO365MessageTraceJobs.Add(ctx, 1, m.with(ofLane, attribute.String("state", state)))
	m.ReceiverO365MessageTraceJobDuration.Record(ctx, took.Seconds(), m.with(ofLane))
}

func (m *metrics) page(ctx context.Context, lane trace.Lane, p collect.Page) {
	m.ReceiverO365MessageTracePages.Add(ctx, 1, m.with(attribute.String("lane", string(lane))))
	for outcome, n := range p.Rows.All() {
		if n > 0 {
			m.ReceiverO365MessageTraceRows.Add(ctx, int64(n), m.with(attribute.String("outcome", outcome)))
		}
	}
	m.ReceiverO365MessageTraceBytes.Add(ctx, int64(p.Size), m.with(attribute.String("direction", "received")))
	m.ReceiverO365MessageTraceBytes.Add(ctx, int64(p.Accepted), m.with(attribute.String("direction", "accepted")))
	m.ReceiverO365MessageTraceStatusChanges.Add(ctx, int64(p.Rows.Changed), m.with())
	if lane == trace.Backfill {
		return
	}
	own := m.with()
	for _, late := range p.Late {
		m.ReceiverO365MessageTraceLateArrival.Record(ctx, late.Seconds(), own)
	}
}

// inquired counts what became of the asking for details.
func (m *metrics) inquired(o collect.Inquired) {
	ctx := context.Background()
	own := m.with()
	m.ReceiverO365MessageTraceDetailsAsked.Add(ctx, int64(o.Asked), own)
	m.ReceiverO365MessageTraceDetailsEmpty.Add(ctx, int64(o.Empty), own)
	m.ReceiverO365MessageTraceDetailsDelivered.Add(ctx, int64(o.Delivered), own)
	m.ReceiverO365MessageTraceDetailsGivenUp.Add(ctx, int64(o.GivenUp), own)
}

// observeDetails begins to observe how many rows wait for their details, and to count what is to be alerted on.
func (m *metrics) observeDetails() error {
	m.inquired(collect.Inquired{})
	return m.RegisterReceiverO365MessageTraceDetailsWaitingCallback(func(_ context.Context, o metric.Int64Observer) error {
		if state := m.state.Load(); state != nil {
			o.Observe(int64(state.inquiries), m.with())
		}
		return nil
	})
}

func (m *metrics) fieldError(name string) {
	m.ReceiverO365MessageTraceFieldErrors.Add(context.Background(), 1, m.with(attribute.String("field", name)))
}

func (m *metrics) gap(d time.Duration) {
	m.ReceiverO365MessageTraceGap.Add(context.Background(), int64(d.Seconds()), m.with())
}

func (m *metrics) retry(reason string) {
	m.ReceiverO365MessageTraceRetries.Add(context.Background(), 1, m.with(attribute.String("reason", reason)))
}

func (m *metrics) throttle() {
	m.ReceiverO365MessageTraceThrottled.Add(context.Background(), 1, m.with())
}

func (m *metrics) request(ctx context.Context, statusCode int) {
	m.ReceiverO365MessageTraceRequests.Add(ctx, 1, m.with(attribute.Int("status_code", statusCode)))
}
