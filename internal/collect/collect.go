// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package collect runs one job, the reading of one window: fetch a page, drop what has been delivered, convert, deliver,
// commit, next page.
package collect

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Source is a service that has message traces.
type Source interface {
	// First reads the first page of a window. A page is asked to have pageSize rows, 0 stands for the configured number.
	First(ctx context.Context, lane trace.Lane, w trace.Window, pageSize int) (*source.Page, error)
	// Next reads the page that the link of the page before leads to.
	Next(ctx context.Context, lane trace.Lane, link string) (*source.Page, error)
}

// Observer hears what a job does while it does it. It is called by the job's goroutine and must not block.
type Observer interface {
	// Page is called after each page that has been read as far as it could be.
	Page(ctx context.Context, lane trace.Lane, p Page)
	// Offered is called with the pipeline's answer each time that records of the window are offered to it.
	Offered(ctx context.Context, w trace.Window, err error)
	// Watched says that somebody wants a copy of the records that are accepted, and Accepted is called with it.
	Watched() bool
	Accepted(logs plog.Logs)
	// Stored is called with the outcome each time that the ledger is written.
	Stored(err error)
}

// Page is what became of a page.
type Page struct {
	// Size is the size of the page in bytes, Accepted that of the rows in it that were accepted.
	Size, Accepted int
	// Rows counts the rows.
	Rows Rows
	// Late holds, for each row that was accepted for the first time, how long after its receipt its page arrived. It is valid
	// during the call only.
	Late []time.Duration
}

// Rows counts rows by what became of them.
type Rows struct {
	// Accepted rows were taken by the pipeline. Changed ones of them had been delivered before with another status.
	Accepted, Changed int
	// Duplicate rows had been delivered before.
	Duplicate int
	// Held rows wait for a status that is not expected to change.
	Held int
	// Filtered rows were received outside the window.
	Filtered int
	// Malformed rows were no JSON objects. They are counted once more by what became of them.
	Malformed int
	// Refused rows were refused by the pipeline for good.
	Refused int
}

// Options is what a collector needs. All of it is required but what says otherwise.
type Options struct {
	Source   Source
	Ledger   *ledger.Ledger
	Origin   *records.Origin
	Consumer consumer.Logs
	Obs      *receiverhelper.ObsReport
	Observer Observer
	// Now is the time by the service's clock, as far as it is known.
	Now func() time.Time
	// Finest is the shortest window that a query can be narrowed to.
	Finest time.Duration
	// Plan says which rows are held back because a later window will bring them again.
	Plan plan.Config
	// WithinWindow drops rows that were received outside the window that was asked for.
	WithinWindow bool
	// Admit waits until a job may ask the service for a page; nil does not wait.
	Admit func(ctx context.Context, lane trace.Lane) error
	// Timeout bounds the time that a job waits for answers of the service; 0 means unlimited.
	Timeout time.Duration
	// Retry returns the wait before a damaged page is asked for again for the n-th time, from 1 on; false if it is not.
	Retry func(n int) (time.Duration, bool)
}

// Collector runs the jobs of one receiver. Jobs may run at the same time: they fetch side by side, but drop, deliver and
// commit one after the other.
type Collector struct {
	Options
	// section holds a token while the ledger is in use, from the look at what has been delivered to the commit of what is.
	section chan struct{}
	// known is what can be told of the ledger without waiting for it.
	known atomic.Pointer[known]
}

type known struct {
	state plan.State
	rows  int
}

// New returns a collector. It owns the ledger from here on.
func New(o Options) *Collector {
	c := &Collector{Options: o, section: make(chan struct{}, 1)}
	c.tell()
	return c
}

// Update replaces what the plan has to remember by what change makes of it, and stores it. It fails only if ctx ends while
// the ledger is in use.
func (c *Collector) Update(ctx context.Context, change func(*ledger.Ledger) plan.State) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	c.Ledger.SetState(change(c.Ledger))
	c.commit(ctx)
	return nil
}

// State returns what the plan has to remember.
func (c *Collector) State() plan.State { return c.known.Load().state }

// Rows is the number of rows that are remembered.
func (c *Collector) Rows() int { return c.known.Load().rows }

// enter waits until nobody else uses the ledger.
func (c *Collector) enter(ctx context.Context) error {
	select {
	case c.section <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Collector) leave() { <-c.section }

func (c *Collector) commit(ctx context.Context) {
	c.Observer.Stored(c.Ledger.Commit(ctx))
	c.tell()
}

func (c *Collector) tell() {
	c.known.Store(&known{state: c.Ledger.State(), rows: c.Ledger.Rows()})
}
