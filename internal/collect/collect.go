// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package collect runs one job, the reading of one window: fetch a page, drop what has been delivered, convert, deliver,
// commit, next page.
package collect

import (
	"context"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Source is a service that has message traces.
type Source interface {
	// First reads the first page of a window.
	First(ctx context.Context, w trace.Window) (*source.Page, error)
	// Next reads the page that the link of the page before leads to.
	Next(ctx context.Context, link string) (*source.Page, error)
}

// Observer hears what a job does while it does it. It is called by the job's goroutine and must not block.
type Observer interface {
	// Page is called after each page with what became of its rows.
	Page(lane trace.Lane, rows Rows)
	// Offered is called with the pipeline's answer each time that records of the window are offered to it.
	Offered(w trace.Window, err error)
}

// Rows counts the rows of a job or page by what became of them.
type Rows struct {
	// Accepted rows were taken by the pipeline.
	Accepted int
	// Duplicate rows had been delivered before.
	Duplicate int
	// Malformed rows were no JSON objects. They are counted once more by what became of them.
	Malformed int
	// Refused rows were refused by the pipeline for good.
	Refused int
}

// Collector runs the jobs of one receiver, one at a time.
type Collector struct {
	Source   Source
	Ledger   *ledger.Ledger
	Origin   *records.Origin
	Consumer consumer.Logs
	Obs      *receiverhelper.ObsReport
	Observer Observer
}

// Run reads the window of a step. What has been read and delivered is committed page by page, so an error leaves only
// the rest of the window open.
func (c *Collector) Run(ctx context.Context, step plan.Step) error {
	credit := newCredit(step.Window)
	page, err := c.Source.First(ctx, step.Window)
	for {
		if err != nil {
			return err
		}
		if err := c.page(ctx, step, page, credit); err != nil {
			return err
		}
		last := page.Next() == ""
		if read := credit.read(last); !read.Empty() {
			c.Ledger.SetState(plan.Read(c.Ledger.State(), read))
		}
		if last {
			return nil
		}
		page, err = c.Source.Next(ctx, page.Next())
	}
}

// page delivers the new rows of one page.
func (c *Collector) page(ctx context.Context, step plan.Step, page *source.Page, credit *credit) error {
	credit.served(page.Served)
	var counts Rows
	defer func() { c.Observer.Page(step.Lane, counts) }()
	batch := c.newBatch(page, step)
	for row, err := range page.Rows {
		if err != nil {
			return err
		}
		credit.row(row.Received)
		version := ledger.Row{Received: row.Received, Key: trace.KeyOf(row), Status: trace.ParseStatus(row.Status)}
		if row.Malformed {
			counts.Malformed++
		}
		// A full batch waits for the next row, since until then its last record may be the job's last. Another status of
		// a row waits until the first one has been delivered.
		if batch.full() || batch.holdsOther(version) {
			if err := c.deliver(ctx, batch, &counts); err != nil {
				return err
			}
			batch = c.newBatch(page, step)
		}
		isNew, previous := c.Ledger.IsNew(version)
		if !isNew || batch.holds(version) {
			counts.Duplicate++
			continue
		}
		batch.add(row, version, previous)
	}
	if page.Next() == "" {
		batch.markFinal()
	}
	return c.deliver(ctx, batch, &counts)
}
