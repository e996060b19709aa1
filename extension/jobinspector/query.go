// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
	// maxCapture is the most records that a capture may be asked for.
	maxCapture = 1_000_000
	// defaultTop and maxTop are how many senders and recipients are listed.
	defaultTop = 10
	maxTop     = 100
)

var lanes = []string{string(trace.Live), string(trace.Revisit), string(trace.Backfill), string(trace.Scheduled), string(trace.Details)}

func states() (names []string) {
	for _, state := range jobs.States {
		names = append(names, string(state))
	}
	return names
}

// query reads the parameters of a request. The first thing wrong with them is kept in err.
type query struct {
	values url.Values
	err    error
}

// parameters are those of a request, which may have no others than the named ones: a misspelt filter must not select all.
func parameters(r *http.Request, names ...string) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.fail("", "cannot be read")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			q.fail(name, "is not known here; known: "+strings.Join(names, ", "))
		case len(given) > 1:
			q.fail(name, "is given more than once")
		}
	}
	return q
}

func (q *query) fail(name, reason string) {
	if q.err == nil {
		q.err = badRequest("parameter", "parameter "+quote(name)+" "+reason)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

// oneOf is a parameter that is empty or one of some values.
func (q *query) oneOf(name string, values []string) string {
	text := q.text(name)
	if text != "" && !slices.Contains(values, text) {
		q.fail(name, "must be one of "+strings.Join(values, ", "))
	}
	return text
}

// number is a parameter from 1 to most, or fallback if it is empty.
func (q *query) number(name string, fallback, most int) int {
	text := q.text(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		q.fail(name, fmt.Sprintf("must be a number from 1 to %d", most))
	}
	return n
}

// time is a parameter that is an RFC 3339 time, the zero time if it is empty.
func (q *query) time(name string) time.Time {
	text := q.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.fail(name, "must be a time like 2026-03-02T10:00:00Z")
	}
	return t
}
