// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var _ jobs.Input = (*messageTraceReceiver)(nil)

// showTo shows the receiver in the Job Inspector, with the jobs of earlier runs, until hide is called.
func (r *messageTraceReceiver) showTo(ctx context.Context, inspector jobs.Inspector) (hide func()) {
	client := r.jobStorage(ctx)
	recorder, err := inspector.Open(ctx, jobs.Options{
		Input:   r.set.ID.String(),
		Tags:    r.cfg.Tags,
		TTL:     r.cfg.JobTTL,
		Storage: client,
		Warn:    func(message string) { r.set.Logger.Warn(message) },
	})
	if err != nil {
		r.set.Logger.Warn("the Job Inspector cannot show this receiver", zap.Error(err))
		return func() {}
	}
	r.recorder.Store(recorder)
	release := inspector.Register(r)
	return func() {
		release()
		ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
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

// Recorder is the record of the jobs; it is nil without a Job Inspector.
func (r *messageTraceReceiver) Recorder() *jobs.Recorder { return r.recorder.Load() }

// Describe says how the receiver is.
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
		NextTick:     r.plan.LastTick(wallClock()).Add(r.cfg.PollInterval),
		Config:       r.cfg.shown(),
	}
	d.Health.Status, d.Health.Hint, d.Health.Since = r.health.now()
	rate := r.quota.Rate()
	d.Quota = jobs.Quota{Used: r.quota.Used() * float64(rate.Requests), Limit: rate.Requests, Interval: rate.Interval}
	if collector := r.running.Load(); collector != nil {
		if d.Health.Since.IsZero() {
			d.Health.Status = "ok"
		}
		state := collector.State()
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

// busyAfter is how long whoever asks for something waits for the pipeline to let go of the receiver.
const busyAfter = 5 * time.Second

// Backfill has a window read now, in whole seconds. What is open of it survives a restart.
func (r *messageTraceReceiver) Backfill(ctx context.Context, w trace.Window, redeliver bool) (jobs.Backfill, error) {
	collector := r.running.Load()
	if collector == nil {
		return jobs.Backfill{}, &jobs.RefusedError{Reason: "the receiver does not collect at present; see its health", Conflict: true}
	}
	w, err := r.readable(w)
	if err != nil {
		return jobs.Backfill{}, err
	}
	request := &backfillRequest{job: r.Recorder().Schedule(trace.Backfill, w), window: w, redeliver: redeliver, opened: make(chan struct{})}
	defer close(request.opened)
	if request.job == nil || !r.requests.put(request) {
		request.job.End(jobs.Cancelled, nil, "")
		return jobs.Backfill{}, &jobs.RefusedError{Reason: "too many jobs wait already; try again later", Conflict: true}
	}
	ctx, cancel := context.WithTimeout(ctx, busyAfter)
	defer cancel()
	var remembered plan.Intervals
	err = collector.Update(ctx, func(l *ledger.Ledger) plan.State {
		remembered = l.Remembered(w)
		return plan.Ask(l.State(), w, redeliver)
	})
	if err != nil {
		r.requests.cancel(request.job.ID())
		r.requests.left(request)
		return jobs.Backfill{}, &jobs.RefusedError{Reason: "the pipeline keeps the receiver busy; try again later", Conflict: true}
	}
	r.wakeBackfill()
	forgotten := plan.Intervals{w}
	for _, known := range remembered {
		forgotten = forgotten.Remove(known)
	}
	return jobs.Backfill{Job: request.job, Remembered: remembered, Forgotten: forgotten}, nil
}

// readable returns the window in whole seconds as far as it is in the past.
func (r *messageTraceReceiver) readable(w trace.Window) (trace.Window, error) {
	now := r.serviceNow().Truncate(time.Second)
	kept := now.Add(plan.KeepMargin - r.plan.Retention)
	if w.Start.Before(kept) {
		return w, &jobs.RefusedError{
			Reason: fmt.Sprintf("the service keeps mail for %s: start must not be before %s", short(r.plan.Retention), kept.Format(time.RFC3339)),
		}
	}
	w.Start = w.Start.Truncate(time.Second)
	if whole := w.End.Truncate(time.Second); whole.Before(w.End) {
		w.End = whole.Add(time.Second)
	}
	if w.End.After(now) {
		w.End = now
	}
	if w.Empty() {
		return w, &jobs.RefusedError{Reason: "the window lies in the future"}
	}
	return w, nil
}

// Cancel ends a job.
func (r *messageTraceReceiver) Cancel(id string) error {
	waiting, ok := r.requests.cancel(id)
	if !ok {
		return jobs.ErrEnded
	}
	if waiting != nil {
		ctx, cancel := context.WithTimeout(context.Background(), busyAfter)
		defer cancel()
		r.giveUp(ctx, plan.Withdraw, waiting.window)
		r.requests.left(waiting)
	}
	return nil
}

func (r *messageTraceReceiver) wakeBackfill() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// log is the receiver's logger, which also writes to the log of the job that runs in ctx.
func (r *messageTraceReceiver) log(ctx context.Context) *zap.Logger {
	job := jobs.FromContext(ctx)
	if job == nil {
		return r.set.Logger
	}
	return r.set.Logger.WithOptions(teeTo(job))
}

// jobLog is the log of the job that runs in ctx alone.
func jobLog(ctx context.Context) *zap.Logger {
	return zap.New(jobs.FromContext(ctx).Core())
}
