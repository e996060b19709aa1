// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// BenchmarkWindow reads windows of different sizes, all rows new: what a row costs must not depend on them.
func BenchmarkWindow(b *testing.B) {
	s := startService(b)
	for _, rows := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			benchmarkPath(b, s.client(b), s.Plain, windowOf(rows), true)
		})
	}
}

// BenchmarkFollowed reads windows of different sizes, all rows new and varied, with the findings connector behind the receiver,
// and with rows that failed, one in twenty, noted down for their details.
func BenchmarkFollowed(b *testing.B) {
	s := startService(b)
	for _, rows := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			client, base := s.client(b), s.Plain+variedPath
			benchmarkReaders(b, client, base, windowOf(rows), true, func() (*reader, error) {
				return newFollower(client, base, startConnector(b))
			})
		})
	}
}

// BenchmarkRemembered reads an hour of 100,000 duplicates while so many rows in all are remembered.
func BenchmarkRemembered(b *testing.B) {
	s := startService(b)
	for _, rows := range []int{100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			client, w := s.client(b), windowOf(100_000)
			r, err := newReader(client, s.Plain)
			require.NoError(b, err)
			_, _, err = r.read(b.Context(), w)
			require.NoError(b, err)
			remember(b, r.ledger, rows-100_000, w.Start)
			all := rounds{rows: 100_000}
			for b.Loop() {
				all.add(measure(func() { check(b, bare(b.Context(), client, s.Plain, w), all.rows) }),
					measure(func() { check(b, through(b.Context(), r, w, false), all.rows) }))
			}
			all.report(b)
		})
	}
}

// remember enters rows, spread over the day and a half before an instant.
func remember(b *testing.B, known *ledger.Ledger, rows int, before time.Time) {
	b.Helper()
	batch := make([]ledger.Row, 0, 1000)
	for i := range rows {
		var key trace.Key
		binary.BigEndian.PutUint64(key[:], uint64(i)*0x9E3779B97F4A7C15)
		age := time.Duration(float64(36*time.Hour) * float64(i+1) / float64(rows+1))
		batch = append(batch, ledger.Row{Received: before.Add(-age), Key: key, Status: trace.Delivered})
		if len(batch) == cap(batch) || i == rows-1 {
			require.NoError(b, known.Remember(b.Context(), batch))
			require.NoError(b, known.Commit(b.Context()))
			batch = batch[:0]
		}
	}
}

// BenchmarkReceivers reads 1000 duplicates for each of so many receivers in turn.
func BenchmarkReceivers(b *testing.B) {
	s := startService(b)
	for _, n := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("receivers=%d", n), func(b *testing.B) {
			client, w := s.client(b), windowOf(1000)
			readers := make([]*reader, n)
			for i := range readers {
				readers[i] = known(b, client, s.Plain, w)
			}
			// As many rows for each number of receivers.
			turns := max(1, 100/n)
			all := rounds{rows: 1000 * n * turns}
			for b.Loop() {
				all.add(measure(func() {
					for range n * turns {
						check(b, bare(b.Context(), client, s.Plain, w), 1000)
					}
				}), measure(func() {
					for range turns {
						for _, r := range readers {
							check(b, through(b.Context(), r, w, false), 1000)
						}
					}
				}))
			}
			all.report(b)
		})
	}
}

// known returns a reader that has read a window.
func known(b *testing.B, client *http.Client, base string, w trace.Window) *reader {
	b.Helper()
	r, err := newReader(client, base)
	require.NoError(b, err)
	_, _, err = r.read(b.Context(), w)
	require.NoError(b, err)
	return r
}

// BenchmarkPlanner plans a tick of each of 500 receivers.
func BenchmarkPlanner(b *testing.B) {
	cfg := plan.Config{
		Interval: 5 * time.Minute, InitialLookback: 24 * time.Hour, Retention: 90 * 24 * time.Hour,
		Ages: []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour},
	}
	states := make([]plan.State, 500)
	tick := newest
	for b.Loop() {
		tick = tick.Add(cfg.Interval)
		for i := range states {
			states[i] = plan.Tick(states[i], tick, tick.Add(-48*time.Hour), cfg)
			for step := range plan.Steps(states[i], tick, plan.Limits{Longest: plan.MaxWindow}, nil, cfg) {
				states[i] = plan.Read(states[i], step.Window, tick)
			}
		}
	}
}

// BenchmarkFirstRecords measures the time from the beginning of a job to the first records, those of a full page, at the
// consumer.
func BenchmarkFirstRecords(b *testing.B) {
	s := startService(b)
	client, w := s.client(b), windowOf(pageSize)
	var first []float64
	for b.Loop() {
		r, err := newReader(client, s.TLS+zippedPath)
		require.NoError(b, err)
		began := time.Now()
		_, _, err = r.read(b.Context(), w)
		require.NoError(b, err)
		first = append(first, float64(r.counter.first.Sub(began).Microseconds())/1000)
	}
	b.ReportMetric(median(first), "ms-to-first-records")
	b.ReportMetric(0, "ns/op")
}
