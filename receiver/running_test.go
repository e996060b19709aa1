// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// The configurations of testdata/running are right. The first line of each says what is wanted of the receivers in it; those
// that this file does not run are read by the tests of long look-backs and of the Job Inspector.

// receiversOf returns the receivers of a file, by their IDs, after replacing pairs of texts in it.
func receiversOf(t *testing.T, file string, environment texts, pairs ...string) map[component.ID]*Config {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "running", file))
	require.NoError(t, err)
	receivers, err := resolveAll(t, strings.NewReplacer(pairs...).Replace(string(content)), environment).Sub("receivers")
	require.NoError(t, err)
	all := map[component.ID]*Config{}
	for key := range receivers.ToStringMap() {
		var id component.ID
		require.NoError(t, id.UnmarshalText([]byte(key)))
		own, err := receivers.Sub(key)
		require.NoError(t, err)
		all[id], err = unmarshal(own)
		require.NoError(t, err, "%s: %s", file, key)
	}
	return all
}

// environmentOf are the variables of the files, for a simulator.
func environmentOf(sim, caFile, cases string) texts {
	return texts{
		"O365MT_TENANT_ID": simulator.DefaultTenantID, "O365MT_CLIENT_ID": simulator.DefaultClientID, "O365MT_CLIENT_SECRET": simulator.DefaultClientSecret,
		"SIM": sim, "GRAPH": sim + graphPath, "RWS": sim + reportingPath, "CA": caFile, "CASES": cases,
	}
}

func TestRunningConfigurationsAreRight(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "running", "*.yaml"))
	require.NoError(t, err)
	assert.Len(t, files, 15)
	for _, file := range files {
		name := filepath.Base(file)
		receivers := receiversOf(t, name, environmentOf("https://127.0.0.1:1", "/ca.pem", t.TempDir()), recently(time.Now())...)
		want := map[string]int{"inspector-60.yaml": 60, "inspector-backfill-card.yaml": 3, "same-tenant-twice.yaml": 2}[name]
		assert.Len(t, receivers, max(want, 1), name)
	}
}

// recently moves the dates of the files so that they are as long ago as they were.
func recently(now time.Time) []string {
	return []string{
		"2026-08-29T21:38:01Z", now.Add(-90*24*time.Hour + 62*time.Minute).UTC().Format(time.RFC3339),
		"2026-11-01T00:00:00Z", now.Add(-27 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"2026-11-26T00:00:00Z", now.Add(-3 * time.Hour).UTC().Format(time.RFC3339),
		"2026-11-26T12:00:00Z", now.Add(-2 * time.Hour).UTC().Format(time.RFC3339),
	}
}

// oneSenderless is a row of a report of non-delivery.
func oneSenderless(now time.Time) mail.Row {
	return mail.Row{
		ID: "8a9b0c1d-0000-4000-8000-000000000001", Sender: "<>", Recipient: "ann@contoso.com", Received: now.Add(-10 * time.Minute),
		Timeline: []mail.Change{{At: now.Add(-9 * time.Minute), Status: mail.Delivered}},
	}
}

func TestRunningReceiversSayWhatIsWanted(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		environment texts
		// lines are parts of what is to be logged, in this order, as level: message {fields}.
		lines []string
		never string
		check func(t *testing.T, s *sink)
	}{
		"secret-utf16.yaml":      {lines: []string{"^error: .*is in UTF-16.*save what authentication.oauth.client_secret_file names in UTF-8"}},
		"secret-name-eq.yaml":    {lines: []string{"^error: .*AADSTS7000215.*it looks like NAME=value"}},
		"secret-envnl.yaml":      {environment: texts{"O365MT_CLIENT_SECRET": simulator.DefaultClientSecret + "\n"}, lines: []string{"^info: signed in"}, never: "^(warn|error): .*sign-in"},
		"secret-env-quotes.yaml": {environment: texts{"O365MT_CLIENT_SECRET": `'"` + simulator.DefaultClientSecret + `"'`}, lines: []string{"^error: .*AADSTS7000215.*it is in quotes"}},
		"fields-index.yaml": {
			lines: []string{`^warn: an expression of fields cannot be evaluated.*error:index 5 .*bounds.*field:d hint:correct the value`}, never: `(?i)^(info|warn|error): .*(@|log_level)`,
		},
		"env-noc.yaml":              {lines: []string{"^warn: idle: environment says"}},
		"same-tenant-twice.yaml":    {lines: []string{"^warn: another receiver of this collector reads the same tenant"}},
		"silent-even-at-debug.yaml": {lines: []string{"^info: signed in", "^info: delivered the first rows", "^info: backfill done"}},
		"null-sender-direction.yaml": {
			lines: []string{"^info: delivered the first rows"},
			check: func(t *testing.T, s *sink) {
				s.mu.Lock()
				defer s.mu.Unlock()
				i := slices.IndexFunc(s.all, func(record map[string]any) bool { return record["email.local_id"] == oneSenderless(time.Now()).ID })
				require.GreaterOrEqual(t, i, 0)
				assert.Equal(t, "inbound", s.all[i]["email.direction"])
			},
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			from := now.Add(-4 * time.Hour)
			if c.check != nil {
				from = now.Add(-10 * time.Minute)
			}
			// A tenant has one budget of requests in the process, so each test has a tenant of its own.
			tenant := uuid.NewString()
			sim := simulatortest.Start(t, simulator.Config{TenantID: tenant, Quota: -1, Traffic: traffic.Config{RowsPerDay: 2000, From: from, Delays: traffic.NoDelays()}})
			require.NoError(t, sim.Add(oneSenderless(now)))
			folder := t.TempDir()
			for name, content := range map[string]string{"s-u16": "\xff\xfes\x003\x00", "s-env": "CLIENT_SECRET=s3cr3t-value\n"} {
				require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
			}
			environment := environmentOf(sim.URL, sim.CAFile, folder)
			environment["O365MT_TENANT_ID"] = tenant
			maps.Copy(environment, c.environment)
			lines := newLines()
			s := newSink()
			s.keep = true
			for id, cfg := range receiversOf(t, file, environment, recently(now)...) {
				start(t, id, cfg, lines, s)
			}
			for _, want := range c.lines {
				lines.await(t, want)
			}
			if c.never != "" {
				assert.NotRegexp(t, "(?m)"+c.never, strings.Join(lines.all(), "\n"))
			}
			if c.check != nil {
				c.check(t, s)
			}
		})
	}
}

// start runs a receiver until the test ends.
func start(t *testing.T, id component.ID, cfg *Config, lines *logLines, s *sink) {
	t.Helper()
	host := &statusHost{extensions: map[component.ID]component.Component{}}
	if cfg.StorageID != nil {
		host.extensions[*cfg.StorageID] = storageExtension{client: ledger.Memory{}, jobs: ledger.Memory{}}
	}
	set := receivertest.NewNopSettings(metadata.Type)
	set.ID, set.Logger = id, zap.New(lines.core)
	r, err := newMessageTraceReceiver(set, cfg, s)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
}

// logLines are what receivers log.
type logLines struct {
	core zapcore.Core
	logs *zapobserver.ObservedLogs
	more chan struct{}
}

func newLines() *logLines {
	l := &logLines{more: make(chan struct{}, 1)}
	core, logs := zapobserver.New(zapcore.DebugLevel)
	l.logs = logs
	l.core = zapcore.RegisterHooks(core, func(zapcore.Entry) error {
		select {
		case l.more <- struct{}{}:
		default:
		}
		return nil
	})
	return l
}

// all are the lines so far.
func (l *logLines) all() (all []string) {
	for _, entry := range l.logs.All() {
		fields := fmt.Sprint(entry.ContextMap())
		all = append(all, entry.Level.String()+": "+entry.Message+" "+strings.ReplaceAll(fields, "\n", " "))
	}
	return all
}

// await waits for a line that matches.
func (l *logLines) await(t *testing.T, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	timeout := time.After(30 * time.Second)
	for !slices.ContainsFunc(l.all(), wanted.MatchString) {
		select {
		case <-l.more:
		case <-timeout:
			require.Fail(t, "was not logged", "%s\nin\n%s", pattern, strings.Join(l.all(), "\n"))
		}
	}
}
