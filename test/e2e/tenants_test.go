// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed is a tenant of several that are simulated.
type listed struct{ ID, Domain string }

// tenants lists the tenants.
func (s *tenant) tenants() (all []listed) {
	s.lines("/_sim/tenants", func(decoder *json.Decoder) error {
		var one listed
		err := decoder.Decode(&one)
		if err == nil {
			all = append(all, one)
		}
		return err
	})
	return all
}

// lines reads a page of the simulator, document by document.
func (s *tenant) lines(path string, read func(*json.Decoder) error) {
	resp, err := s.client.Get(s.url + path)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	require.Equal(s.t, http.StatusOK, resp.StatusCode)
	for decoder := json.NewDecoder(bufio.NewReader(resp.Body)); decoder.More(); {
		require.NoError(s.t, read(decoder))
	}
}

// TestHundredsOfTenantsFromAList reads two hundred tenants for a minute, with a wrong line among them, and adds one.
func TestHundredsOfTenantsFromAList(t *testing.T) {
	const n = 200
	sim := startTenant(t, "--tenants", strconv.Itoa(n+1), "--rows-per-day", "3000", "--history", "15m", "--late", "none",
		"--status-changes", "0", "--no-incidents")
	sink := startSink(t)
	all := sim.tenants()
	require.Len(t, all, n+1)
	folder := t.TempDir()
	list := filepath.Join(folder, "tenants.yaml")
	text := strings.NewReplacer("URL", sim.url, "CA_FILE", sim.caFile, "CLIENT", clientID, "SECRET", clientSecret).Replace(`defaults:
  endpoint: URL/v1.0/admin/exchange/tracing/messageTraces
  authority_host: URL
  tls: {ca_file: CA_FILE}
  authentication: {oauth: {client_id: CLIENT, client_secret: SECRET}}
  poll_interval: 10s
  poll_spread: 10s
  initial_lookback: 10m
  revisit_ages: []
  rate_limit: {requests: 0}
  storage: file_storage
tenants:
  - {name: wrong, tenant_id: wrong.example, poll_intervall: 5m}
`)
	lines := make([]string, n)
	for i, each := range all[:n] {
		lines[i] = fmt.Sprintf("  - {name: t%d, tenant_id: %s}\n", i, each.ID)
	}
	text += strings.Join(lines, "")
	require.NoError(t, os.WriteFile(list, []byte(text), 0o600))
	config := filepath.Join(folder, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
extensions:
  file_storage: {directory: `+t.TempDir()+`}
exporters:
  otlphttp:
    endpoint: `+sink.URL+`
    compression: none
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
service:
  extensions: [file_storage]
  pipelines: {logs: {exporters: [otlphttp]}}
  telemetry: {metrics: {level: none}}
`), 0o600))
	began := time.Now()
	collector := start(t, "O365MT_COLLECTOR", "--config", config, "--config", "tenants:"+list)
	pass(t, time.Minute)
	resident := residentKiB(t, collector.cmd.Process.Pid)
	// A poll ends before the present, and comes up to ten seconds later.
	checkTenants(t, sim, sink, all[:n], began, time.Now().Add(-15*time.Second))
	assert.Contains(t, collector.printed(), `"line": 13`)
	assert.Equal(t, 1, strings.Count(collector.printed(), "a tenant is left out"))
	assert.NotContains(t, collector.printed(), "\terror\tinternal/", "no tenant fails")
	busiest, requests := busiestSecond(sim, all[:n], began.Add(15*time.Second))
	assert.LessOrEqual(t, busiest, 3*n/10, "of %d requests, spread over ten seconds each round", requests)
	t.Logf("%d MiB resident with %d tenants, %d requests, %d in the busiest second", resident/1024, n, requests, busiest)

	text += fmt.Sprintf("  - {name: t%d, tenant_id: %s}\n", n, all[n].ID)
	require.NoError(t, os.WriteFile(list, []byte(text), 0o600))
	added := time.Now()
	require.NoError(t, collector.cmd.Process.Signal(syscall.SIGHUP))
	pass(t, 40*time.Second)
	checkTenants(t, sim, sink, all, began, time.Now().Add(-15*time.Second))
	repeated := 0
	for _, records := range sink.snapshot() {
		repeated += len(records) - 1
	}
	assert.Zero(t, repeated, "the others go on where they were")
	assert.Contains(t, collector.printed(), "Config updated, restart service")
	t.Logf("the tenant that was added at %v is read as well", added.Sub(began))
	ending := time.Now()
	collector.end(syscall.SIGTERM)
	assert.Less(t, time.Since(ending), 5*time.Second)
}

// pass lets time pass.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > d }, d+time.Minute, 50*time.Millisecond)
}

// checkTenants compares what has arrived with what the tenants had from ten minutes before the start on until an instant.
func checkTenants(t *testing.T, sim *tenant, sink *sink, all []listed, began, until time.Time) {
	t.Helper()
	got := sink.snapshot()
	rows, lost := 0, 0
	for _, each := range all {
		from, to := began.Add(-9*time.Minute).UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339)
		sim.lines(fmt.Sprintf("/_sim/ledger?tenant=%s&from=%s&to=%s&at=%s", each.ID, from, to, to), func(decoder *json.Decoder) error {
			var r row
			err := decoder.Decode(&r)
			if rows++; len(got[r.key()]) == 0 {
				lost++
			}
			return err
		})
	}
	require.Greater(t, rows, 10*len(all))
	assert.Zero(t, lost, "of %d rows", rows)
}

// busiestSecond returns the most requests for pages in one second from an instant on, and how many there were in all.
func busiestSecond(sim *tenant, all []listed, from time.Time) (most, total int) {
	seconds := map[int64]int{}
	for _, each := range all {
		sim.lines("/_sim/requests?tenant="+each.ID+"&from="+from.UTC().Format(time.RFC3339), func(decoder *json.Decoder) error {
			var r struct{ Time time.Time }
			err := decoder.Decode(&r)
			seconds[r.Time.Unix()]++
			return err
		})
	}
	for _, n := range seconds {
		most, total = max(most, n), total+n
	}
	return most, total
}

// residentKiB is the resident memory of a process.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kib
}
