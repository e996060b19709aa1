// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// strategy is a way of reading. Each run delivers the rows that it thinks are new, with the status that they have.
type strategy interface {
	run(s *service, deliver func(*row)) error
}

// outcome is what became of a row.
type outcome struct {
	// first is when the row was delivered first; zero if it never was.
	first time.Time
	// initial and final are how often it was delivered before and after the change of its status.
	initial, final int
}

// score is what became of all mail.
type score struct {
	rows, changing         int
	lost, repeated, missed int
	// latencies are from the visibility to the first delivery of each delivered row, ascending.
	latencies []time.Duration
	// requests is the number of requests per hour while there is mail.
	requests float64
	// reads is how often a row was read on average.
	reads float64
}

// replay has a strategy read the mail, once per interval.
func replay(c strategy, interval time.Duration, rows []*row) (score, error) {
	s := &service{rows: rows}
	outcomes := make(map[*row]*outcome, len(rows))
	for _, r := range rows {
		outcomes[r] = &outcome{}
	}
	deliver := func(r *row) {
		o := outcomes[r]
		if o.first.IsZero() {
			o.first = s.now
		}
		if s.now.Before(r.changed) {
			o.initial++
		} else {
			o.final++
		}
	}
	end := epoch.Add(days * 24 * time.Hour)
	var requests int
	for s.now = epoch; !s.now.After(end.Add(afterwards)); s.now = s.now.Add(interval) {
		if err := c.run(s, deliver); err != nil {
			return score{}, err
		}
		if !s.now.After(end) {
			requests = s.requests
		}
	}
	result := tally(outcomes)
	result.requests = float64(requests) / (days * 24)
	result.reads = float64(s.reads) / float64(len(rows))
	return result, nil
}

func tally(outcomes map[*row]*outcome) (result score) {
	result.rows = len(outcomes)
	for r, o := range outcomes {
		if !r.changed.IsZero() {
			result.changing++
			if o.final == 0 {
				result.missed++
			}
		}
		if o.initial > 1 || o.final > 1 {
			result.repeated++
		}
		if o.first.IsZero() {
			result.lost++
			continue
		}
		result.latencies = append(result.latencies, o.first.Sub(r.visible))
	}
	slices.Sort(result.latencies)
	return result
}

// latency is the latency in minutes that a part of the delivered rows does not exceed.
func (s *score) latency(part float64) float64 {
	if len(s.latencies) == 0 {
		return 0
	}
	return s.latencies[int(part*float64(len(s.latencies)-1))].Minutes()
}

const heading = "| strategy | rows lost | rows repeated | final statuses missed | latency p50 / p99 after visibility " +
	"| requests per hour | reads per row |\n|---|---|---|---|---|---|---|\n"

func (s *score) print(to io.Writer, name string) {
	fmt.Fprintf(to, "| %s | %s | %s | %s | %.1f / %.1f min | %.0f | %.1f |\n", name, percent(s.lost, s.rows),
		percent(s.repeated, s.rows), percent(s.missed, s.changing), s.latency(0.5), s.latency(0.99), s.requests, s.reads)
}

// percent writes a share with two digits, and nothing but nothing as 0.
func percent(n, of int) string {
	if n == 0 {
		return "0"
	}
	share := 100 * float64(n) / float64(of)
	if share >= 10 {
		return fmt.Sprintf("%.0f %%", share)
	}
	return strconv.FormatFloat(share, 'g', 2, 64) + " %"
}
