// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// statusCode is a status in one byte. The codes of the known statuses are fixed, since they are stored; so a status that
// becomes known later stays in the dictionary.
type statusCode uint8

var knownStatuses = []trace.Status{
	"", trace.GettingStatus, trace.Pending, trace.Failed, trace.Delivered, trace.Expanded, trace.Quarantined,
	trace.FilteredAsSpam, trace.Recalled,
}

// maxStatus is the length, in bytes, of the longest status that is told apart: the dictionary is written with every commit.
const maxStatus = 64

// manyStatuses is the code of all statuses beyond those that a byte can tell apart, and of longer ones.
const manyStatuses statusCode = 255

// statuses is a dictionary of the status texts that are not among the known ones. They are numbered after those.
type statuses []trace.Status

// valid reports whether the dictionary can be one that code has made.
func (d *statuses) valid() bool {
	return len(knownStatuses)+len(*d) <= int(manyStatuses) &&
		!slices.ContainsFunc(*d, func(s trace.Status) bool { return len(s) > maxStatus })
}

// code returns the code of a status, which it enters into the dictionary if need be.
func (d *statuses) code(s trace.Status) statusCode {
	if i := slices.Index(knownStatuses, s); i >= 0 {
		return statusCode(i) //nolint:gosec // the index of a list of nine
	}
	if len(s) > maxStatus {
		return manyStatuses
	}
	i := slices.IndexFunc(*d, s.Is)
	if i < 0 {
		if i = len(*d); i+len(knownStatuses) >= int(manyStatuses) {
			return manyStatuses
		}
		*d = append(*d, s)
	}
	return statusCode(len(knownStatuses) + i) //nolint:gosec // less than manyStatuses
}

// text returns the status of a code, nothing if the dictionary does not have it.
func (d *statuses) text(c statusCode) trace.Status {
	i := int(c)
	if i < len(knownStatuses) {
		return knownStatuses[i]
	}
	if i -= len(knownStatuses); i < len(*d) {
		return (*d)[i]
	}
	return ""
}
