// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReportingServiceThenGraph reads the Reporting Web Service for a while, once with a password and once with a token,
// and then goes on with Microsoft Graph on the same storage: every row once over both services.
func TestReportingServiceThenGraph(t *testing.T) {
	for name, signIn := range map[string]string{
		"password": "basic: {username: reader, password: SECRET}",
		"token":    "oauth: {client_id: CLIENT, client_secret: SECRET, resource: 'https://outlook.office365.com'}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startTenant(t, "--rows-per-day", "800000", "--history", "15m", "--late", "none", "--status-changes", "0",
				"--basic-user", "reader", "--basic-password", clientSecret)
			sink := startSink(t)
			stored := `
    revisit_ages: [3s, 10s]
    storage: file_storage
extensions:
  file_storage: {directory: ` + t.TempDir() + `}
` + sinkConfig(sink, "o365messagetrace") + `
  extensions: [file_storage]
`
			reporting := strings.NewReplacer(
				"URL/v1.0/admin/exchange/tracing/messageTraces", "URL/ecp/reportingwebservice/reporting.svc/MessageTrace\n    api: reporting_webservice",
				"oauth: {client_id: CLIENT, client_secret: SECRET}", signIn,
			).Replace(receiverConfig)
			began := time.Now()
			collector := tenant.startCollector(reporting + stored)
			require.Eventually(t, func() bool { return time.Since(began) > 12*time.Second }, time.Minute, 100*time.Millisecond)
			collector.end(syscall.SIGTERM)
			fromReporting := len(sink.snapshot())
			collector = tenant.startCollector(receiverConfig + strings.Replace(stored, "[3s, 10s]", "[3s, 10s, 20s]", 1))
			moved := time.Now()
			require.Eventually(t, func() bool { return time.Since(moved) > 15*time.Second }, time.Minute, 100*time.Millisecond)
			until := time.Now().Add(-3 * time.Second)
			collector.end(syscall.SIGTERM)

			got := sink.snapshot()
			rows := tenant.rows(began.Add(-9*time.Minute), until)
			require.Greater(t, fromReporting, 4000, "more than a page")
			assert.Greater(t, len(got), fromReporting)
			for _, row := range rows {
				if !assert.Len(t, got[row.key()], 1, "row received %s", row.Received) {
					return
				}
			}
			assert.NotContains(t, collector.printed(), clientSecret)
		})
	}
}
