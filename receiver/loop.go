// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// loop reads at each tick what is due, until ctx ends. A tick that comes while its predecessor is still being worked on
// takes over as soon as the window in hand is done, so that the newest mail comes first.
func (r *messageTraceReceiver) loop(ctx context.Context) {
	schedule := &schedule{interval: r.cfg.PollInterval}
	tick, ok := schedule.start(wallClock()), true
	for ok {
		r.tick(ctx, tick, schedule)
		tick, ok = schedule.wait(ctx)
	}
}

// tick reads what is due at the tick, and whatever is still open from earlier ones.
func (r *messageTraceReceiver) tick(ctx context.Context, tick time.Time, schedule *schedule) {
	cfg := r.cfg.planConfig()
	state, gap := plan.DropUnkept(plan.Tick(r.ledger.State(), tick, cfg), wallClock(), cfg)
	for _, w := range gap {
		r.set.Logger.Error("the service no longer keeps mail that has not been read", zap.Stringer("window", w))
	}
	r.ledger.SetState(state)
	defer r.observeLag()
	if !r.connected(ctx) {
		return
	}
	healthy := true
	for _, step := range plan.Steps(state, cfg) {
		err := r.run(ctx, step)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			healthy = false
			r.health.failed("a window could not be read; it is read again at the next tick", err,
				zap.String("lane", string(step.Lane)), zap.Stringer("window", step.Window))
		}
		if err != nil && !aboutQuery(err) || schedule.isDue(wallClock()) {
			break
		}
	}
	if healthy {
		r.health.ok()
	}
}

// connected makes the collector unless there is one.
func (r *messageTraceReceiver) connected(ctx context.Context) bool {
	if r.collector != nil {
		return true
	}
	client, err := r.connect(ctx)
	if err != nil {
		r.health.failed("cannot collect; looked at again at the next tick", err)
		return false
	}
	r.collector = r.newCollector(client)
	return true
}

// run reads one window and says in the metrics how that ended.
func (r *messageTraceReceiver) run(ctx context.Context, step plan.Step) error {
	err := r.collector.Run(ctx, step)
	state := "done"
	switch {
	case ctx.Err() != nil:
		state = "cancelled"
	case err != nil:
		state = "failed"
	}
	r.telemetry.job(ctx, step.Lane, state)
	r.observeLag()
	return err
}

func (r *messageTraceReceiver) observeLag() {
	if upTo := plan.LiveUpTo(r.ledger.State()); !upTo.IsZero() {
		r.telemetry.readUpTo.Store(upTo.UnixNano())
	}
}

// aboutQuery says that the error concerns one window, so that others may be answered.
func aboutQuery(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.AboutQuery()
}

// observer passes on what happens within a job.
type observer struct{ *messageTraceReceiver }

var _ collect.Observer = observer{}

func (o observer) Page(lane trace.Lane, rows collect.Rows) {
	o.telemetry.page(context.Background(), lane, rows)
	o.observeLag()
}

func (o observer) Offered(w trace.Window, err error) {
	if err == nil {
		return
	}
	o.health.failed("the pipeline refuses records", err, zap.Stringer("window", w))
}
