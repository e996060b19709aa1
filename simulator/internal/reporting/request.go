// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Limits of the message trace. The size of a page and the number of rows are as
// observed: links carry $skiptoken=1999, and 999999 is too much.
const (
	pageSize  = 2000
	maxRows   = 1_000_000
	retention = 10 * 24 * time.Hour
)

// request is a query as it will be answered.
type request struct {
	filter *string // as sent, for the link to the next page
	format *string
	where  criteria
	// start and end are the window.
	start, end time.Time
	// skip rows are passed over, and size rows are on the page.
	skip, size int
	// paged is set where the service cuts the result into pages, and top how many
	// rows the client wants of it, or -1 if all.
	paged bool
	top   int
	// continued is set where there was a skip token.
	continued bool
}

// parseRequest reads the query of a URL.
func parseRequest(query string, now time.Time) (*request, *failure) {
	options, e := parseOptions(query)
	if e != nil {
		return nil, e
	}
	r := &request{size: pageSize, paged: true, top: -1}
	if format, ok := options["$format"]; ok {
		r.format = &format
	}
	if filter, ok := options["$filter"]; ok {
		r.filter = &filter
		if r.where, e = parseFilter(filter); e != nil {
			return nil, e
		}
	}
	if r.start, r.end, e = window(&r.where, now); e != nil {
		return nil, e
	}
	if e := r.place(options); e != nil {
		return nil, e
	}
	return r, nil
}

// parseOptions splits a query.
func parseOptions(query string) (map[string]string, *failure) {
	options, err := dialect.ParseOptions(query)
	if err != nil {
		return nil, badRequest("%s", err)
	}
	for _, name := range missing {
		if _, ok := options[name]; ok {
			return nil, badRequest("m365sim does not have the query parameter '%s' in its Reporting Web Service.", name)
		}
	}
	return options, nil
}

// place finds out which rows are asked for.
func (r *request) place(options map[string]string) *failure {
	if skip, ok := options["$skip"]; ok {
		n, e := count("$skip", skip)
		if e != nil {
			return e
		}
		r.skip = n
	}
	if token, ok := options["$skiptoken"]; ok {
		// The token is the Index of the last row of the page before.
		n, err := strconv.ParseInt(token, 10, 32)
		if err != nil || n < 0 {
			return badRequest("Error in query syntax: '%s' is not a valid value of the query parameter '$skiptoken'.", token)
		}
		if n >= maxRows-1 {
			return beyondLimit()
		}
		r.skip += int(n) + 1
		r.continued = true
	}
	if top, ok := options["$top"]; ok {
		n, e := count("$top", top)
		if e != nil {
			return e
		}
		// A client that wants no more than a page gets it, and pages by itself.
		r.size, r.paged, r.top = min(n, pageSize), n > pageSize, n
	}
	return nil
}

// count reads a number of rows. The text is that of WCF Data Services.
func count(option, text string) (int, *failure) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, badRequest("Incorrect format for %s argument '%s'.", option, text)
	}
	return int(n), nil
}

// window returns the period to search: the one asked for, or the default.
//
// The text about 10 days is known from public clients; the days are counted from
// now, which is the stricter of the two ways to read it. The other texts are
// those of the newer service, which has the same cmdlet behind it. Nobody reports
// that an end in the future is refused, so it is not.
func window(c *criteria, now time.Time) (start, end time.Time, e *failure) {
	start, end, err := odata.Window(c.start, c.end, now)
	switch {
	case err != nil:
		return start, end, badRequest("%s", err)
	case start.After(end):
		return start, end, badRequest("Invalid StartDate value. The StartDate can't be later than the EndDate.")
	case start.Before(now.Add(-retention)):
		return start, end, badRequest("Invalid StartDate value. The StartDate can't be older than 10 days from today.")
	}
	return start, end, nil
}

// query is the request as the store understands it. Whether the bounds belong to
// the window is not documented; here they do.
func (r *request) query(organization string, now time.Time) mail.Query {
	return mail.Query{Start: r.start, End: r.end, At: now, Limit: r.size, Match: r.where.match(organization)}
}

// link returns the link to the page behind a row: relative, in lower case, and
// without $format, as recorded. Without a filter the window moves on meanwhile.
func (r *request) link(last int) string {
	var link strings.Builder
	link.WriteString("../../reportingwebservice/reporting.svc/" + report + "?")
	if r.filter != nil {
		link.WriteString("$filter=" + escapes.Replace(url.QueryEscape(*r.filter)) + "&")
	}
	if r.top >= 0 { // WCF Data Services count down what is left
		link.WriteString("$top=" + strconv.Itoa(r.top-r.size) + "&")
	}
	link.WriteString("$skiptoken=" + strconv.Itoa(last))
	return link.String()
}

// escapes makes of the encoding of forms the one in links of the service.
var escapes = strings.NewReplacer("+", "%20", "%27", "'", "%3A", ":")
