// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that RetryAfter returns. Whoever asks for more is asked again after it.
const maxRetryAfter = 24 * time.Hour

// RetryAfter returns how long the server asks to be left alone, in whole seconds of at most a day; 0 if it does not ask.
// Retry-After is a number of seconds, of which services also send fractions, or a date (RFC 9110, section 10.2.3). A date
// is compared with the server's own clock where the response tells it, else with now.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil || math.IsInf(seconds, 1) {
		return wholeSeconds(seconds)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return wholeSeconds(at.Sub(now).Seconds())
}

// wholeSeconds rounds up, so that nobody comes back too early.
func wholeSeconds(seconds float64) time.Duration {
	if !(seconds > 0) { // not a number either
		return 0
	}
	return time.Duration(math.Ceil(min(seconds, maxRetryAfter.Seconds()))) * time.Second
}
