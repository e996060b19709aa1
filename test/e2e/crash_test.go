// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKilledAgainAndAgain kills the collector eight times without warning. Nothing may be lost, and no more than a batch
// repeated each time.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	const kills = 8
	tenant := startTenant(t, "--rows-per-day", "3000000", "--history", "15m", "--late", "80%:5s,20%:15s", "--quota", "0")
	sink := startSink(t)
	config := receiverConfig + `
    revisit_ages: [3s, 10s, 25s]
    storage: file_storage
extensions:
  file_storage: {directory: ` + t.TempDir() + `}
` + sinkConfig(sink, "o365messagetrace") + `
  extensions: [file_storage]
`
	began := time.Now()
	for range kills {
		collector := tenant.startCollector(config)
		before := len(sink.snapshot())
		require.Eventually(t, func() bool { return len(sink.snapshot()) > before }, 20*time.Second, 10*time.Millisecond)
		wait := time.Duration(rand.IntN(2000)) * time.Millisecond
		<-time.After(wait)
		collector.end(syscall.SIGKILL)
	}
	tenant.startCollector(config)
	until := time.Now()
	require.Eventually(t, func() bool { return time.Since(until) > 32*time.Second }, time.Minute, 100*time.Millisecond)

	got := sink.snapshot()
	lost, repeated := 0, 0
	rows := tenant.rows(began.Add(-9*time.Minute), until)
	require.Greater(t, len(rows), 10_000)
	for _, row := range rows {
		records := got[row.key()]
		if len(records) == 0 {
			lost++
		}
		for i := 1; i < len(records); i++ {
			if text(records[i], "log.record.uid") == text(records[i-1], "log.record.uid") {
				repeated++
			}
		}
	}
	assert.Zero(t, lost, "of %d rows", len(rows))
	assert.LessOrEqual(t, repeated, kills*2*1000, "a batch per kill and running job")
	t.Logf("%d rows, %d repeated by %d kills", len(rows), repeated, kills)
}
