// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Description is what is known of an input right now.
type Description struct {
	// ID is the component ID, that of the input's Recorder.
	ID           string
	TenantID     string
	API          string
	Endpoint     string
	Plan         string
	Mode         string
	PollInterval time.Duration
	Tags         []string
	Health       Health
	// CompleteUpTo is the instant up to which all mail has been read, SettledUpTo that up to which mail has been read at
	// every age. NextTick is when something is read next. Each is zero as long as it is not known.
	CompleteUpTo time.Time
	SettledUpTo  time.Time
	NextTick     time.Time
	// LiveUpTo is the instant up to which the newest mail has been read, whatever is open of older mail; zero if it is not
	// known.
	LiveUpTo time.Time
	Quota    Quota
	// Progress is how far the backfill is.
	Progress Progress
	// PausedUntil is when requests go on that the service asked to pause, by this machine's clock; zero if there is no pause.
	PausedUntil time.Time
	// DetailsWaiting is how many rows wait for their details; nil if nobody asks for any.
	DetailsWaiting *int
}

// Health is the state of an input as it was last reported.
type Health struct {
	// Status is the component status, such as ok or recoverable_error.
	Status string
	Hint   string
	// Since is when the status was reached, zero if it is not known.
	Since time.Time
}

// Progress is how far the reading of older mail is: after the first start or a downtime, of a window that somebody asked for,
// or of an absolute date_range. It is zero if there is none. Lengths are those of received time.
type Progress struct {
	// Total is all that was to be read, Open what is still to be read.
	Total, Open time.Duration
	// Share is the part that has been read, from 0 to 1. It only grows while one backfill goes on.
	Share float64
	// ETA is about how long the rest will take, 0 as long as that is not known.
	ETA time.Duration
}

// Quota is the budget of requests of an input's tenant.
type Quota struct {
	// Used is the number of requests that count in the rolling interval, Limit the most that may; 0 means no limit.
	Used     float64
	Limit    int
	Interval time.Duration
}

// Input is a receiver, as the inspector sees it. All methods may be called at the same time.
type Input interface {
	// Describe is called often, but only for inputs that are shown.
	Describe() Description
	// Recorder is the one that was opened for the input. It is not nil.
	Recorder() *Recorder
	// Backfill has a window read now. Without redeliver what is still remembered is not delivered again. What cannot be
	// read is a *RefusedError.
	Backfill(ctx context.Context, w trace.Window, redeliver bool) (Backfill, error)
	// Cancel ends a job: a backfill is given up, any other window is read again at the next tick. It fails with
	// ErrEnded.
	Cancel(id string) error
}

// Backfill is the answer to a wish to have a window read.
type Backfill struct {
	Job *Job
	// Remembered is the part of the window of which delivered rows are still remembered, Forgotten the rest, whose rows
	// are delivered once more.
	Remembered []trace.Window
	Forgotten  []trace.Window
}

// Inspector is the extension, as receivers see it.
type Inspector interface {
	// Open opens the record of an input's jobs. It fails only if the options make no sense or the input has one already.
	Open(ctx context.Context, o Options) (*Recorder, error)
	// Register shows an input until release is called.
	Register(in Input) (release func())
}

var (
	// ErrUnknownJob is a job that is not, or no longer, known.
	ErrUnknownJob = errors.New("there is no such job, or it has been forgotten")
	// ErrEnded is a job that has ended already.
	ErrEnded = errors.New("the job has ended already")
)

// RefusedError is a wish that an input does not fulfil.
type RefusedError struct {
	// Reason is shown to whoever asked.
	Reason string
	// Conflict is true if the same wish may be fulfilled at another time; otherwise the wish itself is wrong.
	Conflict bool
}

func (e *RefusedError) Error() string { return e.Reason }
