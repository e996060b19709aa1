// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Reporter is told what happens. It must not block.
type Reporter interface {
	Report(Event)
}

// Event is something that happened: one of the types below.
type Event interface{ event() }

type (
	// Trouble is something that went wrong. It goes on until a Recovery from its scope.
	Trouble struct {
		Scope trouble.Scope
		Err   error
		// Step is what was to be read, the zero Step if that does not matter.
		Step plan.Step
	}
	// Recovery is the end of what went wrong in a scope, if anything did.
	Recovery struct{ Scope trouble.Scope }
	// Position is what has been read so far, how many rows are remembered, how far the backfill is, and how many rows wait for
	// their details.
	Position struct {
		State     plan.State
		Rows      int
		Backfill  jobs.Progress
		Inquiries int
	}
	// DetailsTrouble is details that could not be asked for. None are asked for until the time given; mail is not affected.
	DetailsTrouble struct {
		Err   error
		Until time.Time
	}
	// JobEnded is a job that has ended.
	JobEnded struct {
		Lane  trace.Lane
		State jobs.State
		Took  time.Duration
	}
	// Gap is mail that is given up unread.
	Gap struct {
		Windows plan.Intervals
		// Cancelled reports whether somebody cancelled its job; else the service no longer keeps it.
		Cancelled bool
	}
	// Abandoned is mail that is given up unread, since the configuration has changed what is to be read.
	Abandoned struct{ Windows plan.Intervals }
	// PulledBack is a stored position that was ahead of both clocks.
	PulledBack struct{ Position, Now time.Time }
	// ClockDiffers is a service whose clock is ahead of this machine's, or behind it.
	ClockDiffers struct{ Ahead time.Duration }
	// ClockDisputed is a service whose clock seems to be ahead of this machine's, or behind it. Nothing is read until that is
	// certain.
	ClockDisputed struct{ Ahead time.Duration }
	// PagesShrunk is a service that hands out no more than so many rows a page.
	PagesShrunk struct {
		From, To int
		Err      error
	}
	// Leadership is the beginning or the end of a term as leader, or the wait for one.
	Leadership string
)

// The stages of leadership.
const (
	AwaitingElection Leadership = "waiting"
	Elected          Leadership = "elected"
	TermEnded        Leadership = "ended"
)

func (Trouble) event()        {}
func (Recovery) event()       {}
func (Position) event()       {}
func (JobEnded) event()       {}
func (DetailsTrouble) event() {}
func (Gap) event()            {}
func (Abandoned) event()      {}
func (PulledBack) event()     {}
func (ClockDiffers) event()   {}
func (ClockDisputed) event()  {}
func (PagesShrunk) event()    {}
func (Leadership) event()     {}
