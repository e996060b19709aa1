// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const server, local = "Sun, 22 Nov 2026 10:00:00 GMT", "Sun, 22 Nov 2026 09:00:00 GMT"
	now, _ := http.ParseTime(local)
	for name, c := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"nothing":                       {"", server, 0},
		"seconds":                       {"60", server, time.Minute},
		"seconds between blanks":        {" 60 ", server, time.Minute},
		"none":                          {"0", server, 0},
		"a fraction":                    {"0.249", server, time.Second},
		"a fraction of a second more":   {"10.001", server, 11 * time.Second},
		"whole seconds as a fraction":   {"10.000", server, 10 * time.Second},
		"less than none":                {"-1", server, 0},
		"a day":                         {"86400", server, 24 * time.Hour},
		"more than a day":               {"86401", server, 24 * time.Hour},
		"more than there is":            {"1e400", server, 24 * time.Hour},
		"more digits than a number has": {"99999999999999999999999", server, 24 * time.Hour},
		"no number":                     {"NaN", server, 0},
		"an infinite number":            {"Inf", server, 24 * time.Hour},
		"words":                         {"soon", server, 0},
		"a date by the server's clock":  {"Sun, 22 Nov 2026 10:01:00 GMT", server, time.Minute},
		"a date by this clock":          {"Sun, 22 Nov 2026 09:01:00 GMT", "", time.Minute},
		"a date, and a date of no use":  {"Sun, 22 Nov 2026 09:01:00 GMT", "yesterday", time.Minute},
		"a date that has passed":        {"Sun, 22 Nov 2026 09:59:00 GMT", server, 0},
		"a date in a year":              {"Mon, 22 Nov 2027 10:00:00 GMT", server, 24 * time.Hour},
		"a date as RFC 850 writes it":   {"Sunday, 22-Nov-26 10:01:00 GMT", server, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Retry-After": {c.value}, "Date": {c.date}}
			assert.Equal(t, c.want, RetryAfter(header, now))
		})
	}
}

func TestRetryAfterIsNeverEarly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		asked := time.Duration(rapid.Int64Range(0, 86_400_000).Draw(t, "milliseconds")) * time.Millisecond
		got := RetryAfter(http.Header{"Retry-After": {strconv.FormatFloat(asked.Seconds(), 'f', 3, 64)}}, time.Now())
		if got < asked || got >= asked+time.Second || got%time.Second != 0 {
			t.Fatalf("%v asked, %v waited", asked, got)
		}
	})
}
