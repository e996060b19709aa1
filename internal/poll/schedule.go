// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
)

// maxSleep is the longest wait without a look at the wall clock. Timers follow the monotonic clock, which knows nothing
// of a wall clock that jumps or of a machine that sleeps.
const maxSleep = 10 * time.Second

// schedule gives the ticks of a receiver: instants aligned to the wall clock, the plan's offset after the multiples of its
// interval counted from the full hour (UTC).
type schedule struct {
	plan plan.Config
	last time.Time
}

// start is the first tick: the present, or with a range the latest aligned instant. All ticks after it are aligned.
func (s *schedule) start(now time.Time) time.Time {
	s.last = now.Truncate(time.Second)
	if s.plan.Range != nil {
		s.last = s.plan.LastTick(now)
	}
	return s.last
}

// due returns the tick that is due at now, if one is. Ticks that were missed are merged into the latest.
func (s *schedule) due(now time.Time) (tick time.Time, ok bool) {
	tick = s.plan.LastTick(now)
	switch {
	case tick.After(s.last):
		s.last = tick
		return tick, true
	case now.Before(s.last):
		// The clock was set back; the ticks go on from where it stands now.
		s.last = tick
	}
	return time.Time{}, false
}

// isDue reports whether a tick is due at now, without taking it.
func (s *schedule) isDue(now time.Time) bool { return s.plan.LastTick(now).After(s.last) }

// untilNext is how long at now it takes until the next tick is due.
func (s *schedule) untilNext(now time.Time) time.Duration {
	return s.plan.LastTick(now).Add(s.plan.Interval).Sub(now)
}

// wait returns the next tick when it is due; ok is false when ctx ends before.
func (s *schedule) wait(ctx context.Context) (tick time.Time, ok bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case <-timer.C:
		}
		now := wallClock()
		if tick, ok := s.due(now); ok {
			return tick, true
		}
		timer.Reset(min(maxSleep, s.untilNext(now)))
	}
}
