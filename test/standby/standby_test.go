// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package standby

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// sink is the back end. It counts how often it has got each row.
type sink struct {
	*httptest.Server

	mu    sync.Mutex
	times map[string]int
	// repeated counts the records that came once too often.
	repeated int
	// last is when a record came last that had not come before.
	last time.Time
	// offered gets a token whenever a batch begins to come.
	offered chan struct{}
}

func startSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{times: map[string]int{}, offered: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sink) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	select {
	case s.offered <- struct{}{}:
	default:
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	request := plogotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.Logs().ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				id, _ := record.Attributes().Get("email.local_id")
				to, _ := record.Attributes().Get("email.to.address")
				key := id.Str() + "|" + to.Str()
				if s.times[key]++; s.times[key] > 1 {
					s.repeated++
				} else {
					s.last = time.Now()
				}
			}
		}
	}
}

// seen is how many records have been repeated, and when a new one came last.
func (s *sink) seen() (repeated int, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repeated, s.last
}

func (s *sink) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[key] > 0
}

const (
	// lease is how long a leader leads without renewing, and retry how often others look.
	lease = 3 * time.Second
	// batch is the most records that are in hand at a time.
	batch = 500
)

// TestTheStandbyGoesOn has the leader killed, cut off from the API server and paused, again and again, in the middle of a
// page.
func TestTheStandbyGoesOn(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	began := time.Now()
	service := simulatortest.Start(t, simulator.Config{
		Quota: -1, Traffic: traffic.Config{RowsPerDay: 10_000_000, From: began.Add(-3 * time.Minute), Delays: traffic.NoDelays(), StatusChanges: -1},
	})
	cluster, database, sink := startCluster(t), startDatabase(t), startSink(t)
	running := map[string]*process{}
	launch := func(name string) {
		running[name] = start(t, name, "KUBECONFIG="+cluster.kubeConfig(t, name), serviceKey+"="+service.URL, caKey+"="+service.CAFile,
			databaseKey+"="+database.URL, sinkKey+"="+sink.URL)
	}
	launch("a0")
	awaitLeader(t, cluster, "")
	launch("b0")
	for round := range rounds {
		leader := cluster.leader()
		kind := []string{"killed", "cut off", "paused"}[round%3]
		before, _ := sink.seen()
		// In the middle of a page, of which there are several each second.
		<-sink.offered
		<-sink.offered
		failed := time.Now()
		switch kind {
		case "killed":
			running[leader].kill()
		case "cut off":
			cluster.cut(leader, true)
		case "paused":
			require.NoError(t, running[leader].cmd.Process.Signal(syscall.SIGSTOP))
		}
		next := awaitLeader(t, cluster, leader)
		// What the old leader sends until it knows does not count.
		from := time.Now()
		require.Eventually(t, func() bool { _, last := sink.seen(); return last.After(from) }, 20*time.Second, 10*time.Millisecond)
		took := time.Since(failed)
		switch kind {
		case "killed":
			launch(fmt.Sprintf("%c%d", leader[0], round+1))
		case "cut off":
			cluster.cut(leader, false)
		case "paused":
			require.NoError(t, running[leader].cmd.Process.Signal(syscall.SIGCONT))
		}
		settle(t, 3*time.Second)
		after, _ := sink.seen()
		t.Logf("%s %s: %s goes on after %v, %d repeated", leader, kind, next, took.Round(10*time.Millisecond), after-before)
		if kind == "cut off" {
			assert.Zero(t, after-before)
		}
		assert.LessOrEqual(t, after-before, batch, "the batch in hand")
	}
	until := time.Now().Add(-2 * time.Second)
	settle(t, 10*time.Second)
	rows, lost := 0, 0
	for row := range service.Rows(began.Add(-time.Minute), until) {
		if rows++; !sink.has(row.ID + "|" + row.Recipient) {
			lost++
		}
	}
	assert.Zero(t, lost, "of %d rows", rows)
	assert.Greater(t, rows, 500*rounds)
}

// awaitLeader waits until somebody else than before leads.
func awaitLeader(t *testing.T, c *cluster, before string) (leader string) {
	t.Helper()
	require.Eventually(t, func() bool {
		leader = c.leader()
		return leader != before && leader != ""
	}, 5*lease, 10*time.Millisecond)
	return leader
}

func settle(t *testing.T, d time.Duration) {
	t.Helper()
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > d }, d+time.Minute, 50*time.Millisecond)
}
