// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// newest is the end of the mail that is read.
var newest = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

// windowOf is a window with so many rows, up to newest.
func windowOf(rows int) trace.Window {
	return trace.Window{Start: newest.Add(-time.Duration(rows-1) * pace), End: newest}
}

// cost is what some work took.
type cost struct {
	cpu           time.Duration
	allocs, bytes uint64
}

// measure returns what work costs this process.
func measure(work func()) (c cost) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpu()
	work()
	c.cpu = cpu() - began
	runtime.ReadMemStats(&after)
	c.allocs, c.bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return c
}

// cpu is the processor time that this process has had, as user and as system.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// rounds measures the baseline and our path in turn, so that whatever else the machine does slows down both.
type rounds struct {
	rows       int
	bare, ours []cost
}

func (r *rounds) add(bare, ours cost) {
	r.bare, r.ours = append(r.bare, bare), append(r.ours, ours)
}

// report reports medians per row. The ratio is the median of the rounds' own.
func (r *rounds) report(b *testing.B) {
	b.Helper()
	perRow := func(all []cost, of func(cost) float64) float64 {
		values := make([]float64, len(all))
		for i, c := range all {
			values[i] = of(c) / float64(r.rows)
		}
		return median(values)
	}
	ratios := make([]float64, len(r.ours))
	for i := range r.ours {
		ratios[i] = float64(r.ours[i].cpu) / float64(r.bare[i].cpu)
	}
	nanoseconds := func(c cost) float64 { return float64(c.cpu) }
	b.ReportMetric(perRow(r.bare, nanoseconds), "baseline-cpu-ns/row")
	b.ReportMetric(perRow(r.ours, nanoseconds), "cpu-ns/row")
	b.ReportMetric(median(ratios), "ratio-to-baseline")
	b.ReportMetric(perRow(r.ours, func(c cost) float64 { return float64(c.allocs) }), "allocs/row")
	b.ReportMetric(perRow(r.ours, func(c cost) float64 { return float64(c.bytes) }), "B/row")
	b.ReportMetric(0, "ns/op")
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// pageSet is a set of pages that are sent in one way.
type pageSet struct{ name, base string }

// sets returns both sets of pages. Uniform rows look alike, and of varied ones each has its own set, order and spelling of
// members.
func sets(name, base string) []pageSet {
	return []pageSet{{name + "/uniform", base}, {name + "/varied", base + variedPath}}
}

// BenchmarkWholePath reads pages of 5000 rows of about 410 bytes, from the body to the consumer, and the same pages in a plain
// loop. With rows all new each is converted, delivered and remembered; with rows all duplicates all have been before.
func BenchmarkWholePath(b *testing.B) {
	s := startService(b)
	for _, set := range append(sets("plain", s.Plain), sets("tls+gzip", s.TLS+zippedPath)...) {
		for _, rows := range []string{"new", "duplicate"} {
			b.Run(set.name+"/"+rows, func(b *testing.B) {
				benchmarkPath(b, s.client(b), set.base, windowOf(30*pageSize), rows == "new")
			})
		}
	}
}

func benchmarkPath(b *testing.B, client *http.Client, base string, w trace.Window, fresh bool) {
	b.Helper()
	known, err := newReader(client, base)
	require.NoError(b, err)
	_, _, err = known.read(b.Context(), w)
	require.NoError(b, err)
	benchmarkReaders(b, client, base, w, fresh, func() (*reader, error) {
		if fresh {
			return newReader(client, base)
		}
		return known, nil
	})
}

// benchmarkReaders reads a window, in turn, with a reader of next, for which all rows are new or all known, and in a plain loop.
func benchmarkReaders(b *testing.B, client *http.Client, base string, w trace.Window, fresh bool, next func() (*reader, error)) {
	b.Helper()
	first, last := rowsIn(w.Start, w.End)
	all := rounds{rows: int(last - first + 1)}
	for b.Loop() {
		ours, err := next()
		require.NoError(b, err)
		all.add(measure(func() { check(b, bare(b.Context(), client, base, w), all.rows) }),
			measure(func() { check(b, through(b.Context(), ours, w, fresh), all.rows) }))
	}
	all.report(b)
}

// bare is the baseline.
func bare(ctx context.Context, client *http.Client, base string, w trace.Window) func() (int, error) {
	return func() (int, error) { return readPages(ctx, client, base, w, readStructs) }
}

func through(ctx context.Context, r *reader, w trace.Window, fresh bool) func() (int, error) {
	return func() (int, error) {
		accepted, duplicate, err := r.read(ctx, w)
		if fresh {
			return accepted, err
		}
		return duplicate, err
	}
}

// check reads. The last page is full, so that what lies beyond it is asked for as well, which brings its last row again.
func check(b *testing.B, read func() (int, error), want int) {
	b.Helper()
	if got, err := read(); err != nil || got < want || got > want+1 {
		b.Fatal(fmt.Errorf("%d rows of %d: %w", got, want, err))
	}
}
