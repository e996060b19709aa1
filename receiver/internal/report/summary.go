// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// backfillEvery is the least time between two lines about a backfill.
	backfillEvery = 5 * time.Minute
	// minBackfill is the shortest backfill that is logged, in received time: a hole of a few minutes is none.
	minBackfill = time.Hour
)

// summary logs from time to time what has been read.
type summary struct {
	logger *zap.Logger
	every  time.Duration
	quota  func() float64

	mu    sync.Mutex
	timer *time.Timer
	// rows and requests are those since the last line.
	rows     trace.Outcomes
	requests int
	// first reports whether rows have ever been accepted.
	first bool
	state *plan.State
	// backfill is how far the backfill was when it was logged last, zero if it is none that is logged.
	backfill jobs.Progress
	logged   time.Time
}

// start begins to log. Nothing is logged for a receiver that does not collect.
func (s *summary) start(quota func() float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = quota
	if s.every > 0 {
		s.timer = time.AfterFunc(s.every, s.log)
	}
}

func (s *summary) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// log logs what has happened since the last time.
func (s *summary) log() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		return
	}
	s.timer.Reset(s.every)
	if s.state == nil {
		return
	}
	fields := []zap.Field{zap.Int("requests", s.requests), zap.Float64("quota_used", s.quota())}
	if upTo := plan.LiveUpTo(*s.state); !upTo.IsZero() {
		fields = append(fields, zap.Stringer("lag", time.Since(upTo).Round(time.Second)))
	}
	s.logger.Info(fmt.Sprintf("read %d new rows, %d status changes and %d known rows in %s",
		s.rows.Accepted-s.rows.Changed, s.rows.Changed, s.rows.Duplicate, timeexpr.Short(s.every)), fields...)
	s.rows, s.requests = trace.Outcomes{}, 0
}

func (s *summary) request() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
}

func (s *summary) page(rows trace.Outcomes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows.Add(rows)
	if !s.first && rows.Accepted > 0 {
		s.first = true
		s.logger.Info("delivered the first rows", zap.Int("rows", rows.Accepted))
	}
}

// position notes how far the reading has got, and logs how far a backfill is.
func (s *summary) position(state plan.State, backfill jobs.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = &state
	switch {
	case backfill.Total == 0 && s.backfill.Total == 0, backfill.Total > 0 && backfill.Total < minBackfill:
	case backfill.Total == 0:
		s.logger.Info("backfill done", zap.Stringer("read", s.backfill.Total.Round(time.Second)))
		s.backfill, s.logged = jobs.Progress{}, time.Time{}
	case s.backfill.Total == 0:
		s.logger.Info("backfill begins", zap.Stringer("to_read", backfill.Total.Round(time.Second)))
		s.backfill, s.logged = backfill, time.Now()
	case time.Since(s.logged) >= backfillEvery:
		s.logger.Info(backfillText(backfill))
		s.backfill, s.logged = backfill, time.Now()
	default:
		s.backfill = backfill
	}
}

func backfillText(b jobs.Progress) string {
	text := fmt.Sprintf("backfill %d %%", int(100*b.Share))
	if b.ETA > 0 {
		text += ", about " + roughly(b.ETA) + " left"
	}
	return text
}

// roughly writes a duration with the precision that an estimate has.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24+0.5))
	case d >= 100*time.Minute:
		return fmt.Sprintf("%d h", int(d.Hours()+0.5))
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	}
	return "a minute"
}
