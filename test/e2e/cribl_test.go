// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	graphPath     = "/v1.0/admin/exchange/tracing/messageTraces"
	reportingPath = "/ecp/reportingwebservice/reporting.svc/MessageTrace"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestPublishedPagesBecomeCriblEvents runs the example against pages that Microsoft's documentation and others have
// published.
func TestPublishedPagesBecomeCriblEvents(t *testing.T) {
	for page, service := range map[string]string{
		"graph-docs-page":        graphPath,
		"reporting-light-page":   reportingPath,
		"reporting-verbose-page": reportingPath,
	} {
		t.Run(page, func(t *testing.T) {
			body, err := os.ReadFile("../../testdata/" + page + ".json")
			require.NoError(t, err)
			var events []any
			for _, record := range criblEvents(t, service, string(body), 2) {
				event := record.Body().Map()
				assert.Equal(t, 14, event.Len())
				for _, name := range []string{"Size", "Index"} {
					value, _ := event.Get(name)
					assert.Contains(t, []pcommon.ValueType{pcommon.ValueTypeInt, pcommon.ValueTypeEmpty}, value.Type(), name)
				}
				for name := range record.Attributes().All() {
					assert.False(t, strings.HasPrefix(name, "__"), name)
				}
				events = append(events, event.AsRaw())
			}
			var got bytes.Buffer
			encoder := json.NewEncoder(&got)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			require.NoError(t, encoder.Encode(events))

			golden := "testdata/cribl-" + page + ".json"
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())
		})
	}
}

// TestStatusesOfCriblEvents looks at every status that Graph documents, and at a row that is no object.
func TestStatusesOfCriblEvents(t *testing.T) {
	statuses := map[string]string{
		"gettingStatus": "GettingStatus", "pending": "Pending", "failed": "Failed", "delivered": "Delivered", "expanded": "Expanded",
		"quarantined": "Quarantined", "filteredAsSpam": "FilteredAsSpam", "recalled": "Recalled", "onHold": "OnHold",
	}
	rows := []string{`"no object"`}
	for status := range statuses {
		rows = append(rows, fmt.Sprintf(`{"id":%q,"recipientAddress":"a@contoso.com","receivedDateTime":"2026-01-21T14:12:34.109Z","status":%q}`,
			status, status))
	}
	got := map[string]string{}
	for _, record := range criblEvents(t, graphPath, `{"value":[`+strings.Join(rows, ",")+`]}`, len(rows)) {
		if record.Body().Type() != pcommon.ValueTypeMap {
			assert.Equal(t, `"no object"`, record.Body().Str())
			continue
		}
		event := record.Body().Map().AsRaw()
		assert.Equal(t, "2026-01-21T14:12:34.109", event["Received"])
		got[event["MessageTraceId"].(string)], _ = event["Status"].(string)
	}
	assert.Equal(t, statuses, got)
}

// criblEvents runs examples/cribl-compatible.yaml against a service whose first answer is the page, and whose further
// ones are empty, until there are as many records as expected, and returns them in the order of their rows' keys.
func criblEvents(t *testing.T, path, page string, expected int) []plog.LogRecord {
	var asked atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Header.Get("Authorization") != "Bearer "+clientSecret {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer := page
		if asked.Swap(true) {
			answer = `{"value":[]}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(service.Close)
	sink := startSink(t)

	api := map[string]string{graphPath: "graph", reportingPath: "reporting_webservice"}[path]
	override := filepath.Join(t.TempDir(), "override.yaml")
	require.NoError(t, os.WriteFile(override, []byte(`
receivers:
  o365messagetrace:
    api: `+api+`
    endpoint: `+service.URL+path+`
    authentication: null
    auth: {authenticator: bearertokenauth}
extensions:
  bearertokenauth: {token: `+clientSecret+`}
exporters:
  otlphttp:
    endpoint: `+sink.URL+`
    compression: none
    sending_queue: {enabled: false}
service:
  extensions: [file_storage, bearertokenauth]
  pipelines: {logs: {exporters: [otlphttp]}}
  telemetry: {metrics: {level: none}}
`), 0o600))
	for name, value := range map[string]string{
		"O365MT_TENANT_ID": tenantID, "O365MT_CLIENT_ID": clientID, "O365MT_ORGANIZATION": "contoso.onmicrosoft.com",
		"O365MT_STORAGE": t.TempDir(), "OTLP_ENDPOINT": "localhost:1",
	} {
		t.Setenv(name, value)
	}
	collector := start(t, "O365MT_COLLECTOR", componentStatus, "--config", "../../examples/cribl-compatible.yaml", "--config", override)
	require.Eventually(t, func() bool { return len(sink.snapshot()) >= expected }, 20*time.Second, 20*time.Millisecond)
	collector.end(syscall.SIGTERM)
	assert.NotContains(t, collector.printed(), "failed to execute statement")

	var all []plog.LogRecord
	records := sink.snapshot()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		assert.Len(t, records[key], 1, key)
		all = append(all, records[key]...)
	}
	return all
}
