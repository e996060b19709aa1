// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import "time"

// Window is a stretch of received time, both ends included.
type Window struct {
	Start, End time.Time
}

// Empty reports whether the window holds no time.
func (w Window) Empty() bool {
	return !w.Start.Before(w.End)
}

// Duration is the length of the window.
func (w Window) Duration() time.Duration {
	return w.End.Sub(w.Start)
}

// Contains reports whether t is in the window, ends included.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.Start) && !t.After(w.End)
}

// String writes the window for logs.
func (w Window) String() string {
	return w.Start.UTC().Format(time.RFC3339Nano) + "/" + w.End.UTC().Format(time.RFC3339Nano)
}

// Lane is why a window is read. It is a label for people and for the order in which windows are read, nothing else.
type Lane string

const (
	// Live is the newest mail.
	Live Lane = "live"
	// Revisit is mail that is read again, for rows that appeared late and for changed statuses.
	Revisit Lane = "revisit"
	// Scheduled is the window that date_range gives for a tick.
	Scheduled Lane = "scheduled"
	// Backfill is older mail that has not been read yet: from before the first start, or missed since.
	Backfill Lane = "backfill"
	// Details is no mail, but what happened to some of it.
	Details Lane = "details"
)
