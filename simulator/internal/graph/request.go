// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strconv"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Limits of messageTraces, by its documentation.
const (
	defaultSize = 1000
	maxSize     = 5000
	maxPeriod   = 10 * 24 * time.Hour
	maxAgeDays  = 90
)

// pageRequest is a query as it will be answered.
type pageRequest struct {
	filter, top string // as sent, for the link to the next page
	criteria    criteria
	start, end  time.Time    // to search
	asked       [2]time.Time // by the filter; a continuation searches less
	size        int
	after       *mail.Position
}

// parseRequest reads the query of a URL.
func parseRequest(query string, now time.Time) (*pageRequest, *failure) {
	options, err := dialect.ParseOptions(query)
	if err != nil {
		return nil, badRequest("%s", err)
	}
	var e *failure
	r := &pageRequest{filter: options["$filter"], top: options["$top"], size: defaultSize}
	if filter, ok := options["$filter"]; ok {
		if r.criteria, e = parseFilter(filter); e != nil {
			return nil, e
		}
	}
	if r.start, r.end, err = odata.Window(r.criteria.start, r.criteria.end, now); err != nil {
		return nil, badRequest("%s", err)
	}
	if e := checkWindow(r.start, r.end, now); e != nil {
		return nil, e
	}
	r.asked = [2]time.Time{r.start, r.end}
	if token, ok := options["$skiptoken"]; ok {
		if e := r.resume(token); e != nil {
			return nil, e
		}
		if e := checkWindow(r.start, r.end, now); e != nil {
			return nil, e
		}
	}
	if top, ok := options["$top"]; ok {
		if r.size, e = parseSize(top); e != nil {
			return nil, e
		}
	}
	return r, nil
}

// parseSize reads $top. 0 means the default, as observed.
func parseSize(text string) (int, *failure) {
	size, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, badRequest("Invalid value '%s' for $top query option found. The $top query option requires a non-negative integer value.", text)
	case size == 0:
		return defaultSize, nil
	case size < 0 || size > maxSize:
		return 0, badRequest("ResultSize is invalid")
	}
	return size, nil
}

// checkWindow applies the documented limits. About the end, the documentation
// only that it must not lie in the future, and of the order nothing: those two
// wordings are inferred.
func checkWindow(start, end, now time.Time) *failure {
	oldest := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -maxAgeDays) // observed: measured from midnight
	switch {
	case start.After(end):
		return badRequest("Invalid StartDate value. The StartDate can't be later than the EndDate.")
	case end.Sub(start) > maxPeriod:
		return badRequest("|System.ArgumentException|The interval between StartDate and EndDate can't be longer than 10 days.")
	case start.Before(oldest):
		return badRequest("Invalid StartDate value. The StartDate can't be older than %d days from today.", maxAgeDays)
	case end.After(now):
		return badRequest("Invalid EndDate value. The EndDate can't be in the future.")
	}
	return nil
}

// query is the request as the store understands it.
func (r *pageRequest) query(now time.Time) mail.Query {
	return mail.Query{Start: r.start, End: r.end, At: now, After: r.after, Limit: r.size, Match: r.criteria.match()}
}
