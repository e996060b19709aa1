// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"slices"
	"strings"
)

// Status is what became of a message for one recipient, spelled as Microsoft Graph spells it whichever service it came
// from. A status that is not among the constants is kept as received, but compared without case.
type Status string

// The statuses of the Graph resource type exchangeMessageTrace, and Resolved. The Reporting Web Service spells them with a
// capital.
const (
	GettingStatus  Status = "gettingStatus"
	Pending        Status = "pending"
	Failed         Status = "failed"
	Delivered      Status = "delivered"
	Expanded       Status = "expanded"
	Quarantined    Status = "quarantined"
	FilteredAsSpam Status = "filteredAsSpam"
	Recalled       Status = "recalled"
	// Resolved is a recipient that was redirected: the other address has a row of its own. It has been seen in tenants, but no
	// documentation of Microsoft lists it.
	Resolved Status = "resolved"
)

var statuses = []Status{Delivered, GettingStatus, Pending, Failed, Expanded, Quarantined, FilteredAsSpam, Recalled, Resolved}

// ParseStatus returns the status that text spells, in whatever case.
func ParseStatus(text []byte) Status {
	for _, s := range statuses {
		// Most come as Microsoft Graph spells them.
		if len(s) == len(text) && (string(text) == string(s) || bytes.EqualFold(text, []byte(s))) {
			return s
		}
	}
	return Status(text)
}

// Is reports whether both are the same status.
func (s Status) Is(other Status) bool { return s == other || s.Folded() == other.Folded() }

// Folded returns what statuses are compared by: a known one as it is, any other in lower case.
func (s Status) Folded() Status {
	if slices.Contains(statuses, s) {
		return s
	}
	return Status(strings.ToLower(string(s)))
}

// Underway reports whether the message is still on its way, so that the status is expected to change.
func (s Status) Underway() bool {
	return s == GettingStatus || s == Pending
}

// Bad reports whether the message did not reach its recipient's mailbox, and will not unless somebody acts.
func (s Status) Bad() bool {
	return s == Failed || s == Quarantined || s == FilteredAsSpam
}
