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
	// First reads the first page of a window. A page is asked to have pageSize rows: 0 stands for the configured number, and
	// source.Most for as many as the service allows.
	First(ctx context.Context, lane trace.Lane, w trace.Window, pageSize int) (*source.Page, error)
	// Next reads the page that the link of the page before leads to.
	Next(ctx context.Context, lane trace.Lane, link string) (*source.Page, error)
}

// Observer hears what a job does while it does it. It is called by the job's goroutine and must not block.
type Observer interface {
	// Page is called after each page that has been read as far as it could be.
	Page(ctx context.Context, lane trace.Lane, p Page)
	// Offering is called with the records that are about to be offered, and taken if the pipeline takes them.
	Offering(ctx context.Context, logs plog.Logs) (taken func())
	// Offered is called with the pipeline's answer each time that records of the window have been offered to it: nil or a
	// *RefusalError. The window is empty for records of details.
	Offered(ctx context.Context, w trace.Window, err error)
	// Stored is called with the outcome each time that the ledger is written.
	Stored(err error)
	// Cut is called with an instant whose rows fill a page behind which nothing can be asked for: some may be missing.
	Cut(ctx context.Context, instant trace.Window)
}

// Gate bounds what jobs do at the same time.
type Gate interface {
	// Enter waits until a job may ask the service for a page, and Hold until it may work on one.
	Enter(ctx context.Context, lane trace.Lane) error
	Hold(ctx context.Context) error
	// Leave tells that the job waits, so that others may go ahead.
	Leave(ctx context.Context)
}

// Page is what became of a page.
type Page struct {
	// Size is the size of the page in bytes, Accepted that of the rows in it that were accepted.
	Size, Accepted int
	// Rows counts the rows.
	Rows trace.Outcomes
	// Late holds, for each row that was accepted for the first time, how long after its receipt its page arrived. It is valid
	// during the call only.
	Late []time.Duration
}

// Options is what a collector needs. All of it is required unless a comment makes it optional.
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
	// Plan decides which rows are held back because a later window will bring them again.
	Plan plan.Config
	// WithinWindow drops rows that were received outside the window that was asked for.
	WithinWindow bool
	// Gate bounds what jobs do at the same time; nil bounds nothing.
	Gate Gate
	// Timeout bounds the time that a job waits for answers of the service; 0 means unlimited.
	Timeout time.Duration
	// Retry returns the wait before the n-th retry of a damaged page, from 1 on; false if there is none.
	Retry func(ctx context.Context, n int) (time.Duration, bool)
	// Details says which details are asked for; nil asks for none.
	Details *Details
}

// Collector runs the jobs of one receiver. Jobs may run at the same time: they fetch side by side, but drop, deliver and
// commit one after the other.
type Collector struct {
	Options
	// section holds a token while the ledger is in use, from the look at what has been delivered to the commit of what is.
	section chan struct{}
	// known is what can be told of the ledger without waiting for it.
	known atomic.Pointer[known]
	// fruitlessLinks counts the dead links since a job has read something, and fruitlessPages the pages before them.
	fruitlessLinks, fruitlessPages atomic.Int64
}

type known struct {
	state plan.State
	rows  int
	taken bool
	// waiting counts the rows that wait for their details, and due is when the first of them is.
	waiting int
	due     time.Time
}

// New returns a collector. It owns the ledger from here on.
func New(o Options) *Collector {
	c := &Collector{Options: o, section: make(chan struct{}, 1)}
	c.publish()
	return c
}

// probeRows is how many rows a probe asks for.
const probeRows = 100

// Probe asks for a page of a window, to see whether the service answers. Its rows are not delivered.
func (c *Collector) Probe(ctx context.Context, w trace.Window) error {
	page, err := c.Source.First(ctx, trace.Live, w, probeRows)
	if err != nil {
		return err
	}
	defer page.Done()
	for _, err := range page.Rows {
		if err != nil {
			return err
		}
	}
	return nil
}

// Update replaces what the plan has to remember by what change makes of it, and stores it. It fails only if ctx ends while
// the ledger is in use.
func (c *Collector) Update(ctx context.Context, change func(*ledger.Ledger) plan.State) error {
	return c.change(ctx, change, func() { c.commit(ctx) })
}

// Propose is Update, but what it changes is stored only with the next commit.
func (c *Collector) Propose(ctx context.Context, change func(*ledger.Ledger) plan.State) error {
	return c.change(ctx, change, c.publish)
}

func (c *Collector) change(ctx context.Context, change func(*ledger.Ledger) plan.State, then func()) error {
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leaveSection()
	c.Ledger.SetState(change(c.Ledger))
	then()
	return nil
}

// State returns what the plan has to remember.
func (c *Collector) State() plan.State { return c.known.Load().state }

// Rows is the number of rows that are remembered.
func (c *Collector) Rows() int { return c.known.Load().rows }

// Taken reports whether another poller has been seen to use the ledger. Nothing more is delivered then.
func (c *Collector) Taken() bool { return c.known.Load().taken }

// enter waits until nobody else uses the ledger.
func (c *Collector) enter(ctx context.Context) error {
	select {
	case c.section <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Collector) leaveSection() { <-c.section }

func (c *Collector) commit(ctx context.Context) {
	// That the ledger is another's is no trouble of the storage.
	if err := c.Ledger.Commit(ctx); !c.Ledger.Taken() {
		c.Observer.Stored(err)
	}
	c.publish()
}

func (c *Collector) publish() {
	waiting, due := c.Ledger.Inquiries()
	c.known.Store(&known{
		state: c.Ledger.State(), rows: c.Ledger.Rows(), taken: c.Ledger.Taken(), waiting: waiting, due: due,
	})
}
