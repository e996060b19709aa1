// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger remembers what has been read and what has been delivered. It is kept in memory: a restart begins anew.
package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// bucketLength is the stretch of received time whose rows are forgotten together.
const bucketLength = time.Minute

// maxVersions is the most records that are delivered of one row, so that a status that swings to and fro cannot go on
// for ever.
const maxVersions = 8

// Ledger is what one receiver has read and delivered. It is not safe for concurrent use: one goroutine reads and writes.
type Ledger struct {
	state plan.State
	// seen holds the delivered rows by the bucket of their received time.
	seen map[int64]map[trace.Key]delivered
}

type delivered struct {
	status   trace.Status
	versions uint8
}

// Row is one version of a row that has been delivered.
type Row struct {
	Received time.Time
	Key      trace.Key
	Status   trace.Status
}

// New returns the ledger of a receiver that never ran.
func New() *Ledger {
	return &Ledger{seen: map[int64]map[trace.Key]delivered{}}
}

// State returns what the plan has to remember.
func (l *Ledger) State() plan.State { return l.state }

// SetState replaces what the plan has to remember and forgets the rows that no window can bring again.
func (l *Ledger) SetState(s plan.State) {
	l.state = s
	maps.DeleteFunc(l.seen, func(bucket int64, _ map[trace.Key]delivered) bool {
		return bucket != timeless && !mayComeAgain(s, bucket)
	})
}

// mayComeAgain says whether a window can still bring rows of the bucket. Windows include their ends, so the rows at the
// very end of what has been read come with the next window as well.
func mayComeAgain(s plan.State, bucket int64) bool {
	start := time.Unix(bucket*int64(bucketLength/time.Second), 0)
	end := start.Add(bucketLength)
	if !s.Head.After(end) {
		return true
	}
	return slices.ContainsFunc(s.Open, func(w trace.Window) bool {
		return !w.Start.After(end) && !w.End.Before(start)
	})
}

// IsNew says whether the version of the row is to be delivered, and which status of the row was delivered last: none if
// the row itself is new. A status that falls back to what comes before a message's fate is known is not new.
func (l *Ledger) IsNew(r Row) (isNew bool, previous trace.Status) {
	last, known := l.seen[bucketOf(r.Received)][r.Key]
	if !known {
		return true, ""
	}
	isNew = r.Status != last.status && progress(r.Status) >= progress(last.status) && last.versions < maxVersions
	return isNew, last.status
}

// Remember notes the versions as delivered.
func (l *Ledger) Remember(rows []Row) {
	for _, r := range rows {
		bucket := bucketOf(r.Received)
		if l.seen[bucket] == nil {
			l.seen[bucket] = map[trace.Key]delivered{}
		}
		l.seen[bucket][r.Key] = delivered{status: r.Status, versions: l.seen[bucket][r.Key].versions + 1}
	}
}

// progress orders the statuses by what a message goes through before its fate is known.
func progress(s trace.Status) int {
	switch s {
	case trace.GettingStatus:
		return 0
	case trace.Pending:
		return 1
	}
	return 2
}

// timeless is the bucket of rows without a received time.
const timeless = -1 << 63

func bucketOf(received time.Time) int64 {
	if received.IsZero() {
		return timeless
	}
	return received.Unix() / int64(bucketLength/time.Second)
}
