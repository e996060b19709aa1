// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import "time"

const (
	// minPause is how long a tenant is left alone after a 429 without Retry-After, and maxPause what that doubles up to.
	minPause = 30 * time.Second
	maxPause = 5 * time.Minute
	// longestPause bounds how long a tenant is left alone because the service asks for it.
	longestPause = time.Hour
)

// Resume is when the tenant may be asked again, the zero time if it may be now.
func (q *Quota) Resume() time.Time {
	q = q.lock()
	defer q.mu.Unlock()
	if q.resume.After(time.Now()) {
		return q.resume
	}
	return time.Time{}
}

// decision is how long at most nobody is let go after a 429 until it is decided for how long the tenant is left alone.
const decision = 100 * time.Millisecond

// Refused notes a 429 before its request is released, so that no other goes in between. Throttled must follow.
func (q *Quota) Refused() {
	q = q.lock()
	defer q.mu.Unlock()
	q.undecided = time.Now().Add(decision)
}

// Throttled notes a 429, with which the service may have asked for a wait. As long as the tenant has been refused no more
// than so many times in a row, it waits that long, or else for the backoff, and is asked again. After that it is paused, and
// a 429 right after a pause doubles it, whatever the service asks for. It returns for how long the tenant is left alone.
func (q *Quota) Throttled(asked, backoff time.Duration, retries int) (wait time.Duration, again bool) {
	q = q.lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.undecided = time.Time{}
	q.refusals++
	switch {
	case q.pause > 0 && q.resume.After(now):
		// The request was on its way when the pause began.
		return q.rest(now, asked), false
	case q.pause == 0 && q.refusals <= retries:
		return q.rest(now, asked+onlyIf(asked == 0, backoff)), true
	case q.pause > 0:
		q.pause = max(asked, min(2*q.pause, maxPause))
	default:
		q.pause = asked + onlyIf(asked == 0, minPause)
	}
	q.pause = min(q.pause, longestPause)
	return q.rest(now, q.pause), false
}

// Pause leaves the tenant alone for as long as the service asks, at most an hour, and returns for how long that is.
func (q *Quota) Pause(asked time.Duration) time.Duration {
	q = q.lock()
	defer q.mu.Unlock()
	return q.rest(time.Now(), asked)
}

// rest leaves the tenant alone for d, at most an hour, or longer if it is to be anyway, and returns for how long.
func (q *Quota) rest(now time.Time, d time.Duration) time.Duration {
	if resume := now.Add(min(d, longestPause)); resume.After(q.resume) {
		q.resume = resume
	}
	return q.resume.Sub(now)
}

// Answered notes that the service answers again.
func (q *Quota) Answered() {
	q = q.lock()
	defer q.mu.Unlock()
	q.pause, q.refusals = 0, 0
}
