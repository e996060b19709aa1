// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"sync"
	"time"
)

const (
	// skewTolerance is the difference between the clocks that the resolution of the Date header and the way of a response
	// explain.
	skewTolerance = 2 * time.Second
	// MaxSkew is the difference up to which the clocks agree, and beyond which the user is told.
	MaxSkew = time.Minute
	// skewTrial is how long answers have to tell the same before it is believed that the clocks differ, and how long before
	// their agreement is a proof: a wrong header or two must not move anything.
	skewTrial = time.Minute
)

// clock is the present as far as this machine's clock and the service's agree on it. No single clock is believed: mail is
// asked for up to the earlier of both, and what cannot be undone waits until both have agreed for a while.
type clock struct {
	mu sync.Mutex
	// known reports whether the service has answered since this machine's clock was set last, and nothing speaks against it.
	known bool
	// ahead is how far the service's clock is ahead of this machine's, as far as that is believed.
	ahead time.Duration
	// trial is another difference, told since the given time.
	trial time.Duration
	since time.Time
	// agreed is since when the clocks have agreed, zero if they do not, and dated when an answer last had a date.
	agreed, dated time.Time
	// last is when the service answered last, with a date or without.
	last time.Time
	// disproved is a difference that the service itself has contradicted, 0 for none.
	disproved time.Duration
	// seen is when this machine's clock was looked at last.
	seen time.Time
}

// hear notes by how much the service's clock is ahead in an answer. It returns true when that becomes what is believed.
func (c *clock) hear(ahead time.Duration, now time.Time) (believed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dated, c.last = now, now
	switch {
	case ahead.Abs() > MaxSkew:
		c.agreed = time.Time{}
	case c.agreed.IsZero():
		c.agreed = now
	}
	switch {
	case !c.known && ahead.Abs() <= MaxSkew:
		c.known, c.ahead, c.since = true, ahead, time.Time{}
	case c.known && (ahead-c.ahead).Abs() <= skewTolerance:
		c.since = time.Time{}
	case c.since.IsZero() || (ahead-c.trial).Abs() > skewTolerance:
		c.trial, c.since = ahead, now
	case now.Sub(c.since) >= skewTrial:
		c.known, c.ahead, c.since = true, ahead, time.Time{}
		return true
	}
	return false
}

// look looks at this machine's clock. If that has been set since the last look, what is known of the service's clock is
// forgotten: the monotonic clock has gone on as before.
func (c *clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.seen.IsZero() && (now.Round(0).Sub(c.seen.Round(0))-now.Sub(c.seen)).Abs() > skewTolerance {
		c.known, c.ahead, c.since, c.agreed = false, 0, time.Time{}, time.Time{}
	}
	c.seen = now
}

// isKnown reports whether it is known how the clocks differ.
func (c *clock) isKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// disputed reports whether answers tell another time, and nothing of it is believed yet.
func (c *clock) disputed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.known && !c.since.IsZero()
}

// differs reports whether it is believed that the clocks differ.
func (c *clock) differs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead.Abs() > MaxSkew
}

// proven reports whether the clocks have agreed for a while.
func (c *clock) proven() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.agreed.IsZero() && c.dated.Sub(c.agreed) >= skewTrial && c.ahead.Abs() <= MaxSkew
}

// answered notes an answer that does not tell the time.
func (c *clock) answered(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = now
	c.known = c.known || c.since.IsZero()
}

// settle ends a dispute that nothing has ended: the earlier of the clocks counts.
func (c *clock) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.ahead, c.since = true, min(0, c.trial), time.Time{}
}

// difference is how far the service's clock is ahead of this machine's, as far as that is believed.
func (c *clock) difference() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

// disprove notes that the service calls its own present, as its answers tell it, too old. It returns false if the present that was
// asked for is not theirs but this machine's.
func (c *clock) disprove() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead >= 0 {
		return false
	}
	c.known, c.ahead, c.disproved, c.since = true, 0, c.ahead, time.Time{}
	return true
}

// isDisproved reports whether the service has contradicted answers that tell such a difference.
func (c *clock) isDisproved(ahead time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.disproved != 0 && (ahead-c.disproved).Abs() <= skewTolerance
}

// silentSince is when the service answered last, zero if it never has.
func (c *clock) silentSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// bound returns t, an instant by this machine's clock, or as much earlier as the service's clock is behind, in whole
// seconds: what the service calls the future cannot be asked for.
func (c *clock) bound(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead >= 0 || c.ahead > -skewTolerance && c.known {
		return t
	}
	return t.Add(c.ahead).Truncate(time.Second)
}

// now is the present by the earlier of both clocks.
func (c *clock) now() time.Time { return c.bound(wallClock()) }

// latest is the present by the later of both clocks, in whole seconds; known is false as long as one of them is not known.
func (c *clock) latest() (now time.Time, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wallClock().Add(max(0, c.ahead)).Truncate(time.Second), c.known
}

// wallClock is the time of the wall clock alone, in UTC.
func wallClock() time.Time { return time.Now().Round(0).UTC() }
