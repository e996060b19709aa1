// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Query selects jobs. Fields that are zero select all.
type Query struct {
	// Inputs are the inputs whose jobs are listed; nil means all inputs.
	Inputs []string
	Lane   trace.Lane
	State  State
	// Text is contained in the ID, the input, the window as RFC 3339 times, the error or the hint, whatever its case.
	Text string
	// From and To select jobs that were active between them: recorded before To, and not ended before From.
	From, To time.Time
	// Before is the ID of a job: only jobs that were recorded before it are listed.
	Before string
	// Limit is the most jobs that are listed.
	Limit int
}

func (q *Query) selects(r *Record) bool {
	return (q.Inputs == nil || slices.Contains(q.Inputs, r.Input)) &&
		(q.Lane == "" || q.Lane == r.Lane) && (q.State == "" || q.State == r.State) &&
		(q.To.IsZero() || r.recorded().Before(q.To)) &&
		(q.From.IsZero() || r.Finished.IsZero() || !r.Finished.Before(q.From)) && q.mentions(r)
}

func (q *Query) mentions(r *Record) bool {
	if q.Text == "" {
		return true
	}
	text := strings.ToLower(q.Text)
	return slices.ContainsFunc([]string{
		r.ID, r.Input, r.Error, r.Hint, r.Window.Start.UTC().Format(time.RFC3339), r.Window.End.UTC().Format(time.RFC3339),
	}, func(field string) bool { return strings.Contains(strings.ToLower(field), text) })
}

// recorded is when the job was recorded, by its ID.
func (r *Record) recorded() time.Time {
	ms, _ := idTime(r.ID) // zero for what is no ID
	return time.UnixMilli(ms)
}

// List returns jobs, the one that was recorded last first. More is true if there are more.
func (r *Registry) List(q Query) (records []Record, more bool) {
	for record := range r.selectedBy(q) {
		if len(records) == q.Limit {
			return records, true
		}
		records = append(records, record)
	}
	return records, false
}

// Count returns how many jobs a query selects, whatever its Before and Limit.
func (r *Registry) Count(q Query) (n int) {
	q.Before = ""
	for range r.selectedBy(q) {
		n++
	}
	return n
}

// selectedBy are the jobs that a query selects, the one that was recorded last first.
func (r *Registry) selectedBy(q Query) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, j := range slices.Backward(r.snapshot(q.Before)) {
			if record := j.Record(); q.selects(&record) && !yield(record) {
				return
			}
		}
	}
}
