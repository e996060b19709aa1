// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"sync"
	"time"
)

const (
	// skewTolerance is the difference between the clocks that the resolution of the Date header and the way of a response
	// explain.
	skewTolerance = 2 * time.Second
	// maxSkew is the difference between the clocks that the user is told about.
	maxSkew = time.Minute
	// skewTrial is how long the service has to tell the same before it is believed that the clocks differ: a wrong header
	// or two must not move anything.
	skewTrial = time.Minute
)

// skew is how far the service's clock is ahead of this machine's.
type skew struct {
	mu      sync.Mutex
	current time.Duration
	// trial is another difference, told since the given time.
	trial time.Duration
	since time.Time
}

// tell notes the difference that a response tells. It returns true when that has become the one that is believed.
func (s *skew) tell(difference time.Duration, now time.Time) (believed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case (difference - s.current).Abs() <= skewTolerance:
		s.since = time.Time{}
	case s.since.IsZero() || (difference-s.trial).Abs() > skewTolerance:
		s.trial, s.since = difference, now
	case now.Sub(s.since) >= skewTrial:
		s.current, s.since = difference, time.Time{}
		return true
	}
	return false
}

// forget begins anew, after this machine's clock has been set.
func (s *skew) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.since = 0, time.Time{}
}

// ahead is the difference that is believed.
func (s *skew) ahead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}
