// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
)

// receiver reads what the plan of this receiver selects, with the defaults of its configuration.
type receiver struct {
	cfg    plan.Config
	ledger *ledger.Ledger
}

func newReceiver() (*receiver, error) {
	const m, h = time.Minute, time.Hour
	l, err := ledger.Open(context.Background(), ledger.Options{Client: ledger.Memory{}, Tenant: "contoso.com"})
	return &receiver{
		cfg: plan.Config{
			Interval:        5 * m,
			InitialLookback: 1 * h,
			Ages:            []time.Duration{5 * m, 15 * m, 30 * m, 1 * h, 2 * h, 4 * h, 8 * h, 30 * h},
			Retention:       90 * 24 * h,
		},
		ledger: l,
	}, err
}

func (c *receiver) run(s *service, deliver func(*row)) error {
	ctx := context.Background()
	state := plan.Tick(c.ledger.State(), s.now, c.ledger.OldestKnown(), c.cfg)
	c.ledger.SetState(state)
	if err := c.ledger.Commit(ctx); err != nil {
		return err
	}
	for step := range plan.Steps(state, s.now, plan.Limits{Longest: plan.MaxWindow}, nil, c.cfg) {
		if err := c.deliverNew(ctx, s.now, s.read(step.Window), deliver); err != nil {
			return err
		}
		c.ledger.SetState(plan.Read(c.ledger.State(), step.Window, s.now))
		if err := c.ledger.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *receiver) deliverNew(ctx context.Context, now time.Time, rows []*row, deliver func(*row)) error {
	var delivered []ledger.Row
	for _, r := range rows {
		version := ledger.Row{Received: r.received, Key: r.key, Status: r.status(now)}
		isNew, _, err := c.ledger.IsNew(ctx, version)
		if err != nil {
			return err
		}
		if isNew {
			deliver(r)
			delivered = append(delivered, version)
		}
	}
	return c.ledger.Remember(ctx, delivered)
}
