// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && linux

package e2e

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// The load of TestStaysFlat: tenants, rows of all of them, and how late rows turn up.
const (
	steadyTenants       = 5
	steadyRowsPerSecond = 500
	steadyLatest        = 10 * time.Minute
)

// steadyConfig has everything on: findings, details, and an inspector from which records are captured. Rows are remembered
// for half an hour, so that a run of two hours sees them forgotten.
const steadyConfig = `
connectors:
  o365findings: {storage: file_storage, inspector: o365jobinspector}
exporters:
  otlp_http:
    endpoint: SINK
    compression: none
    sending_queue: {storage: file_storage}
    retry_on_failure: {max_elapsed_time: 0}
extensions:
  file_storage: {directory: STATE, fsync: true}
  o365jobinspector: {endpoint: INSPECTOR, open: true}
  pprof: {endpoint: PPROF}
service:
  extensions: [file_storage, o365jobinspector, pprof]
  pipelines:
    logs/mail: {receivers: [RECEIVERS], exporters: [otlp_http, o365findings]}
    logs/findings: {receivers: [o365findings], exporters: [otlp_http]}
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: METRICS}}}}]
receivers:
`

const steadyReceiver = `  NAME:
    tenant_id: TENANT_OF_IT
    endpoint: URL/v1.0/admin/exchange/tracing/messageTraces
    authority_host: URL
    tls: {ca_file: CA_FILE}
    authentication: {oauth: {client_id: CLIENT, client_secret: SECRET}}
    poll_interval: 30s
    initial_lookback: 10m
    revisit_ages: [5m, 15m, 30m]
    details: {}
    job_ttl: 30m
    local_domains: [DOMAIN]
    storage: file_storage
    inspector: o365jobinspector
`

// TestStaysFlat reads 500 rows a second for as long as O365MT_STEADY says, at least 40 minutes, and writes what the collector
// takes each minute into build/steady.csv. In the second half of that time, nothing must grow. Each record must be delivered once.
func TestStaysFlat(t *testing.T) {
	text := os.Getenv("O365MT_STEADY")
	if text == "" {
		t.Skip("O365MT_STEADY is not set: run make steady")
	}
	lasting, err := time.ParseDuration(text)
	require.NoError(t, err, "O365MT_STEADY")
	sim := startTenant(t, "--tenants", strconv.Itoa(steadyTenants), "--rows-per-day", strconv.Itoa(steadyRowsPerSecond*24*60*60/steadyTenants),
		"--history", "20m", "--late", "80%:1m,20%:"+steadyLatest.String())
	counter := startCounter(t)
	state, inspector, pprof, metrics := t.TempDir(), freeAddress(t), freeAddress(t), freeAddress(t)
	tenants := sim.tenants()
	var names []string
	var receivers strings.Builder
	for i, each := range tenants {
		names = append(names, "o365messagetrace/"+strconv.Itoa(i))
		receivers.WriteString(strings.NewReplacer("NAME", names[i], "TENANT_OF_IT", each.ID, "DOMAIN", each.Domain).Replace(steadyReceiver))
	}
	_, port, _ := strings.Cut(metrics, ":")
	began := time.Now()
	collector := sim.startCollector(strings.NewReplacer("SINK", counter.URL, "STATE", state, "INSPECTOR", inspector, "PPROF", pprof,
		"METRICS", port, "RECEIVERS", strings.Join(names, ", ")).Replace(steadyConfig) + receivers.String())
	go capture(t.Context(), "http://"+inspector+"/api/v1/capture?limit=1000")

	samples := sampler{t: t, pid: collector.cmd.Process.Pid, state: state, pprof: pprof, metrics: metrics}
	samples.watch(began, lasting, counter)
	until := time.Now()
	// What was received by then has been read a quarter of an hour later, when all of it was visible.
	before := until.Add(-20 * time.Minute)
	rows, lost := 0, 0
	for _, each := range tenants {
		for from := began.Add(-9 * time.Minute); from.Before(before); from = from.Add(10 * time.Minute) {
			sim.lines(ledgerPath(each.ID, from, earlier(from.Add(10*time.Minute-time.Second), before), until), func(decoder *json.Decoder) error {
				var one row
				if err := decoder.Decode(&one); err != nil {
					return err
				}
				rows++
				if !counter.has(one.ID, one.Recipient) {
					lost++
				}
				return nil
			})
		}
	}
	collector.end(syscall.SIGTERM)
	t.Logf("%d records of mail and %d others in %s; of %d rows that had to be there, %d are lost; %d records came again",
		counter.mail, counter.others, time.Since(began).Round(time.Second), rows, lost, counter.repeated)
	require.Greater(t, rows, 1000)
	assert.Zero(t, lost)
	assert.Zero(t, counter.repeated)
	assert.NotContains(t, collector.printed(), "a gap")
	samples.flat()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func ledgerPath(tenant string, from, to, at time.Time) string {
	const layout = "2006-01-02T15:04:05Z"
	return fmt.Sprintf("/_sim/ledger?tenant=%s&from=%s&to=%s&at=%s", tenant, from.UTC().Format(layout), to.UTC().Format(layout), at.UTC().Format(layout))
}

// capture watches records go by until ctx is over.
func capture(ctx context.Context, url string) {
	for ctx.Err() == nil {
		if request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody); err == nil {
			if resp, err := http.DefaultClient.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// counter is a sink that keeps a hash of what it gets: hours of records would not fit.
type counter struct {
	*httptest.Server
	seed maphash.Seed

	mu sync.Mutex
	// rows and records are what has come.
	rows, records          map[uint64]struct{}
	mail, others, repeated int
}

func startCounter(t *testing.T) *counter {
	c := &counter{seed: maphash.MakeSeed(), rows: map[uint64]struct{}{}, records: map[uint64]struct{}{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(c.Close)
	return c
}

func (c *counter) receive(w http.ResponseWriter, r *http.Request) {
	request := plogotlp.NewExportRequest()
	body, err := readBody(r)
	if err == nil {
		err = request.UnmarshalProto(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	for _, record := range recordsOf(request.Logs()) {
		c.count(record)
	}
	c.mu.Unlock()
	answer, _ := plogotlp.NewExportResponse().MarshalProto()
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func (c *counter) count(record plog.LogRecord) {
	if record.EventName() != "o365.message_trace" {
		c.others++
		return
	}
	c.mail++
	id, recipient := text(record, "email.local_id"), text(record, "email.to.address")
	c.rows[c.hash(id, recipient)] = struct{}{}
	hash := c.hash(id, recipient, text(record, "o365.message_trace.previous_status"), text(record, "o365.message_trace.status"))
	if _, again := c.records[hash]; again {
		c.repeated++
	}
	c.records[hash] = struct{}{}
}

func (c *counter) has(id, recipient string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.rows[c.hash(id, recipient)]
	return ok
}

func (c *counter) hash(parts ...string) uint64 {
	return maphash.String(c.seed, strings.Join(parts, "|"))
}

func (c *counter) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mail
}

// sampler looks at what the collector takes.
type sampler struct {
	t                     *testing.T
	pid                   int
	state, pprof, metrics string
	// taken has a line for each minute, in the order of steadyColumns.
	taken [][]int
}

var steadyColumns = []string{"second", "records", "resident_kib", "heap_kib", "goroutines", "descriptors", "state_kib"}

func (s *sampler) watch(began time.Time, lasting time.Duration, counter *counter) {
	require.NoError(s.t, os.MkdirAll("../../build", 0o755))
	file, err := os.Create("../../build/steady.csv")
	require.NoError(s.t, err)
	defer file.Close()
	table := csv.NewWriter(file)
	require.NoError(s.t, table.Write(steadyColumns))
	minutes := time.NewTicker(time.Minute)
	defer minutes.Stop()
	for time.Since(began) < lasting {
		<-minutes.C
		sample := []int{
			int(time.Since(began).Seconds()), counter.total(), s.resident(), s.heap(), s.goroutines(), s.descriptors(), s.size(),
		}
		s.taken = append(s.taken, sample)
		line := make([]string, len(sample))
		for i, value := range sample {
			line[i] = strconv.Itoa(value)
		}
		require.NoError(s.t, table.Write(line))
		table.Flush()
		require.NoError(s.t, table.Error())
	}
}

func (s *sampler) resident() (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	require.NoError(s.t, err)
	return s.after(string(status), "VmRSS:")
}

// heap is what lives on the heap.
func (s *sampler) heap() (kib int) {
	var bytes float64
	for line := range strings.Lines(s.get("http://" + s.metrics + "/metrics")) {
		if strings.HasPrefix(line, "otelcol_process_runtime_heap_alloc_bytes") {
			_, err := fmt.Sscan(line[strings.LastIndexByte(strings.TrimSpace(line), ' '):], &bytes)
			require.NoError(s.t, err)
		}
	}
	require.NotZero(s.t, bytes)
	return int(bytes) >> 10
}

func (s *sampler) goroutines() int {
	return s.after(s.get("http://"+s.pprof+"/debug/pprof/goroutine?debug=1"), "total")
}

func (s *sampler) descriptors() int {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	require.NoError(s.t, err)
	return len(open)
}

func (s *sampler) size() (kib int) {
	files, err := filepath.Glob(filepath.Join(s.state, "*"))
	require.NoError(s.t, err)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			kib += int(info.Size() >> 10)
		}
	}
	return kib
}

func (s *sampler) get(url string) string {
	client := http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return string(body)
}

// after returns the number behind a word.
func (s *sampler) after(text, word string) (n int) {
	_, rest, found := strings.Cut(text, word)
	require.True(s.t, found, "no %s", word)
	_, err := fmt.Sscan(rest, &n)
	require.NoError(s.t, err)
	return n
}

// flat compares the third quarter of the time with the last one. Medians, since garbage comes and goes.
func (s *sampler) flat() {
	quarter := len(s.taken) / 4
	require.NotZero(s.t, quarter)
	for column := 2; column < len(steadyColumns); column++ {
		third, last := s.median(column, 2*quarter, 3*quarter), s.median(column, 3*quarter, 4*quarter)
		s.t.Logf("%s: %d in the third quarter, %d in the last", steadyColumns[column], third, last)
		assert.LessOrEqual(s.t, float64(last), 1.2*float64(third), steadyColumns[column])
	}
}

func (s *sampler) median(column, from, to int) int {
	var values []int
	for _, sample := range s.taken[from:to] {
		values = append(values, sample[column])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
