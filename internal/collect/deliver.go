// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
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

// deliver offers the batch to the pipeline until each of its records is accepted or refused for good, or ctx ends. What is
// refused for good is dropped without being remembered. A refused batch may already have been changed downstream, so every
// offer is converted again. What has been remembered is still to be committed.
func (j *job) deliver(ctx context.Context, b *batch, seen *Page) error {
	if b.Len() == 0 {
		return nil
	}
	waits := refusalWaits()
	o := newOffer(b, len(b.items), b.numbers)
	for b.numbers = o.pending; ; {
		if err := j.Ledger.Take(ctx); err != nil {
			return err
		}
		err := j.offer(ctx, o.logs())
		if err == nil {
			j.Observer.Offered(ctx, j.step.Window, nil)
			return j.accepted(ctx, b, o.pending, seen)
		}
		taken, lost := o.answered(read(err))
		if acceptErr := j.accepted(ctx, b, taken, seen); acceptErr != nil || ctx.Err() != nil {
			return firstError(context.Cause(ctx), acceptErr)
		}
		seen.Rows.Refused += lost
		j.Observer.Offered(ctx, j.step.Window, refused(err, lost > 0))
		if len(o.pending) == 0 {
			return nil
		}
		if j.Ledger.Fenced {
			// Whoever takes over must neither wait for a pipeline that refuses, nor repeat what it has accepted.
			j.commit(ctx)
		}
		j.leave(ctx)
		if err := transport.Sleep(ctx, waits.NextBackOff()); err != nil {
			return err
		}
	}
}

// refusalWaits are the waits between offers.
func refusalWaits() *backoff.ExponentialBackOff {
	waits := &backoff.ExponentialBackOff{
		InitialInterval:     firstRefusalWait,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         maxRefusalWait,
	}
	waits.Reset()
	return waits
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// accepted counts items of the batch as accepted and remembers them.
func (j *job) accepted(ctx context.Context, b *batch, items []int, seen *Page) error {
	if len(items) == 0 {
		return nil
	}
	if err := j.Ledger.Remember(ctx, b.accepted(items, seen)); err != nil {
		return err
	}
	if j.Details != nil {
		j.inquire(ctx, b, items)
	}
	return nil
}

func (c *Collector) offer(ctx context.Context, logs plog.Logs) error {
	n := logs.LogRecordCount()
	taken := c.Observer.Offering(ctx, logs)
	ctx = c.Obs.StartLogsOp(ctx)
	err := c.Consumer.ConsumeLogs(ctx, logs)
	c.Obs.EndLogsOp(ctx, format, n, err)
	if err == nil {
		taken()
	}
	return err
}

// offer is what of a batch is still to be accepted.
type offer struct {
	batch offered
	// pending are the numbers of the items, ascending.
	pending []int
	// first is the batch as it was filled, until it has been offered.
	first bool
	// carried is what the pipeline wants again, where its records cannot be told from each other.
	carried []plog.Logs
}

// newOffer returns an offer of a batch of n items. It may use memory.
func newOffer(b offered, n int, memory []int) *offer {
	o := &offer{batch: b, first: true, pending: memory[:0]}
	for i := range n {
		o.pending = append(o.pending, i)
	}
	return o
}

// logs returns the records to offer.
func (o *offer) logs() plog.Logs {
	switch {
	case o.carried != nil:
		logs := plog.NewLogs()
		for _, each := range o.carried {
			for _, resource := range each.ResourceLogs().All() {
				resource.CopyTo(logs.ResourceLogs().AppendEmpty())
			}
		}
		return logs
	case o.first:
		o.first = false
		return o.batch.Logs()
	}
	return o.batch.again(o.pending).Logs()
}

// answered notes the pipeline's answer, and returns the items that it has taken, and how many others it never will.
func (o *offer) answered(a answer) (taken []int, lost int) {
	failed, known := o.find(a.carried)
	if !known {
		// They are kept as they are. What was taken with them cannot be told until all of them are.
		for _, each := range a.carried {
			kept := plog.NewLogs()
			each.CopyTo(kept)
			o.carried = append(o.carried, kept)
		}
		failed = o.pending
	}
	for _, i := range o.pending {
		if _, found := slices.BinarySearch(failed, i); !found {
			taken = append(taken, i)
		}
	}
	if a.permanent {
		o.pending = nil
		return taken, len(failed)
	}
	o.pending = failed
	return taken, 0
}

// find returns the items that the records are of, ascending; known is false if a record is of none.
func (o *offer) find(carried []plog.Logs) (items []int, known bool) {
	if carried == nil {
		return o.pending, true
	}
	o.carried = nil
	offered, _ := uids(o.batch.again(o.pending).Logs())
	numbers := make(map[string]int, len(offered))
	for i, uid := range offered {
		numbers[uid] = o.pending[i]
	}
	for _, logs := range carried {
		all, ok := uids(logs)
		if !ok {
			return nil, false
		}
		for _, uid := range all {
			item, ok := numbers[uid]
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
	}
	if len(items) == 0 {
		// An error that carries no records tells nothing about what was taken.
		return o.pending, true
	}
	slices.Sort(items)
	return slices.Compact(items), true
}
