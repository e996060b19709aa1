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

// TestASecondCollectorWaitsForTheDirectory has two collectors on one directory of file_storage, and ends the one that reads:
// without warning, and properly.
func TestASecondCollectorWaitsForTheDirectory(t *testing.T) {
	t.Parallel()
	for name, ending := range map[string]struct {
		signal syscall.Signal
		repeat int
	}{
		"killed":  {signal: syscall.SIGKILL, repeat: 2 * 1000}, // a batch for each running job
		"stopped": {signal: syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := startTenant(t, "--rows-per-day", "3000000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0")
			sink := startSink(t)
			config := receiverConfig + `
    revisit_ages: []
    storage: file_storage
extensions:
  file_storage: {directory: ` + t.TempDir() + `}
` + sinkConfig(sink, "o365messagetrace") + `
  extensions: [file_storage]
`
			began := time.Now()
			first := tenant.startCollector(config)
			require.Eventually(t, func() bool { return strings.Contains(first.printed(), "delivered the first rows") },
				30*time.Second, 20*time.Millisecond)
			second := tenant.startCollector(config)
			require.Eventually(t, func() bool { return strings.Contains(second.printed(), "cannot open the storage") },
				30*time.Second, 20*time.Millisecond)
			assert.NotContains(t, second.printed(), "delivered the first rows")

			first.end(ending.signal)
			ended := time.Now()
			before := len(sink.snapshot())
			require.Eventually(t, func() bool { return len(sink.snapshot()) > before }, 30*time.Second, 10*time.Millisecond)
			took := time.Since(ended)
			// A poll, the timeout of the lock, and what signing in and the first page take on a busy machine.
			assert.Less(t, took, 8*time.Second)

			until := time.Now()
			pass(t, 5*time.Second)
			second.end(syscall.SIGTERM)
			got, lost, repeated := sink.snapshot(), 0, 0
			rows := tenant.rows(began.Add(-9*time.Minute), until.Add(-2*time.Second))
			require.Greater(t, len(rows), 10_000)
			for _, row := range rows {
				lost += max(0, 1-len(got[row.key()]))
				repeated += max(0, len(got[row.key()])-1)
			}
			assert.Zero(t, lost, "of %d rows", len(rows))
			assert.LessOrEqual(t, repeated, ending.repeat)
			t.Logf("%s: the second one goes on after %v; of %d rows %d repeated", name, took.Round(10*time.Millisecond), len(rows), repeated)
		})
	}
}
