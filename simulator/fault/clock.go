// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"cmp"
	"net/http"
	"time"
)

// Clocks that are off. These go together with any other fault. What is shifted
// is the Date header, dates in errors, and the instant by which windows are
// checked and filled in; when mail becomes visible is not, nor are tokens and
// the quota, so that the tenant stays what its ledger says.
const (
	// ClockAhead puts the clock of the service ahead of the client's by
	// Rule.Skew, as when a virtual machine with a collector was asleep.
	ClockAhead Kind = "clock-ahead"
	// ClockBehind puts it behind: windows that end now are refused, since they
	// end in the future.
	ClockBehind Kind = "clock-behind"
)

// defaultSkew is what sign-in of most systems just about tolerates.
const defaultSkew = 5 * time.Minute

func shiftClock(c *call) {
	skew := cmp.Or(c.rule.Skew, defaultSkew)
	if c.kind == ClockBehind {
		skew = -skew
	}
	c.x.Skew += skew
	c.x.Writer.Header().Set("Date", c.x.Clock().UTC().Format(http.TimeFormat))
}
