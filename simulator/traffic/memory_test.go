// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// A month of a busy tenant must fit into a test's memory.
func TestRowsAreSmall(t *testing.T) {
	const perDay, days, limit = 50_000, 1, 260 // bytes per row, shared strings included
	g, err := New(Config{RowsPerDay: perDay, From: firstDay})
	require.NoError(t, err)
	before := heap()
	kept := make([][]mail.Row, 0, days*24)
	for i := range days * 24 {
		kept = append(kept, g.Hour(firstDay.Add(time.Duration(i)*time.Hour)))
	}
	after := heap()
	assert.Less(t, (after-before)/(perDay*days), uint64(limit), "bytes per row")
	t.Logf("%d bytes per row", (after-before)/(perDay*days))
	runtime.KeepAlive(kept)
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
