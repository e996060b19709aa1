// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// mostPerRow is how many bytes a remembered row may take, in memory as on disk.
const mostPerRow = 24

// maxBatch is the most rows that are delivered at once.
const maxBatch = 1000

// fill remembers n rows received within 30 hours, the greatest age of the defaults, and commits them as they are
// delivered: batch by batch.
func fill(tb testing.TB, b *watched, n int) {
	tb.Helper()
	batch := make([]ledger.Row, 0, maxBatch)
	for i := range n {
		batch = append(batch, row(i, 30*60*float64(i)/float64(n), trace.Delivered))
		if len(batch) == maxBatch || i == n-1 {
			require.NoError(tb, b.Remember(tb.Context(), batch))
			b.commit(tb)
			batch = batch[:0]
		}
	}
}

// perRow remembers n rows and returns how many bytes each takes on the heap, with all that is stored there as well, and
// on disk.
func perRow(tb testing.TB, n int) (heap, disk float64) {
	tb.Helper()
	before := heapInUse()
	values := ledger.Memory{}
	b := open(tb, values)
	b.SetState(collecting())
	fill(tb, b, n)
	heap = float64(heapInUse()-before) / float64(n)
	require.Equal(tb, n, b.Rows())
	var stored int
	for key, value := range values {
		stored += len(key) + len(value)
	}
	return heap, float64(stored) / float64(n)
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Not parallel: it measures the heap.
func TestARowTakesAtMost24Bytes(t *testing.T) {
	heap, disk := perRow(t, 300_000)
	t.Logf("%.1f bytes on the heap, %.1f on disk", heap, disk)
	assert.LessOrEqual(t, heap, float64(mostPerRow))
	assert.LessOrEqual(t, disk, float64(mostPerRow))
}

func BenchmarkBytesPerRow(b *testing.B) {
	var heap, disk float64
	for b.Loop() {
		heap, disk = perRow(b, 1_000_000)
	}
	b.ReportMetric(heap, "heap-B/row")
	b.ReportMetric(disk, "disk-B/row")
}

func BenchmarkIsNew(b *testing.B) {
	l := open(b, ledger.Memory{})
	l.SetState(collecting())
	const rows = 40_000
	for i := range rows {
		require.NoError(b, l.Remember(b.Context(), []ledger.Row{row(i, float64(i%60), trace.Delivered)}))
	}
	known, fresh := row(1, 1, trace.Delivered), row(rows, 1, trace.Delivered)
	for name, r := range map[string]ledger.Row{"known": known, "new": fresh} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := l.IsNew(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRemember and BenchmarkCommit remember and commit batches of new rows of one bucket after the other, each
// measuring its own part.
func BenchmarkRemember(b *testing.B) {
	benchmarkDeliver(b, storeIn(ledger.Memory{}), (*testing.B).StartTimer, (*testing.B).StopTimer)
}

func BenchmarkCommit(b *testing.B) {
	for name, newStore := range storages {
		b.Run(name, func(b *testing.B) {
			benchmarkDeliver(b, newStore(b), (*testing.B).StopTimer, (*testing.B).StartTimer)
		})
	}
}

func benchmarkDeliver(b *testing.B, s *store, remembering, committing func(*testing.B)) {
	b.Helper()
	l := open(b, s)
	state := collecting()
	batch := make([]ledger.Row, maxBatch)
	n := 0
	for b.Loop() {
		b.StopTimer()
		// A bucket takes five batches; the last 30 hours are remembered.
		minutes := float64(n / maxBatch * 2)
		for i := range batch {
			batch[i] = row(n, minutes, trace.Delivered)
			n++
		}
		state.Head, state.Served[0].UpTo = at(minutes), at(minutes-30*60)
		l.SetState(state)
		remembering(b)
		if err := l.Remember(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		committing(b)
		if err := l.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
}

// BenchmarkLoad reads a bucket that is not in memory.
func BenchmarkLoad(b *testing.B) {
	s := storeIn(ledger.Memory{})
	l := open(b, s)
	l.SetState(collecting())
	fill(b, l, 1_000_000)
	for b.Loop() {
		l := open(b, s)
		if _, _, err := l.IsNew(b.Context(), row(0, 600, trace.Delivered)); err != nil {
			b.Fatal(err)
		}
	}
}
