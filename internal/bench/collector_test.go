// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collectorKey is the environment variable that names the built collector.
const collectorKey = "O365MT_COLLECTOR"

const collectorConfig = `
receivers:
  o365messagetrace:
    endpoint: %s` + path + `
    auth: {authenticator: bearertokenauth}
    storage: file_storage
    initial_lookback: 5h
    poll_interval: 1h
    rate_limit: {requests: 100000}
exporters:
  nop:
extensions:
  bearertokenauth: {token: secret}
  file_storage: {directory: %s}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  extensions: [bearertokenauth, file_storage]
`

const collectorPipeline = `
  pipelines:
    logs: {receivers: [o365messagetrace], exporters: [nop]}
`

// BenchmarkCollector runs the built collector with an exporter that does nothing and a checkpoint on disk: without the
// receiver, with one whose service has nothing, and with one that has 500,000 rows to read.
func BenchmarkCollector(b *testing.B) {
	if os.Getenv(collectorKey) == "" {
		b.Skip(collectorKey + " is not set: run make bench-collector")
	}
	service, empty := startService(b), startEmpty(b)
	for _, set := range append(sets("plain", service.Plain), sets("gzip", service.Plain+zippedPath)...) {
		b.Run(set.name, func(b *testing.B) { benchmarkCollector(b, service, empty, set.base) })
	}
}

func benchmarkCollector(b *testing.B, service, empty *service, base string) {
	b.Helper()
	client, hours := service.client(b), windowOf(backfillRows)
	var without, idle, peak, ratio, perRow []float64
	for b.Loop() {
		none := startCollector(b, empty.Plain, "")
		none.settle(b)
		without = append(without, resident(none.pid(), "VmRSS"))
		none.stop()

		resting := startCollector(b, empty.Plain, collectorPipeline)
		resting.settle(b)
		startCPU, rest := resting.cpu(b), resident(resting.pid(), "VmRSS")
		idle = append(idle, rest-without[len(without)-1])
		resting.stop()

		bare := measure(func() { check(b, bare(b.Context(), client, base, hours), backfillRows) }).cpu
		before := service.served(b)
		busy := startCollector(b, base, collectorPipeline)
		for service.served(b)-before < backfillRows {
			time.Sleep(100 * time.Millisecond)
		}
		busy.settle(b)
		cost := float64(busy.cpu(b)-startCPU) / float64(service.served(b)-before)
		peak = append(peak, resident(busy.pid(), "VmHWM")-rest)
		perRow = append(perRow, cost)
		ratio = append(ratio, cost*backfillRows/float64(bare))
		busy.stop()
	}
	b.ReportMetric(median(perRow), "cpu-ns/row")
	b.ReportMetric(median(ratio), "ratio-to-baseline")
	b.ReportMetric(median(peak), "MiB-above-idle")
	b.ReportMetric(median(idle), "MiB-of-idle-receiver")
	b.ReportMetric(0, "ns/op")
}

// served is how many rows the service has sent.
func (s *service) served(tb testing.TB) int {
	tb.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(s.Plain + servedPath)
	require.NoError(tb, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	n, err := strconv.Atoi(string(text))
	require.NoError(tb, err)
	return n
}

// collector is a running collector.
type collector struct{ cmd *exec.Cmd }

func startCollector(b *testing.B, base, pipeline string) *collector {
	b.Helper()
	dir := b.TempDir()
	file := filepath.Join(dir, "config.yaml")
	require.NoError(b, os.WriteFile(file, []byte(fmt.Sprintf(collectorConfig, base, dir)+pipeline), 0o600))
	c := &collector{cmd: exec.CommandContext(b.Context(), os.Getenv(collectorKey), "--config", file, "--feature-gates", "service.AllowNoPipelines")}
	c.cmd.Stderr = os.Stderr
	require.NoError(b, c.cmd.Start())
	return c
}

func (c *collector) pid() int { return c.cmd.Process.Pid }

func (c *collector) stop() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// settle waits until the collector has used no processor time for two seconds.
func (c *collector) settle(b *testing.B) {
	b.Helper()
	time.Sleep(2 * time.Second)
	for last := c.cpu(b); ; {
		time.Sleep(2 * time.Second)
		now := c.cpu(b)
		if now-last <= 20*time.Millisecond {
			return
		}
		last = now
	}
}

// cpu is the processor time that the collector has had, as user and as system.
func (c *collector) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
	require.NoError(b, err)
	// proc(5): behind the name in brackets, utime and stime are the 12th and 13th field, in hundredths of a second.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.Atoi(fields[11])
	require.NoError(b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
