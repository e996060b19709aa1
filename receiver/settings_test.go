// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	logobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func TestStuckJobEndsAndItsWindowIsReadAtTheNextTick(t *testing.T) {
	punctual(t, 100_000, time.Hour, func(t *testing.T, w *world) {
		began := time.Now().UTC()
		w.start(func(c *Config) {
			c.JobTimeout = 5 * time.Second
			c.InitialLookback, c.RevisitAges = 0, nil
			c.PollInterval = time.Minute
		})
		time.Sleep(10 * time.Second)
		require.NoError(t, w.sim.Faults().Set(fault.Rule{Kind: fault.Hang, Delay: time.Hour, For: 65 * time.Second}))
		time.Sleep(90 * time.Second)
		assert.Equal(t, 1, w.logs.FilterField(zap.String("hint", "raise job_timeout if the service is merely slow")).Len(), "said once")
		time.Sleep(5 * time.Minute)
		w.stop()
		w.check(began, began.Add(5*time.Minute))
	})
}

// TestJobTimeoutCountsOnlyWaitsForTheService reads a day of mail with a quota that keeps every job waiting.
func TestJobTimeoutCountsOnlyWaitsForTheService(t *testing.T) {
	punctual(t, 5_000, 25*time.Hour, func(t *testing.T, w *world) {
		i, with := w.inspect()
		w.start(func(c *Config) {
			with(c)
			c.JobTimeout = 30 * time.Second
			c.InitialLookback, c.RevisitAges = 24*time.Hour, nil
			c.RateLimit = RateLimit{Requests: 8, Interval: 5 * time.Minute}
		})
		time.Sleep(2*time.Hour + 4*time.Minute)
		assert.Empty(t, i.jobs(jobs.Failed))
		assert.Less(t, w.state().Unread.Duration(), 2*time.Second)
		w.stop()
	})
}

func TestFilterChangedOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1})
		require.NoError(t, err)
		began := time.Now().UTC()
		add := func(recipients ...string) {
			for i := range 600 {
				for _, recipient := range recipients {
					received := time.Now().UTC().Add(time.Duration(i-600) * time.Second)
					require.NoError(t, sim.Add(mail.Row{
						ID: recipient + received.String(), Sender: "a@b.example", Recipient: recipient, Received: received,
						Timeline: []mail.Change{{At: received, Status: mail.Delivered}},
					}))
				}
			}
		}
		w := newWorld(t, sim)
		for round, filter := range []Filter{{RecipientAddress: "anna@contoso.com"}, {RecipientAddress: "o'neil@contoso.com"}, {}} {
			w.start(func(c *Config) {
				c.Filter = filter
				c.InitialLookback = time.Minute
			})
			time.Sleep(15 * time.Minute)
			add("anna@contoso.com", "o'neil@contoso.com")
			time.Sleep(15 * time.Minute)
			w.stop()
			if round == 0 {
				for _, statuses := range w.sink.recipients("o'neil@contoso.com") {
					t.Errorf("what the filter leaves out has been delivered: %v", statuses)
				}
			}
		}
		w.start(nil)
		time.Sleep(31 * time.Hour)
		w.stop()
		// The revisits without a filter bring what earlier filters left out.
		w.check(began, began.Add(90*time.Minute))
		assert.Equal(t, 3*2*600, w.rows)
	})
}

// recipients are the rows of one recipient that have been delivered.
func (s *sink) recipients(recipient string) (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.statuses {
		if strings.HasSuffix(key, "|"+recipient) {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestHeldRowsAreDeliveredOnceTheirFateIsKnownOrTheLastAgeHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1})
		require.NoError(t, err)
		received := time.Now().UTC().Add(-30 * time.Second)
		row := func(id string, timeline ...mail.Change) mail.Row {
			return mail.Row{ID: id, Sender: "a@b.example", Recipient: "c@contoso.com", Received: received, Timeline: timeline}
		}
		require.NoError(t, sim.Add(
			row("at once", mail.Change{At: received, Status: mail.Delivered}),
			row("later", mail.Change{At: received, Status: mail.Pending}, mail.Change{At: received.Add(20 * time.Minute), Status: mail.Failed}),
			row("never", mail.Change{At: received, Status: mail.GettingStatus}, mail.Change{At: received.Add(time.Minute), Status: mail.Pending}),
		))
		w := newWorld(t, sim)
		w.start(func(c *Config) {
			c.Statuses = FinalStatuses
			c.RevisitAges = []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}
		})
		statuses := func(id string) []string { return w.sink.delivered(mail.Row{ID: id, Recipient: "c@contoso.com"}) }
		time.Sleep(15 * time.Minute)
		assert.Equal(t, []string{"delivered"}, statuses("at once"))
		assert.Empty(t, statuses("later"))
		time.Sleep(25 * time.Minute)
		assert.Equal(t, []string{"failed"}, statuses("later"))
		assert.Empty(t, statuses("never"))
		time.Sleep(40 * time.Minute)
		assert.Equal(t, []string{"pending"}, statuses("never"))
		w.stop()
		assert.Zero(t, w.sink.repeats())
	})
}

func TestFieldsThatFailAreSaidOnce(t *testing.T) {
	punctual(t, 10_000, time.Hour, func(t *testing.T, w *world) {
		w.start(func(c *Config) {
			c.Fields = []Field{{Name: "bad", Value: `Int(ParseJSON("x"))`}, {Name: "good", Value: `"1"`}}
		})
		time.Sleep(10 * time.Minute)
		w.stop()
		assert.Equal(t, 1, w.logs.FilterField(zap.String("field", "bad")).Len())
		assert.Positive(t, w.sink.rows())
	})
}

// started starts a receiver whose endpoint is never reached, and returns what it logs.
func started(t *testing.T, level zapcore.Level, host component.Host, change func(*Config)) (*messageTraceReceiver, *logobserver.ObservedLogs) {
	cfg, err := load(t, least)
	require.NoError(t, err)
	cfg.Endpoint = "https://localhost:1/v1.0/admin/exchange/tracing/messageTraces"
	cfg.AuthorityHost = "https://localhost:1"
	change(cfg)
	require.NoError(t, cfg.Validate())
	core, logs := logobserver.New(level)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	r, err := newMessageTraceReceiver(set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
	return r, logs
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		collector zapcore.Level
		level     LogLevel
		says      int
		tooLoud   int
	}{
		"the collector's":                 {zapcore.InfoLevel, "", 1, 0},
		"quieter":                         {zapcore.InfoLevel, LogError, 0, 0},
		"as the collector's":              {zapcore.WarnLevel, LogWarn, 1, 0},
		"louder than the collector's":     {zapcore.WarnLevel, LogDebug, 1, 1},
		"louder than a quiet collector's": {zapcore.ErrorLevel, LogInfo, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, logs := started(t, test.collector, componenttest.NewNopHost(), func(c *Config) {
				c.LogLevel = test.level
				c.Tags = []string{"soc"}
			})
			said := logs.FilterMessageSnippet("storage is not set")
			assert.Equal(t, test.says, said.Len())
			assert.Equal(t, test.tooLoud, logs.FilterMessageSnippet("log_level asks for more").Len())
			for _, line := range said.All() {
				assert.Equal(t, []any{"soc"}, line.ContextMap()["tags"])
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environment, current string
		idle                 bool
	}{
		"not set":      {"", "", false},
		"only current": {"", "staging", false},
		"equal":        {"production", "production", false},
		"different":    {"production", "staging", true},
		"unknown":      {"production", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, logs := started(t, zapcore.InfoLevel, componenttest.NewNopHost(), func(c *Config) {
				c.Environment, c.CurrentEnvironment = test.environment, test.current
			})
			assert.Equal(t, test.idle, r.cancel == nil)
			assert.Equal(t, test.idle, logs.FilterMessageSnippet("idle").Len() == 1)
		})
	}
}

// elector is an extension as the one that elects leaders by Kubernetes leases is: with types of its own.
type elector struct {
	component.StartFunc
	component.ShutdownFunc
	started startCallback
	stopped stopCallback
}

type (
	startCallback func(context.Context)
	stopCallback  func()
)

func (e *elector) SetCallBackFuncs(started startCallback, stopped stopCallback) {
	e.started, e.stopped = started, stopped
}

type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

func TestOnlyTheLeaderPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{Quota: -1, Traffic: traffic.Config{RowsPerDay: 5_000, From: time.Now(), Seed: 7}})
		require.NoError(t, err)
		w := newWorld(t, sim)
		e, id := &elector{}, component.MustNewID("k8s_leader_elector")
		w.extensions = extensions{id: e}
		w.start(func(c *Config) { c.LeaderElectorID = &id })
		requests := func() int { return len(sim.Requests()) }
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		assert.Zero(t, requests())
		e.started(t.Context())
		time.Sleep(time.Hour)
		polled := requests()
		assert.Positive(t, polled)
		e.stopped()
		time.Sleep(time.Hour)
		assert.Equal(t, polled, requests())
		e.stopped()
		e.started(t.Context())
		time.Sleep(33 * time.Hour)
		e.stopped()
		w.stop()
		w.check(time.Now().Add(-35*time.Hour), time.Now().Add(-33*time.Hour))
	})
}

func TestStandbyChangesNothing(t *testing.T) {
	punctual(t, 20_000, time.Hour, func(t *testing.T, w *world) {
		e, id := &elector{}, component.MustNewID("k8s_leader_elector")
		i, with := w.inspect()
		w.extensions[id] = e
		w.start(func(c *Config) {
			with(c)
			c.LeaderElectorID = &id
		})
		synctest.Wait()
		began := time.Now().UTC()
		window := trace.Window{Start: began.Add(-30 * time.Minute), End: began.Add(-20 * time.Minute)}
		ask := func() error {
			_, err := i.Inputs()[0].Backfill(t.Context(), window, false)
			return err
		}
		var refused *jobs.RefusedError
		for range 3 {
			require.ErrorAs(t, ask(), &refused)
			assert.True(t, refused.Conflict)
			e.started(t.Context())
			time.Sleep(10 * time.Minute)
			require.NoError(t, ask())
			e.stopped()
			time.Sleep(time.Minute)
		}
		w.stop()
		assert.Zero(t, w.sink.repeats())
	})
}

func TestLeaderElectorThatElectsNothing(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("other")
	cfg, err := load(t, least, "k8s_leader_elector: other")
	require.NoError(t, err)
	r, err := newMessageTraceReceiver(receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), componenttest.NewNopHost()), `k8s_leader_elector: there is no extension "other"`)
	host := extensions{id: struct{ component.Component }{}}
	require.ErrorContains(t, r.Start(t.Context(), host), `k8s_leader_elector: the extension "other" elects no leader`)
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestOffsetsAreSpread(t *testing.T) {
	t.Parallel()
	var offsets []time.Duration
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		id := component.NewIDWithName(metadata.Type, name)
		o := offset(id, 5*time.Minute)
		assert.Equal(t, o, offset(id, 5*time.Minute), "stable")
		assert.Less(t, o, 5*time.Minute)
		assert.Zero(t, o%time.Second)
		offsets = append(offsets, o)
	}
	slices.Sort(offsets)
	assert.Len(t, slices.Compact(offsets), 8)
	assert.Zero(t, offset(component.MustNewID("a"), 0))
}
