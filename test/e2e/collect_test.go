// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// receiverConfig is a receiver of the simulated tenant that polls every second.
const receiverConfig = `
receivers:
  o365messagetrace:
    tenant_id: TENANT
    endpoint: URL/v1.0/admin/exchange/tracing/messageTraces
    authority_host: URL
    tls: {ca_file: CA_FILE}
    authentication: {oauth: {client_id: CLIENT, client_secret: SECRET}}
    poll_interval: 1s
    initial_lookback: 10m
    rate_limit: {requests: 0}
`

// TestEveryRowOnce collects for a while and compares what the file exporter wrote with what the tenant had: every row
// once, every attribute right.
func TestEveryRowOnce(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t, "--rows-per-day", "1500000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0")
	output := filepath.Join(t.TempDir(), "records.json")
	collector := tenant.startCollector(receiverConfig + `
exporters:
  file: {path: ` + output + `, append: true}
service:
  pipelines: {logs: {receivers: [o365messagetrace], exporters: [file]}}
  telemetry: {metrics: {level: none}}
`)
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > 20*time.Second }, time.Minute, 100*time.Millisecond)
	until := time.Now().Add(-3 * time.Second)
	collector.end(syscall.SIGTERM)

	got := map[string][]plog.LogRecord{}
	for _, record := range readFile(t, output) {
		key := text(record, "email.local_id") + "|" + text(record, "email.to.address")
		got[key] = append(got[key], record)
	}
	rows := tenant.rows(began.Add(-9*time.Minute), until)
	require.Greater(t, len(rows), 5000, "more than a page")
	for _, row := range rows {
		if assert.Len(t, got[row.key()], 1, "row received %s", row.Received) {
			compare(t, row, got[row.key()][0])
		}
		if t.Failed() {
			return
		}
	}
	assert.NotContains(t, collector.printed(), "error")
}

// compare checks every attribute of a record.
func compare(t *testing.T, row row, record plog.LogRecord) {
	t.Helper()
	body := record.Body().Str()
	assert.Contains(t, body, row.ID)
	assert.Equal(t, row.Received.Truncate(time.Millisecond), record.Timestamp().AsTime())
	status := row.Timeline[len(row.Timeline)-1].Status
	for name, want := range map[string]string{
		"email.local_id":            row.ID,
		"email.message_id":          orEmpty(row.MessageID),
		"email.from.address":        row.Sender,
		"email.to.address":          row.Recipient,
		"email.subject":             orEmpty(row.Subject),
		"source.address":            orEmpty(row.FromIP),
		"destination.address":       orEmpty(row.ToIP),
		"o365.message_trace.status": status,
		"__inputId":                 "o365messagetrace",
	} {
		assert.Equal(t, want, text(record, name), "%s of %s", name, body)
	}
	size, _ := record.Attributes().Get("o365.message_trace.size")
	assert.Equal(t, row.Size, size.Int())
	whole, _ := record.Attributes().Get("__isBroken")
	assert.True(t, whole.Bool())
	assert.Len(t, text(record, "log.record.uid"), 32)
	assert.Equal(t, "o365.message_trace", record.EventName())
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func readFile(t *testing.T, path string) (all []plog.LogRecord) {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	var unmarshaler plog.JSONUnmarshaler
	for lines.Scan() {
		logs, err := unmarshaler.UnmarshalLogs(lines.Bytes())
		require.NoError(t, err)
		all = append(all, recordsOf(logs)...)
	}
	require.NoError(t, lines.Err())
	return all
}

// TestTroubleOfOneReceiver runs a receiver that cannot sign in beside one that can.
func TestTroubleOfOneReceiver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change [2]string
		hint   string
	}{
		{"wrong secret", [2]string{"client_secret: SECRET", "client_secret: wrong"}, "AADSTS7000215"},
		{"missing secret file", [2]string{"client_secret: SECRET", "client_secret_file: /nowhere/secret"}, "authentication.oauth.client_secret_file"},
		{"wrong tenant", [2]string{"tenant_id: TENANT", "tenant_id: 99999999-1111-1111-1111-111111111111"}, "AADSTS90002"},
		{"unreachable host", [2]string{"endpoint: URL", "endpoint: https://127.0.0.1:1"}, "endpoint"},
		{"untrusted certificate", [2]string{"tls: {ca_file: CA_FILE}", "tls: {}"}, "tls.ca_file"},
		{"missing authority", [2]string{"ca_file: CA_FILE", "ca_file: /nowhere/ca.pem"}, "tls.ca_file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tenant := startTenant(t, "--rows-per-day", "500000", "--history", "15m", "--late", "none")
			sink := startSink(t)
			good := receiverConfig
			bad := strings.Replace(receiverConfig, tt.change[0], tt.change[1], 1)
			bad = strings.Replace(strings.TrimPrefix(bad, "\nreceivers:\n"), "o365messagetrace:", "o365messagetrace/bad:", 1)
			bad += "    retry: {type: disabled}\n"
			collector := tenant.startCollector(good + bad + sinkConfig(sink, "o365messagetrace, o365messagetrace/bad"))
			require.Eventually(t, func() bool {
				return len(sink.snapshot()) > 100 && strings.Contains(collector.printed(), tt.hint)
			}, 20*time.Second, 50*time.Millisecond)
			before := len(sink.snapshot())
			require.Eventually(t, func() bool { return len(sink.snapshot()) > before }, 20*time.Second, 50*time.Millisecond)
			lines := 0
			for line := range strings.Lines(collector.printed()) {
				if strings.Contains(line, tt.hint) {
					lines++
				}
			}
			assert.Equal(t, 1, lines, "one clear line")
			assert.NotContains(t, collector.printed(), clientSecret)
			stopping := time.Now()
			collector.end(syscall.SIGTERM)
			assert.Less(t, time.Since(stopping), 5*time.Second)
		})
	}
}

// sinkConfig delivers to the sink at once: the receiver hears whether the sink has taken the records.
func sinkConfig(s *sink, receivers string) string {
	return `
exporters:
  otlphttp:
    endpoint: ` + s.URL + `
    compression: none
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
service:
  pipelines: {logs: {receivers: [` + receivers + `], exporters: [otlphttp]}}
  telemetry: {metrics: {level: none}}
`
}
