// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package poll owns all policy of a receiver: what is read when, in which windows, and what follows if that fails. What it
// decides by is an error's scope (package trouble) and whether the service answers anything else; trouble.go has the one
// switch over it. It owns its goroutines, knows no component of the collector, and tells a Reporter what happens.
package poll

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Budget is how many requests may be sent.
type Budget interface {
	// Await waits until the lane may send a request; it returns false if that takes longer than the limit.
	Await(ctx context.Context, lane trace.Lane, limit time.Duration) bool
	// Resume is when the tenant may be asked again after a pause, the zero time if it may be now.
	Resume() time.Time
	// Rate is how many requests may be sent.
	Rate() transport.Rate
}

// Options is what a poller needs. All of it is required unless a comment makes it optional.
type Options struct {
	// Plan decides what is due when.
	Plan plan.Config
	// Open connects what runs the jobs with everything that it needs, and sends nothing. What it opens is closed by release. It
	// is called again at each tick until it succeeds, and again for each term as leader.
	Open func(ctx context.Context, gate collect.Gate, now func() time.Time) (c *collect.Collector, release func(), err error)
	// PageSize is the most rows that a page is asked to have.
	PageSize int
	Budget   Budget
	Reporter Reporter
	// Recorder records the jobs; nil records nothing.
	Recorder *jobs.Recorder
	// MaxJobs is how many jobs of all receivers in this process may work at the same time; 0 is the default.
	MaxJobs int
	// Elect calls back when this collector becomes the leader, and when it no longer is; nil always polls.
	Elect Election
	// Details is the budget of requests for details; nil asks for none.
	Details Budget
}

// Poller reads the mail of one tenant.
type Poller struct {
	Options
	clock clock
	asked queue
	// wake has backfill look for what is open.
	wake chan struct{}
	// term is the present one, nil while nothing is collected.
	term atomic.Pointer[term]
}

// New returns a poller that does nothing before Run.
func New(o Options) *Poller {
	return &Poller{Options: o, wake: make(chan struct{}, 1)}
}

// Run polls until ctx ends, and with an election only while this collector is the leader.
func (p *Poller) Run(ctx context.Context) {
	leave := allSlots.join(p.MaxJobs)
	defer leave()
	if p.Elect == nil {
		p.poll(ctx)
		return
	}
	p.whileLeading(ctx)
}

// takenFor is how long a poller does nothing after another one has taken its state. A leader that has been paused or cut off
// learns within that time that it no longer is one.
const takenFor = time.Minute

// poll polls until ctx ends, and starts over whenever another poller has taken the state a while ago.
func (p *Poller) poll(ctx context.Context) {
	for p.pollTerm(ctx) {
		if transport.Sleep(ctx, takenFor) != nil {
			return
		}
	}
}

// pollTerm polls for one term. It returns true if that ended because another poller has taken the state.
func (p *Poller) pollTerm(ctx context.Context) (taken bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &term{Poller: p, pages: pages{most: p.PageSize}, started: time.Now(), lose: func() { cancel(&ledger.TakenError{}) }}
	defer t.end()
	t.run(ctx)
	_, taken = errors.AsType[*ledger.TakenError](context.Cause(ctx))
	return taken
}

// State returns what has been read so far; ok is false while nothing is collected.
func (p *Poller) State() (s plan.State, ok bool) {
	t := p.term.Load()
	if t == nil {
		return s, false
	}
	return t.collector.State(), true
}

// NextTick is when something is due next.
func (p *Poller) NextTick() time.Time {
	return p.Plan.LastTick(wallClock()).Add(p.Plan.Interval)
}

// Heard notes an answer with the status code, and the service's clock in it; zero if it does not tell. What stands between
// here and the service has a clock of its own, so errors do not count, but for those about the query. It returns date, or zero
// if the service itself has contradicted it.
func (p *Poller) Heard(status int, date time.Time) time.Time {
	ahead := date.Sub(wallClock())
	if p.clock.isDisproved(ahead) {
		date = time.Time{}
	}
	switch {
	case status != statusOK && status != statusBadRequest:
	case date.IsZero():
		p.clock.answered(time.Now())
	default:
		before := p.clock.disputed()
		switch believed := p.clock.hear(ahead, time.Now()); {
		case believed && ahead.Abs() > MaxSkew:
			p.Reporter.Report(ClockDiffers{Ahead: ahead.Round(time.Second)})
		case !before && p.clock.disputed():
			p.Reporter.Report(ClockDisputed{Ahead: ahead.Round(time.Second)})
		}
	}
	return date
}

const (
	statusOK         = 200
	statusBadRequest = 400
)

func (p *Poller) wakeBackfill() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
