// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strconv"
	"sync"
	"time"
)

// Quota is the number of requests a tenant may make within a rolling interval.
// Refused requests do not count. It is safe for concurrent use.
type Quota struct {
	// Limit is the number of requests; 0 or less means that there is no limit.
	Limit    int
	Interval time.Duration
	// Silent leaves the Retry-After header out, as the service does at times.
	Silent bool

	mu     sync.Mutex
	stamps []time.Time // of the last Limit requests let through, oldest first
}

// take counts a request made now, or returns how long the next one must wait.
func (q *Quota) take(now time.Time) (wait time.Duration, ok bool) {
	if q.Limit <= 0 {
		return 0, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.stamps) > 0 && now.Sub(q.stamps[0]) >= q.Interval {
		q.stamps = q.stamps[1:]
	}
	if len(q.stamps) >= q.Limit {
		return q.stamps[0].Add(q.Interval).Sub(now), false
	}
	q.stamps = append(q.stamps, now)
	return 0, true
}

// header returns the value of Retry-After, in whole seconds, or nothing.
func (q *Quota) header(wait time.Duration) string {
	if q.Silent {
		return ""
	}
	return strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
}
