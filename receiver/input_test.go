// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// inspector is the Job Inspector without its server.
type inspector struct {
	component.StartFunc
	component.ShutdownFunc
	*jobs.Registry
}

var inspectorID = component.MustNewID("o365jobinspector")

// inspect adds a Job Inspector to the world, and to the configuration of its receivers.
func (w *world) inspect() (i *inspector, with func(*Config)) {
	i = &inspector{Registry: jobs.NewRegistry(10_000, nil)}
	w.extensions = extensions{inspectorID: i}
	return i, func(c *Config) { c.InspectorID = &inspectorID }
}

func (i *inspector) jobs(state jobs.State) []jobs.Record {
	records, _ := i.List(jobs.Query{State: state, Limit: 10_000})
	return records
}

func TestJobsAreRecorded(t *testing.T) {
	punctual(t, 100_000, 2*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.start(with)
		time.Sleep(30*time.Minute + time.Second)
		rows := 0
		for _, record := range i.jobs(jobs.Done) {
			assert.NotEmpty(t, record.Lane)
			assert.GreaterOrEqual(t, record.Requests, record.Pages)
			assert.Positive(t, record.Pages)
			assert.Positive(t, record.Bytes)
			assert.False(t, record.Tick.IsZero())
			rows += record.Rows.Accepted
		}
		assert.Equal(t, w.sink.rows(), rows)
		assert.Equal(t, rows, w.current.Recorder().RowsAccepted())
		assert.Empty(t, i.jobs(jobs.Failed))
		require.Len(t, i.Inputs(), 1)
		d := i.Inputs()[0].Describe()
		assert.Equal(t, "ok", d.Health.Status)
		assert.Equal(t, "continuous", d.Mode)
		assert.WithinDuration(t, time.Now(), d.CompleteUpTo, 5*time.Minute+time.Second)
		assert.WithinDuration(t, time.Now(), d.LiveUpTo, 5*time.Minute+time.Second)
		assert.True(t, d.NextTick.After(time.Now()))
		w.stop()
		assert.Empty(t, i.Inputs())
	})
}

func TestAnInputSaysHowFarItsBackfillIs(t *testing.T) {
	punctual(t, 1000, 10*24*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.start(func(c *Config) {
			with(c)
			c.InitialLookback, c.RateLimit.Requests = 10*24*time.Hour, 2
		})
		time.Sleep(12 * time.Minute)
		p := i.Inputs()[0].Describe().Progress
		assert.InDelta(t, 10*24*time.Hour, p.Total, float64(24*time.Hour))
		assert.Less(t, p.Open, p.Total)
		assert.InDelta(t, 1-float64(p.Open)/float64(p.Total), p.Share, 0.01)
		w.stop()
	})
}

func TestFailedJobSaysWhatToDoAndOutlivesARestart(t *testing.T) {
	punctual(t, 10_000, time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Forbidden, For: 12 * time.Minute}))
		w.start(with)
		time.Sleep(11 * time.Minute)
		assert.Equal(t, "recoverable_error", i.Inputs()[0].Describe().Health.Status)
		w.stop()
		_, with = w.inspect()
		i = w.extensions[inspectorID].(*inspector)
		w.start(with)
		time.Sleep(time.Second)
		failed := i.jobs(jobs.Failed)
		require.NotEmpty(t, failed)
		for _, record := range failed {
			assert.Contains(t, record.Error, "403")
			assert.Contains(t, record.Hint, "service principal")
			lines := i.Job(record.ID).Log()
			assert.True(t, slices.ContainsFunc(lines, func(l jobs.Line) bool { return l.Level == "error" }))
		}
		time.Sleep(5 * time.Hour)
		assert.Less(t, len(i.jobs(jobs.Failed)), len(failed), "job_ttl has passed")
		w.stop()
	})
}

func TestBackfillOnRequest(t *testing.T) {
	punctual(t, 50_000, 10*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		began := time.Now().UTC()
		w.start(func(c *Config) {
			with(c)
			c.InitialLookback = time.Hour
		})
		time.Sleep(time.Minute)
		delivered := w.sink.rows()
		ask := func(from, to time.Duration, redeliver bool) jobs.Backfill {
			answer, err := i.Inputs()[0].Backfill(t.Context(), trace.Window{Start: began.Add(-from), End: began.Add(-to)}, redeliver)
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
			assert.Equal(t, jobs.Done, answer.Job.Record().State)
			return answer
		}

		answer := ask(5*time.Hour, 30*time.Minute, false)
		assert.Equal(t, []trace.Window{{Start: began.Add(-5 * time.Hour), End: began.Add(-time.Hour)}}, answer.Forgotten)
		assert.Equal(t, []trace.Window{{Start: began.Add(-time.Hour), End: began.Add(-30 * time.Minute)}}, answer.Remembered)
		record := answer.Job.Record()
		assert.Equal(t, trace.Backfill, record.Lane)
		assert.Positive(t, record.Rows.Duplicate)
		assert.Equal(t, w.sink.rows(), delivered+record.Rows.Accepted)
		assert.Zero(t, w.sink.repeats())

		answer = ask(40*time.Minute, 20*time.Minute, true)
		record = answer.Job.Record()
		assert.Zero(t, record.Rows.Duplicate)
		assert.Equal(t, record.Rows.Accepted, w.sink.repeats(), "delivered once more")
		assert.Empty(t, w.state().Redeliver)
		assert.Empty(t, w.state().Asked)
		w.stop()
	})
}

func TestRefusedBackfills(t *testing.T) {
	punctual(t, 1000, time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.start(with)
		time.Sleep(time.Minute)
		in, now := i.Inputs()[0], time.Now()
		for name, window := range map[string]trace.Window{
			"too old":       {Start: now.Add(-91 * 24 * time.Hour), End: now},
			"in the future": {Start: now.Add(time.Hour), End: now.Add(2 * time.Hour)},
		} {
			_, err := in.Backfill(t.Context(), window, false)
			var refused *jobs.RefusedError
			require.ErrorAs(t, err, &refused, name)
			assert.False(t, refused.Conflict, name)
		}
		w.stop()
	})
}

func TestBackfillIsRefusedWhileThePipelineRefuses(t *testing.T) {
	punctual(t, 50_000, 2*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.sink.refuse(errors.New("full"))
		w.start(with)
		time.Sleep(time.Minute)
		began := time.Now().UTC()
		_, err := i.Inputs()[0].Backfill(t.Context(), trace.Window{Start: began.Add(-90 * time.Minute), End: began.Add(-80 * time.Minute)}, false)
		var refused *jobs.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.True(t, refused.Conflict)
		assert.LessOrEqual(t, time.Since(began), 5*time.Second)
		w.sink.refuse(nil)
		time.Sleep(time.Minute)
		w.stop()
	})
}

func TestCancelledBackfillIsGivenUpAndCounted(t *testing.T) {
	punctual(t, 50_000, 10*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		began := time.Now().UTC()
		w.start(func(c *Config) {
			with(c)
			c.JobTimeout = 20 * time.Second
		})
		time.Sleep(time.Minute)
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Hang, Delay: time.Hour, For: time.Minute}))
		in := i.Inputs()[0]
		first, err := in.Backfill(t.Context(), trace.Window{Start: began.Add(-5 * time.Hour), End: began.Add(-4 * time.Hour)}, false)
		require.NoError(t, err)
		second, err := in.Backfill(t.Context(), trace.Window{Start: began.Add(-9 * time.Hour), End: began.Add(-8 * time.Hour)}, false)
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Equal(t, jobs.Running, first.Job.Record().State)
		assert.Equal(t, jobs.Scheduled, second.Job.Record().State)
		require.NoError(t, in.Cancel(second.Job.ID()))
		require.NoError(t, in.Cancel(first.Job.ID()))
		time.Sleep(time.Second)
		for _, b := range []jobs.Backfill{first, second} {
			assert.Equal(t, jobs.Cancelled, b.Job.Record().State)
			require.ErrorIs(t, in.Cancel(b.Job.ID()), jobs.ErrEnded)
		}
		assert.Empty(t, w.state().Asked)
		third, err := in.Backfill(t.Context(), trace.Window{Start: began.Add(-7 * time.Hour), End: began.Add(-6 * time.Hour)}, false)
		require.NoError(t, err)
		_, err = in.Backfill(t.Context(), trace.Window{Start: began.Add(-390 * time.Minute), End: began.Add(-330 * time.Minute)}, false)
		require.NoError(t, err)
		require.NoError(t, in.Cancel(third.Job.ID()))
		time.Sleep(10 * time.Minute)
		w.check(began.Add(-390*time.Minute), began.Add(-330*time.Minute))
		assert.Equal(t, 1, w.logs.FilterMessageSnippet("has been cancelled").Len(), "once in ten minutes")
		w.stop()
	})
}

func TestCancelledWindowIsReadAtTheNextTick(t *testing.T) {
	punctual(t, 50_000, time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		began := time.Now().UTC()
		w.start(with)
		time.Sleep(4 * time.Minute)
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Hang, Delay: time.Hour, For: 2 * time.Minute}))
		time.Sleep(65 * time.Second)
		running := i.jobs(jobs.Running)
		require.Len(t, running, 1)
		require.NoError(t, i.Inputs()[0].Cancel(running[0].ID))
		time.Sleep(10 * time.Minute)
		w.stop()
		w.check(began, began.Add(10*time.Minute))
	})
}

func TestCaptureSeesWhatIsAccepted(t *testing.T) {
	punctual(t, 50_000, time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.start(with)
		time.Sleep(time.Second)
		capture, err := i.Capture("", 0)
		require.NoError(t, err)
		before := w.sink.rows()
		time.Sleep(5 * time.Minute)
		records, _ := capture.Take()
		assert.NotEmpty(t, records)
		assert.LessOrEqual(t, len(records), w.sink.rows()-before)
		capture.Close()
		w.stop()
	})
}

func TestTheConfigurationIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	cfg := createDefaultConfig().(*Config)
	cfg.TenantID = "contoso.com"
	cfg.PollInterval = time.Minute
	cfg.ProxyURL = "http://user:s3cr3t@proxy.example:8080"
	cfg.Filter.SenderAddress = "s3cr3t@contoso.com"
	cfg.Headers.Set("X-Key", "s3cr3t")
	cfg.Authentication.OAuth = configoptional.Some(OAuth{ClientID: "client", ClientSecret: configopaque.String("s3cr3t")})
	cfg.Authentication.Basic = configoptional.Some(Basic{Username: "s3cr3t@contoso.com", Password: "s3cr3t"})
	text, err := json.Marshal(cfg.shown())
	require.NoError(t, err)
	assert.NotContains(t, string(text), "s3cr3t")
	assert.Contains(t, string(text), `"client_id":"client"`)
	assert.Contains(t, string(text), `"poll_interval":"1m"`)
	assert.NotContains(t, string(text), "initial_lookback", "as by default")
}

func TestInspectorThatIsNone(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, least, "inspector: other")
	require.NoError(t, err)
	r, err := newMessageTraceReceiver(receivertest.NewNopSettings(metadata.Type), cfg, nil)
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), `inspector: there is no extension "other"`)
	host := extensions{component.MustNewID("other"): struct{ component.Component }{}}
	require.ErrorContains(t, r.Start(t.Context(), host), `inspector: the extension "other" is no Job Inspector`)
	require.NoError(t, r.Shutdown(t.Context()))
}
