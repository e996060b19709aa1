// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// bounds are the parsed bounds of a date range. An end that is left out is the time of the tick.
type bounds struct{ start, end timeexpr.Expr }

// bounds parses the bounds. Its error is about single bounds, each with its key.
func (r *DateRange) bounds() (b bounds, err error) {
	var errs []error
	parse := func(key, text string) timeexpr.Expr {
		e, err := timeexpr.Parse(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("date_range.%s: %w", key, err))
		}
		return e
	}
	if r.Start == "" {
		errs = append(errs, errors.New("date_range.start: required with date_range"))
	} else {
		b.start = parse("start", r.Start)
	}
	if r.End != "" {
		b.end = parse("end", r.End)
	}
	return b, errors.Join(errs...)
}

func (b bounds) absolute() bool { return b.start.Absolute() && b.end.Absolute() }

// at is the window of a tick. An end in the future means now.
func (b bounds) at(tick time.Time) trace.Window {
	w := trace.Window{Start: b.start.At(tick), End: b.end.At(tick)}
	if w.End.After(tick) {
		w.End = tick
	}
	return w
}

// planRange is the range that the plan follows; nil without date_range.
func (cfg *Config) planRange() *plan.Range {
	if !cfg.DateRange.HasValue() {
		return nil
	}
	b, err := cfg.DateRange.Get().bounds()
	if err != nil {
		// Validate has reported it.
		return nil
	}
	r := &plan.Range{At: b.at}
	if b.absolute() {
		w := trace.Window{Start: b.start.At(time.Time{}), End: b.end.At(time.Time{})}
		r.Absolute = w.String()
	}
	return r
}

// validateDateRange reports what is wrong with date_range at the given time.
func (cfg *Config) validateDateRange(now time.Time) error {
	if !cfg.DateRange.HasValue() {
		return nil
	}
	var errs []error
	for _, key := range cfg.given {
		errs = append(errs, fmt.Errorf("%s: must not be set together with date_range, which says what to read", key))
	}
	b, err := cfg.DateRange.Get().bounds()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, cfg.validateBounds(b, now))...)
}

func (cfg *Config) validateBounds(b bounds, now time.Time) error {
	switch {
	case b.start.Absolute() && b.end.String() == "":
		return errors.New("date_range.end: required when date_range.start is a fixed time; left out, it would mean now")
	case b.start.Absolute() != b.end.Absolute():
		return errors.New("date_range: start and end must both be fixed times, or both relative to now")
	case b.absolute() && b.start.At(now).After(now):
		return fmt.Errorf("date_range.start: %s is in the future", b.start)
	}
	longest, read := cfg.longest(b, now)
	switch keeps := cfg.limits().retention; {
	case longest < 0:
		return errors.New("date_range: start is after end; swap them")
	case longest == 0:
		return errors.New("date_range: start and end are the same, so that there is nothing between them")
	case read <= 0:
		return fmt.Errorf("date_range.start: %s is never in the past, so that there is no mail to read", b.start)
	case !b.start.Absolute() && now.Truncate(time.Second).Sub(b.start.At(now)) > keeps:
		return fmt.Errorf("date_range.start: %s is further back than the service keeps mail, %s", b.start, short(keeps))
	case b.absolute() && now.Sub(b.end.At(now)) >= keeps-plan.KeepMargin:
		return fmt.Errorf("date_range.end: %s is further back than the service keeps mail, %s", b.end, short(keeps))
	}
	return nil
}

// longest is the length of the longest window between the bounds at any tick within a day, and of what is read of it.
func (cfg *Config) longest(b bounds, now time.Time) (longest, read time.Duration) {
	step := cfg.PollInterval
	if step < time.Second || b.absolute() {
		step = 24 * time.Hour
	}
	longest, read = b.end.At(now).Sub(b.start.At(now)), b.at(now).Duration()
	for at := now.Truncate(step); at.Before(now.Add(24 * time.Hour)); at = at.Add(step) {
		longest, read = max(longest, b.end.At(at).Sub(b.start.At(at))), max(read, b.at(at).Duration())
	}
	return longest, read
}

// logUncovered warns of a date range whose windows leave mail out.
func (r *messageTraceReceiver) logUncovered() {
	if r.plan.Range == nil || r.plan.Range.Absolute != "" {
		return
	}
	b, err := r.cfg.DateRange.Get().bounds()
	if err != nil {
		return
	}
	if uncovered := timeexpr.Uncovered(b.start, b.end, r.cfg.PollInterval); uncovered > 0 {
		r.set.Logger.Warn("date_range leaves mail out, since it is shorter than poll_interval: lengthen the one or shorten the other",
			zap.Float64("minutes_per_hour_not_read", uncovered.Minutes()))
	}
}
