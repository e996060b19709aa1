// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/url"
	"reflect"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var _ jobs.Input = (*messageTraceReceiver)(nil)

// record opens the record of the jobs, with those of earlier runs, until the end is called.
func (r *messageTraceReceiver) record(ctx context.Context) (end func()) {
	if r.cfg.InspectorID == nil {
		return func() {}
	}
	client := r.jobStorage(ctx)
	recorder, err := r.inspector().Open(ctx, jobs.Options{
		Input:   r.set.ID.String(),
		Tags:    r.cfg.Tags,
		Config:  r.cfg.shown(),
		TTL:     r.cfg.JobTTL,
		Storage: client,
		Warn:    func(message string) { r.set.Logger.Warn(message) },
	})
	if err != nil {
		r.set.Logger.Warn("the Job Inspector cannot show this receiver", zap.Error(err))
		return func() {}
	}
	r.recorder = recorder
	r.report.RecordTo(recorder)
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
		defer cancel()
		err := recorder.Close(ctx)
		if client != nil {
			_ = client.Close(ctx)
		}
		if err != nil {
			r.set.Logger.Warn("the latest jobs could not be stored for the Job Inspector", zap.Error(err))
		}
	}
}

// show shows the receiver in the Job Inspector until hide is called.
func (r *messageTraceReceiver) show() (hide func()) {
	if r.recorder == nil {
		return func() {}
	}
	return r.inspector().Register(r)
}

func (r *messageTraceReceiver) inspector() jobs.Inspector {
	return r.host.GetExtensions()[*r.cfg.InspectorID].(jobs.Inspector)
}

// lastWrite bounds how long the storing of jobs may delay the end.
const lastWrite = 300 * time.Millisecond

// jobStorage is where jobs are kept over restarts, nil if they are not.
func (r *messageTraceReceiver) jobStorage(ctx context.Context) storage.Client {
	id := r.cfg.StorageID
	if id == nil {
		return nil
	}
	client, err := r.storageClient(ctx, *id, "jobs")
	if err != nil {
		r.set.Logger.Warn("the Job Inspector forgets jobs at a restart, since the extension named in storage cannot keep them", zap.Error(err))
		return nil
	}
	return client
}

// Recorder is the record of the jobs.
func (r *messageTraceReceiver) Recorder() *jobs.Recorder { return r.recorder }

// Describe returns how the receiver is.
func (r *messageTraceReceiver) Describe() jobs.Description {
	d := jobs.Description{
		ID:           r.set.ID.String(),
		TenantID:     r.cfg.TenantID,
		API:          string(r.cfg.api()),
		Endpoint:     r.cfg.endpoint(),
		Plan:         string(r.cfg.SubscriptionPlan),
		Mode:         r.mode(),
		PollInterval: r.cfg.PollInterval,
		Tags:         r.cfg.Tags,
		NextTick:     r.poller.Load().NextTick(),
		PausedUntil:  r.quota.Resume(),
	}
	d.Health.Status, d.Health.Hint, d.Health.Since = r.report.Health()
	d.Progress = r.report.Backfill()
	if r.details != nil {
		waiting := r.report.Inquiries()
		d.DetailsWaiting = &waiting
	}
	rate := r.quota.Rate()
	d.Quota = jobs.Quota{Used: r.quota.Used() * float64(rate.Requests), Limit: rate.Requests, Interval: rate.Interval}
	if state, ok := r.poller.Load().State(); ok {
		if d.Health.Since.IsZero() {
			d.Health.Status = "ok"
		}
		d.CompleteUpTo, d.SettledUpTo = plan.CompleteUpTo(state), plan.SettledUpTo(state)
		d.LiveUpTo = plan.LiveUpTo(state)
	}
	return d
}

func (r *messageTraceReceiver) mode() string {
	switch {
	case r.plan.Range == nil:
		return "continuous"
	case r.plan.Range.Absolute != "":
		return "backfill"
	}
	return "scheduled"
}

// shown is what of the configuration differs from the defaults, without secrets and addresses of people.
func (cfg *Config) shown() map[string]any {
	own, standard := confmap.New(), confmap.New()
	if own.Marshal(cfg) != nil || standard.Marshal(createDefaultConfig()) != nil {
		return nil
	}
	shown := own.ToStringMap()
	dropEqual(shown, standard.ToStringMap())
	if cfg.ProxyURL != "" {
		shown["proxy_url"] = "[REDACTED]"
		if proxy, err := url.Parse(cfg.ProxyURL); err == nil {
			shown["proxy_url"] = proxy.Scheme + "://" + proxy.Host
		}
	}
	for _, path := range [][2]string{{"filter", "sender_address"}, {"filter", "recipient_address"}} {
		if block, ok := shown[path[0]].(map[string]any); ok && block[path[1]] != nil {
			block[path[1]] = "[REDACTED]"
		}
	}
	if signIn, ok := shown["authentication"].(map[string]any); ok {
		if basic, ok := signIn["basic"].(map[string]any); ok {
			basic["username"] = "[REDACTED]"
		}
	}
	return shown
}

// dropEqual removes from own what the maps have in common, and writes durations as the configuration does.
func dropEqual(own, standard map[string]any) {
	for key, value := range own {
		if inner, ok := value.(map[string]any); ok {
			other, _ := standard[key].(map[string]any)
			if dropEqual(inner, other); len(inner) > 0 {
				continue
			}
			delete(own, key)
			continue
		}
		if value == nil || reflect.DeepEqual(value, standard[key]) {
			delete(own, key)
			continue
		}
		own[key] = readable(value)
	}
}

func readable(value any) any {
	switch value := value.(type) {
	case time.Duration:
		return short(value)
	case []any:
		for i := range value {
			value[i] = readable(value[i])
		}
	}
	return value
}

// Backfill has a window read now, in whole seconds. What is open of it survives a restart.
func (r *messageTraceReceiver) Backfill(ctx context.Context, w trace.Window, redeliver bool) (jobs.Backfill, error) {
	return r.poller.Load().Ask(ctx, w, redeliver)
}

// Cancel ends a job.
func (r *messageTraceReceiver) Cancel(id string) error { return r.poller.Load().Cancel(id) }
