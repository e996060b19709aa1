// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// firstRest is how long no details are asked for after they could not be, and longestRest the longest such time: each is twice
	// as long as the one before.
	firstRest   = time.Minute
	longestRest = time.Hour
	// maxRefused is how many rows in a row may be asked about in vain before the others have to wait as well.
	maxRefused = 5
)

// readDetails asks for the details that are due, one row after the other, with what the quota leaves. Whatever goes wrong with
// them, mail is not affected.
func (t *term) readDetails(ctx context.Context) {
	rest := time.Duration(0)
	for {
		if transport.Sleep(ctx, t.untilDetails()) != nil {
			return
		}
		if t.outage.Load() || t.clock.disputed() || t.untilDetails() > 0 || !t.Details.Await(ctx, trace.Details, maxSleep) {
			// Await has waited already, or returns at once as the rest does.
			if transport.Sleep(ctx, time.Second) != nil {
				return
			}
			continue
		}
		answered, err := t.askDetails(ctx)
		if ctx.Err() != nil {
			return
		}
		t.observe()
		if answered || err == nil {
			rest = 0
		}
		if err == nil {
			continue
		}
		rest = min(max(2*rest, firstRest), longestRest)
		if trouble.ScopeOf(err) == trouble.Tenant {
			// A tenant that is throttled because of its details must not be so again because of them.
			rest = max(rest, t.Budget.Rate().Interval)
		}
		if trouble.ScopeOf(err) != trouble.Cancelled {
			t.Reporter.Report(DetailsTrouble{Err: err, Until: time.Now().Add(rest)})
		}
		if transport.Sleep(ctx, rest) != nil {
			return
		}
	}
}

// untilDetails is how long to wait for the next details, at most maxSleep: a row may come whose details are due before.
func (t *term) untilDetails() time.Duration {
	waiting, due := t.collector.Inquiries()
	if waiting == 0 {
		return maxSleep
	}
	return min(max(0, due.Sub(t.clock.now())), maxSleep)
}

// askDetails asks for details in a job, as long as any are due and the quota allows. It returns an error if no others should be
// asked for at once, and whether any have been answered.
func (t *term) askDetails(ctx context.Context) (answered bool, err error) {
	now := t.clock.now()
	job := t.Recorder.Schedule(trace.Details, trace.Window{Start: now, End: now})
	asking, end := t.asked.begin(ctx, job)
	defer end()
	asking, slot := withSlot(asking, trace.Details)
	defer slot.release()
	started := time.Now()
	refused, asked := 0, false
	for first := true; first || t.Details.Await(asking, trace.Details, 0); first = false {
		if err = slot.ensure(asking); err != nil {
			break
		}
		job.Start(t.collector.State().Ticked)
		asked, err = t.collector.Inquire(asking)
		if !asked && err == nil {
			break
		}
		if refused++; err == nil {
			refused, answered = 0, true
		}
		if refused >= maxRefused || !isOfOne(err) || asking.Err() != nil || t.outage.Load() {
			break
		}
		if err != nil {
			jobLog(asking).Warn("the details of a row could not be read; they are asked for again later",
				zap.String("error", err.Error()), zap.String("hint", trouble.HintOf(err)))
		}
	}
	if refused < maxRefused && isOfOne(err) {
		err = nil
	}
	return answered, t.endDetails(asking, job, started, err)
}

// endDetails ends a job, and tells how it ended.
func (t *term) endDetails(ctx context.Context, job *jobs.Job, started time.Time, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errCancelled) {
		err = errCancelled
	}
	state := outcome(ctx, err)
	t.Reporter.Report(JobEnded{Lane: trace.Details, State: state, Took: time.Since(started)})
	if state == jobs.Cancelled {
		job.End(state, nil, "")
		return err
	}
	job.End(state, err, trouble.HintOf(err))
	return err
}

// isOfOne reports whether an error, if there is one, is about one row alone.
func isOfOne(err error) bool {
	switch trouble.ScopeOf(err) {
	case trouble.None, trouble.Query, trouble.Window:
		return true
	}
	return false
}
