// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"cmp"
	"net/http"
	"time"
)

// Clocks that are off. These go together with any other fault. The clock of a
// service shows in the Date header, in dates in errors, and in the instant by which
// windows are checked and filled in. When mail becomes visible does not go by it,
// nor do tokens and the quota, so that the tenant stays as its ledger has it.
const (
	// ClockAhead puts the clock of the service ahead of the client's by
	// Rule.Skew, as when a virtual machine with a collector was asleep.
	ClockAhead Kind = "clock-ahead"
	// ClockBehind puts it behind: windows that end now are refused, since they
	// end in the future.
	ClockBehind Kind = "clock-behind"
	// WrongDate puts nothing but the Date header ahead by Rule.Skew, as a cache or
	// a proxy does that answers from its own clock or from yesterday.
	WrongDate Kind = "wrong-date"
	// WrongDateOnErrors does so with statuses from 400 on only: errors are often
	// the words of whatever stands in front of the service.
	WrongDateOnErrors Kind = "wrong-date-on-errors"
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

func wrongDate(c *call) {
	x, least := c.x, 0
	if c.kind == WrongDateOnErrors {
		least = http.StatusBadRequest
	}
	at := x.Clock().Add(cmp.Or(c.rule.Skew, defaultSkew)).UTC().Format(http.TimeFormat)
	before := x.BeforeHeader // another rule's
	x.BeforeHeader = func(status int) {
		if before != nil {
			before(status)
		}
		if status >= least {
			x.Writer.Header().Set("Date", at)
		}
	}
}
