// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && linux

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxResident is the most memory, in bytes, that the collector may have used, whatever its receivers are answered.
const maxResident = 200 << 20

// TestMemoryOfLargePages answers every request of three receivers with a page of nearly 64 MiB, whose rows have nearly 1 MiB.
func TestMemoryOfLargePages(t *testing.T) {
	tenant := startTenant(t, "--history", "1m", "--rows-per-day", "1000")
	subject := strings.Repeat(`abcdefg\n`, 120_000)
	received := time.Now().Add(-5 * time.Minute).UTC().Format(time.RFC3339)
	var answers atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := answers.Add(1)
		var page bytes.Buffer
		page.WriteString(`{"value":[`)
		for i := range 60 {
			fmt.Fprintf(&page, `{"id":"3f6d0a52-0000-4000-8000-%012d","receivedDateTime":%q,"senderAddress":"a@fabrikam.example",`+
				`"recipientAddress":"b@contoso.example","status":"delivered","subject":"%s"},`, n*100+int64(i), received, subject)
		}
		page.Truncate(page.Len() - 1)
		page.WriteString(`]}`)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page.Bytes())
	}))
	t.Cleanup(service.Close)
	receivers, names := []string{"\nreceivers:\n"}, []string(nil)
	for i := range 3 {
		name := fmt.Sprintf("o365messagetrace/%d", i)
		receivers = append(receivers, strings.NewReplacer("\nreceivers:\n", "", "o365messagetrace:", name+":", "endpoint: URL", "endpoint: "+service.URL).Replace(receiverConfig))
		names = append(names, name)
	}
	collector := tenant.startCollector(strings.Join(receivers, "") + `
exporters: {nop: }
service:
  pipelines: {logs: {receivers: [` + strings.Join(names, ", ") + `], exporters: [nop]}}
  telemetry: {metrics: {level: none}}
`)
	require.Eventually(t, func() bool { return answers.Load() >= 12 }, 2*time.Minute, 100*time.Millisecond)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", collector.cmd.Process.Pid))
	require.NoError(t, err)
	_, peak, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found)
	var kilobytes int64
	_, err = fmt.Sscan(peak, &kilobytes)
	require.NoError(t, err)
	t.Logf("peak %d MiB", kilobytes>>10)
	assert.LessOrEqual(t, kilobytes<<10, int64(maxResident))
	collector.end(syscall.SIGTERM)
}
