// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import "regexp"

// Reason is why a service refuses a query.
type Reason int

// The reasons that the receiver can do something about.
const (
	// Unknown is any other reason.
	Unknown Reason = iota
	// PageSize is a page of more rows than the service hands out now.
	PageSize
	// TooOld is a window that begins before the oldest mail that the service keeps.
	TooOld
	// InFuture is a window that ends after the service's present.
	InFuture
)

// reasons are the texts by which both services refuse a query. "Invalid StartDate value. The StartDate can't be older than
// 90 days from today." and "Invalid EndDate value. The EndDate can't be in the future." have been seen in clients' reports;
// the one about page sizes is that of other collections of Microsoft Graph.
var reasons = []struct {
	text   *regexp.Regexp
	reason Reason
}{
	{regexp.MustCompile(`(?i)\$top\b|page ?size|result ?size`), PageSize},
	{regexp.MustCompile(`(?i)\bolder than\b`), TooOld},
	{regexp.MustCompile(`(?i)\bin the future\b`), InFuture},
}

// reasonOf returns why the service refuses a query, by its message.
func reasonOf(message string) Reason {
	for _, each := range reasons {
		if each.text.MatchString(message) {
			return each.reason
		}
	}
	return Unknown
}
