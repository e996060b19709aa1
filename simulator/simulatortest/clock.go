// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulatortest

import (
	"sync"
	"time"
)

// Clock is a clock that a test moves by hand. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows a time and stands still.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now returns the time shown: what simulator.Config.Now asks for.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, backwards if d is negative, and returns the time it
// shows then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set makes the clock show a time.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}
