// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// componentStatus is the flag without which health_check knows nothing of receivers.
const componentStatus = "--feature-gates=+extension.healthcheck.useComponentStatus"

// freeAddress returns an address of this machine on which nothing listens.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// healthOf returns the status code of a health check, 0 while nothing answers, and what it says of each component.
func healthOf(address string) (code int, verbose string) {
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + address + "/?verbose")
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// TestHealthCheckFailsWhileSignInFails runs the production example with a secret that is wrong, and then replaced.
func TestHealthCheckFailsWhileSignInFails(t *testing.T) {
	tenant := startTenant(t, "--rows-per-day", "500000", "--history", "15m", "--quota", "0")
	address := freeAddress(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("wrong"), 0o600))
	override := filepath.Join(t.TempDir(), "override.yaml")
	require.NoError(t, os.WriteFile(override, []byte(`
receivers:
  o365messagetrace:
    endpoint: `+tenant.url+`/v1.0/admin/exchange/tracing/messageTraces
    authority_host: `+tenant.url+`
    tls: {ca_file: `+tenant.caFile+`}
    authentication: {oauth: {client_secret_file: `+secret+`}}
    poll_interval: 1s
    rate_limit: {requests: 0}
    unhealthy_after: 4s
extensions:
  health_check: {http: {endpoint: '`+address+`'}}
service:
  telemetry: {metrics: {level: none}}
`), 0o600))
	for name, value := range map[string]string{
		"O365MT_TENANT_ID": tenantID, "O365MT_CLIENT_ID": clientID, "O365MT_STORAGE": t.TempDir(), "OTLP_ENDPOINT": "localhost:1",
	} {
		t.Setenv(name, value)
	}
	collector := start(t, "O365MT_COLLECTOR", componentStatus, "--config", "../../examples/graph-to-otlp.yaml", "--config", override)
	require.Eventually(t, func() bool { return strings.Contains(collector.printed(), "AADSTS7000215") }, 20*time.Second, 5*time.Millisecond)
	began := time.Now()
	code, verbose := healthOf(address)
	for ; code != http.StatusInternalServerError; code, verbose = healthOf(address) {
		require.Less(t, time.Since(began), 6*time.Second, "unhealthy_after and half as much")
		if time.Since(began) > time.Second {
			require.Equal(t, http.StatusOK, code, "%s after the failure began", time.Since(began))
		}
		<-time.After(50 * time.Millisecond)
	}
	assert.GreaterOrEqual(t, time.Since(began), 3900*time.Millisecond, "the line is seen a little later than the failure")
	assert.Contains(t, verbose, "receiver:o365messagetrace")
	assert.Contains(t, verbose, "AADSTS7000215")

	require.NoError(t, os.WriteFile(secret, []byte(clientSecret), 0o600))
	require.Eventually(t, func() bool { return strings.Contains(collector.printed(), "recovered") }, 20*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool {
		code, _ = healthOf(address)
		return code == http.StatusOK
	}, time.Second, 10*time.Millisecond)
}

// TestOutageOfTheService has the service answer 503 for a while, and reads what was missed once it is over.
func TestOutageOfTheService(t *testing.T) {
	t.Parallel()
	for name, retry := range map[string]string{
		"without retries": "{type: disabled}",
		"with retries":    "{initial_interval: 100ms, max_retries: 1}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const outage = 20 * time.Second
			tenant := startTenant(t, "--rows-per-day", "1500000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0")
			sink := startSink(t)
			began := time.Now()
			collector := tenant.startCollector(receiverConfig + "    retry: " + retry + "\n" + sinkConfig(sink, "o365messagetrace"))
			require.Eventually(t, func() bool { return len(sink.snapshot()) > 9000 }, 20*time.Second, 20*time.Millisecond)
			failing := time.Now()
			tenant.fault(`{"kind": "5xx", "status": 503, "on": "page", "for": "20s"}`)
			require.Eventually(t, func() bool { return time.Since(failing) > outage+8*time.Second }, time.Minute, 100*time.Millisecond)
			until := time.Now().Add(-3 * time.Second)
			collector.end(syscall.SIGTERM)

			refused := 0
			for _, query := range tenant.queries(failing) {
				if query.Status == http.StatusServiceUnavailable {
					refused++
				}
			}
			assert.InDelta(t, outage.Seconds(), refused, 5, "a request a tick")
			assert.Equal(t, 1, strings.Count(collector.printed(), "the service cannot be read from"))
			assert.Equal(t, 1, strings.Count(collector.printed(), "recovered"))
			rows := tenant.rows(began.Add(-9*time.Minute), until)
			require.Greater(t, len(rows), 9000)
			compareKeys(t, sink, rows)
		})
	}
}
