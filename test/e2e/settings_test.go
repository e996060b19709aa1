// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// request is a request that the simulator answered.
type request struct {
	Time       time.Time
	Query      string
	Start, End time.Time
	Continued  bool
	Status     int
}

// queries returns the requests for first pages since an instant, oldest first.
func (s *tenant) queries(since time.Time) (all []request) {
	resp, err := s.client.Get(s.url + "/_sim/requests?from=" + since.UTC().Format("2006-01-02T15:04:05Z"))
	require.NoError(s.t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var r request
			require.NoError(s.t, json.Unmarshal(line, &r))
			if !r.Start.IsZero() && !r.Continued {
				all = append(all, r)
			}
		}
		if err == io.EOF {
			return all
		}
		require.NoError(s.t, err)
	}
}

// fault makes something go wrong at the service.
func (s *tenant) fault(rule string) {
	resp, err := s.client.Post(s.url+"/_sim/faults", "application/json", strings.NewReader(rule))
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	require.Less(s.t, resp.StatusCode, http.StatusMultipleChoices, string(body))
}

// compareKeys finds no row that was not delivered, and none that was delivered more than once.
func compareKeys(t *testing.T, s *sink, rows []row) {
	t.Helper()
	got, lost, repeated := s.snapshot(), 0, 0
	for _, row := range rows {
		switch len(got[row.key()]) {
		case 0:
			lost++
		case 1:
		default:
			repeated++
		}
	}
	assert.Zero(t, lost, "rows lost of %d", len(rows))
	assert.Zero(t, repeated, "rows repeated of %d", len(rows))
}

func TestFixedWindowsAreAskedForOnTime(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t, "--rows-per-day", "1000000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0")
	sink := startSink(t)
	began := time.Now()
	collector := tenant.startCollector(strings.Replace(receiverConfig, "    poll_interval: 1s\n    initial_lookback: 10m\n",
		"    poll_interval: 10s\n    date_range: {start: -30s, end: -10s}\n", 1) + sinkConfig(sink, "o365messagetrace"))
	require.Eventually(t, func() bool { return time.Since(began) > 45*time.Second }, time.Minute, 100*time.Millisecond)
	collector.end(syscall.SIGTERM)

	queries := tenant.queries(began.Add(-time.Second))
	require.GreaterOrEqual(t, len(queries), 5)
	first := queries[0].End.Add(10 * time.Second)
	assert.Equal(t, first, first.Truncate(10*time.Second))
	assert.WithinDuration(t, began, first, 12*time.Second)
	for i, query := range queries {
		tick := first.Add(time.Duration(i) * 10 * time.Second)
		assert.Equal(t, tick.Add(-30*time.Second).UTC(), query.Start.UTC(), "query %d", i)
		assert.Equal(t, tick.Add(-10*time.Second).UTC(), query.End.UTC(), "query %d", i)
		if i > 0 {
			assert.WithinDuration(t, tick, query.Time, 2*time.Second)
		}
	}
	compareKeys(t, sink, tenant.rows(queries[0].Start, queries[len(queries)-1].End.Add(-time.Second)))
}

func TestBackfillBetweenFixedTimesRunsOnce(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t, "--rows-per-day", "600000", "--history", "4h", "--late", "none", "--status-changes", "0", "--quota", "0")
	sink := startSink(t)
	from, to := time.Now().Add(-3*time.Hour).Truncate(time.Second), time.Now().Add(-20*time.Minute).Truncate(time.Second)
	config := strings.Replace(receiverConfig, "    initial_lookback: 10m\n    rate_limit: {requests: 0}\n",
		fmt.Sprintf("    date_range: {start: %d, end: %d}\n    page_size: 100\n    rate_limit: {requests: 100, interval: 1s}\n"+
			"    storage: file_storage\n", from.Unix(), to.Unix()), 1) + `
extensions:
  file_storage: {directory: ` + t.TempDir() + `}
` + sinkConfig(sink, "o365messagetrace") + `
  extensions: [file_storage]
`
	rows := tenant.rows(from, to)
	collector := tenant.startCollector(config)
	require.Eventually(t, func() bool { return len(sink.snapshot()) > len(rows)/10 }, 30*time.Second, 10*time.Millisecond)
	collector.end(syscall.SIGKILL)
	require.Less(t, len(sink.snapshot()), len(rows)*9/10, "killed in the middle")
	collector = tenant.startCollector(config)
	require.Eventually(t, func() bool { return len(sink.snapshot()) >= len(rows) }, time.Minute, 50*time.Millisecond)
	<-time.After(2 * time.Second)
	collector.end(syscall.SIGTERM)
	got, lost, repeated := sink.snapshot(), 0, 0
	for _, row := range rows {
		if len(got[row.key()]) == 0 {
			lost++
		}
		repeated += max(0, len(got[row.key()])-1)
	}
	assert.Zero(t, lost)
	assert.LessOrEqual(t, repeated, 100, "a page at most")

	again := time.Now().Add(time.Second)
	<-time.After(time.Second)
	collector = tenant.startCollector(config)
	<-time.After(4 * time.Second)
	collector.end(syscall.SIGTERM)
	assert.Empty(t, tenant.queries(again), "it has been read")
}

func TestStuckJobEnds(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t, "--rows-per-day", "500000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0")
	sink := startSink(t)
	tenant.fault(`{"kind": "hang", "delay": "1h", "count": 1}`)
	began := time.Now()
	collector := tenant.startCollector(strings.Replace(receiverConfig, "    initial_lookback: 10m\n",
		"    initial_lookback: 0s\n    revisit_ages: []\n    job_timeout: 5\n", 1) + sinkConfig(sink, "o365messagetrace"))
	require.Eventually(t, func() bool { return strings.Contains(collector.printed(), "raise job_timeout") }, 20*time.Second, 20*time.Millisecond)
	assert.InDelta(t, 6, time.Since(began).Seconds(), 3)
	<-time.After(3 * time.Second)
	until := time.Now().Add(-3 * time.Second)
	require.Eventually(t, func() bool { return len(sink.snapshot()) > 0 }, 10*time.Second, 20*time.Millisecond)
	<-time.After(2 * time.Second)
	collector.end(syscall.SIGTERM)
	compareKeys(t, sink, tenant.rows(began.Add(2*time.Second), until))
}

func TestLogLevelOfOneReceiver(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t, "--rows-per-day", "1000", "--history", "5m", "--quota", "0")
	sink := startSink(t)
	own := func(name, level string) string {
		return strings.NewReplacer("receivers:\n", "", "o365messagetrace:", "o365messagetrace/"+name+":").Replace(receiverConfig) + level
	}
	collector := tenant.startCollector("receivers:\n" + own("loud", "") + own("quiet", "    log_level: error\n    tags: [soc]\n") +
		sinkConfig(sink, "o365messagetrace/loud, o365messagetrace/quiet"))
	<-time.After(3 * time.Second)
	collector.end(syscall.SIGTERM)
	var loud, quiet int
	for line := range strings.Lines(collector.printed()) {
		switch {
		case strings.Contains(line, "o365messagetrace/loud"):
			loud++
		case strings.Contains(line, "o365messagetrace/quiet"):
			quiet++
		}
	}
	assert.Positive(t, loud, "storage is not set")
	assert.Zero(t, quiet)
}
