// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// firstRefusalWait is the wait before records are offered a second time, before jitter.
	firstRefusalWait = 30 * time.Millisecond
	// maxRefusalWait is the longest wait between two offers, before jitter.
	maxRefusalWait = 25 * time.Second
	// format names the encoding of the rows in the spans of the receiver.
	format = "json"
)

// deliver offers the batch to the pipeline until it is accepted, refused for good, or ctx ends. What is refused for good
// is dropped without being remembered. A refused batch may already have been changed downstream, so every offer is
// converted anew. What has been remembered is still to be committed.
func (j *job) deliver(ctx context.Context, b *batch, seen *Page) error {
	if b.Len() == 0 {
		return nil
	}
	waits := backoff.ExponentialBackOff{
		InitialInterval:     firstRefusalWait,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         maxRefusalWait,
	}
	waits.Reset()
	offer, again := b.Logs, func() plog.Logs { return b.again().Logs() }
	for {
		logs, copied := offer(), plog.Logs{}
		watched := j.Observer.Watched()
		if watched {
			copied = plog.NewLogs()
			logs.CopyTo(copied)
		}
		err := j.offer(ctx, logs)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		j.Observer.Offered(ctx, j.step.Window, err)
		switch {
		case err == nil:
			b.accepted(seen)
			if watched {
				j.Observer.Accepted(copied)
			}
			return j.Ledger.Remember(ctx, b.rows)
		case Permanent(err):
			seen.Rows.Refused += len(b.items)
			return nil
		}
		again = rest(err, again)
		offer = again
		if err := transport.Sleep(ctx, waits.NextBackOff()); err != nil {
			return err
		}
	}
}

func (c *Collector) offer(ctx context.Context, logs plog.Logs) error {
	n := logs.LogRecordCount()
	ctx = c.Obs.StartLogsOp(ctx)
	err := c.Consumer.ConsumeLogs(ctx, logs)
	c.Obs.EndLogsOp(ctx, format, n, err)
	return err
}

// Permanent says whether offering the same records again is of no use to anybody: with several pipelines, only if every
// one of them says so.
func Permanent(err error) bool {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			for _, each := range joined.Unwrap() {
				if !Permanent(each) {
					return false
				}
			}
			return true
		}
	}
	return consumererror.IsPermanent(err)
}

// rest returns what is to be offered next: what the error carries if it says which records failed, else the same again.
// Of several pipelines' errors each speaks only for its own.
func rest(err error, same func() plog.Logs) func() plog.Logs {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if _, joined := e.(interface{ Unwrap() []error }); joined {
			return same
		}
	}
	var failed consumererror.Logs
	if !errors.As(err, &failed) || failed.Data().LogRecordCount() == 0 {
		return same
	}
	remaining := plog.NewLogs()
	failed.Data().CopyTo(remaining)
	return func() plog.Logs {
		logs := plog.NewLogs()
		remaining.CopyTo(logs)
		return logs
	}
}
