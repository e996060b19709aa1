// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package jobs is the record of what ran: the jobs of the inputs (receivers) with their counts and log lines, and the live
// capture of records. The Job Inspector reads it.
//
// A Registry belongs to an inspector. Each input has a Recorder in it, which records the input's jobs. All that is kept is
// bounded: the jobs and their log lines over all recorders together, the log lines of a job, the length of a line, the
// minutes of a series, and the records that a reader of a capture has not taken yet.
package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// State is how far a job is, or how it ended.
type State string

const (
	// Scheduled is a job whose turn has not come.
	Scheduled State = "scheduled"
	// Waiting is a job whose turn has come, and which is held up here: see Reason.
	Waiting State = "waiting"
	// Running is a job that reads.
	Running State = "running"
	// Paused is a job that is held up because the service asked for a pause.
	Paused State = "paused"
	// Done is a job that read its window to the end.
	Done State = "done"
	// Failed is a job that ended with an error.
	Failed State = "failed"
	// Throttled is a job that the service sent away; its window is read later.
	Throttled State = "throttled"
	// Cancelled is a job that somebody ended.
	Cancelled State = "cancelled"
)

// States are all states, in the order in which a job may go through them.
var States = []State{Scheduled, Waiting, Running, Paused, Done, Failed, Throttled, Cancelled}

// Reason is what a job waits for.
type Reason string

const (
	// ForQuota is a job that may not send a request yet: rate_limit.
	ForQuota Reason = "quota"
	// ForPipeline is a job whose records the pipeline does not take yet.
	ForPipeline Reason = "pipeline"
	// ForSlot is a job that may not run yet, since as many run as may: max_concurrent_jobs.
	ForSlot Reason = "slot"
)

// Reasons are all reasons.
var Reasons = []Reason{ForQuota, ForPipeline, ForSlot}

// Ended reports whether the state is final.
func (s State) Ended() bool {
	return s == Done || s == Failed || s == Throttled || s == Cancelled
}

// Record is what is known of a job at some instant. It is also the stored form, so its JSON names stay.
type Record struct {
	// ID identifies the job over all inputs and restarts: 24 hexadecimal digits. Greater IDs were given later.
	ID    string `json:"id"`
	Input string `json:"input"`

	Lane   trace.Lane   `json:"lane"`
	State  State        `json:"state"`
	Window trace.Window `json:"window"`
	// WaitingFor is what a job that is waiting waits for, "" for all others. PausedUntil is when a job that is paused goes on,
	// zero for all others.
	WaitingFor  Reason    `json:"waiting_for,omitempty"`
	PausedUntil time.Time `json:"paused_until,omitzero"`
	// Tick is the tick that the job belongs to. Tick, Started and Finished are zero as long as they are not known.
	Tick     time.Time `json:"tick,omitzero"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	Requests int            `json:"requests"`
	Pages    int            `json:"pages"`
	Rows     trace.Outcomes `json:"rows"`
	// Details counts the records of details, and of causes, that were accepted. They are no rows.
	Details int `json:"details,omitempty"`
	// Breakdown is of accepted rows.
	Breakdown Breakdown `json:"breakdown,omitzero"`
	// Bytes is the size of the pages, BytesAccepted that of the rows in them that were accepted.
	Bytes         int64 `json:"bytes"`
	BytesAccepted int64 `json:"bytes_accepted"`
	Retries       int   `json:"retries"`
	// ThrottleWait is the time spent waiting because the service asked for it.
	ThrottleWait time.Duration `json:"throttle_wait"`
	// Error is what went wrong, Hint what can be done about it.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// Duration is how long the job has been running at the time now, or ran.
func (r *Record) Duration(now time.Time) time.Duration {
	switch {
	case r.Started.IsZero():
		return 0
	case r.Finished.IsZero():
		return max(0, now.Sub(r.Started))
	}
	return max(0, r.Finished.Sub(r.Started))
}

// Line is a line of a job's log.
type Line struct {
	Time time.Time `json:"time"`
	// Level is debug, info, warn or error.
	Level   string `json:"level"`
	Message string `json:"message"`
	// Fields is a JSON object, nil if there are none.
	Fields json.RawMessage `json:"fields,omitempty"`

	// number is the position of the line among all that the job wrote.
	number int
}

type contextKey struct{}

// WithJob returns a context that carries a job.
func WithJob(ctx context.Context, j *Job) context.Context {
	if j == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, j)
}

// FromContext returns the job that a context carries, nil if none.
func FromContext(ctx context.Context) *Job {
	j, _ := ctx.Value(contextKey{}).(*Job)
	return j
}
