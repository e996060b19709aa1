// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package reporting is the dialect of the Office 365 Reporting Web Service, report MessageTrace: how a window is asked
// for, how a page is read in whichever of its three formats, and what an error means.
package reporting

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Limits of the service.
const (
	// MaxPageSize is the most rows that a page has (observed: links carry $skiptoken=1999, 3999, …).
	MaxPageSize = 2000
	// Retention is how long mail can be asked for (the service's own message: "The StartDate can't be older than 10 days
	// from today"). Microsoft's documentation says 30 days.
	Retention = 10 * 24 * time.Hour
)

const (
	// timeLayout writes the bounds of a window.
	timeLayout = "2006-01-02T15:04:05Z"
	// margin widens each window on either side, since it is not documented whether its bounds belong to it.
	margin = time.Second
)

// getter is the part of a transport.Client that the dialect needs.
type getter interface {
	Get(ctx context.Context, lane trace.Lane, u *url.URL, header http.Header) (*transport.Response, error)
}

// Client reads windows from the Reporting Web Service.
type Client struct {
	http     getter
	endpoint *url.URL
	asked    source.Query
	dialect  source.Dialect
}

// NewClient returns a client of the report at endpoint.
func NewClient(h getter, endpoint *url.URL, q source.Query) *Client {
	q.Filter.Status = spell(q.Filter.Status)
	return &Client{http: h, endpoint: endpoint, asked: q, dialect: dialect.Without(q.Omit)}
}

// spell writes a status as the service does, with a capital.
func spell(status string) string {
	known := string(trace.ParseStatus([]byte(status)))
	first, size := utf8.DecodeRuneInString(known)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + known[size:]
}

// First reads the first, newest page of a window.
func (c *Client) First(ctx context.Context, lane trace.Lane, w trace.Window) (*source.Page, error) {
	return c.get(ctx, lane, c.query(w, ""), w)
}

// Next reads the page that a link of the page before leads to. Where the service does not know its own link, the page is
// asked for by the index of the last row, which is what the links of the service say as well.
func (c *Client) Next(ctx context.Context, lane trace.Lane, link string) (*source.Page, error) {
	l, err := parseLink(link)
	if err != nil {
		return nil, c.noLink()
	}
	u := c.query(l.window, l.after)
	if l.href != "" {
		href, err := url.Parse(l.href)
		if err != nil {
			return nil, c.noLink()
		}
		u = c.endpoint.ResolveReference(href)
	}
	page, err := c.get(ctx, lane, u, l.window)
	var refused *transport.Error
	if l.href == "" || l.after == "" || !errors.As(err, &refused) || refused.Err != nil || !refused.AboutQuery() {
		return page, err
	}
	return c.get(ctx, lane, c.query(l.window, l.after), l.window)
}

func (c *Client) noLink() error {
	// The text of the error would repeat the link, which carries addresses.
	return &transport.Error{Target: c.target(), Err: fmt.Errorf("%w: the link to the next page is no URL", source.ErrShape)}
}

// query is the URL of a page of a window: of the first one, or of the one after the row with the given index.
func (c *Client) query(w trace.Window, after string) *url.URL {
	end := w.End.Add(margin)
	if whole := end.Truncate(time.Second); whole.Before(end) {
		end = whole.Add(time.Second)
	}
	filter := "StartDate eq datetime'" + w.Start.Add(-margin).UTC().Format(timeLayout) +
		"' and EndDate eq datetime'" + end.UTC().Format(timeLayout) + "'" +
		c.asked.Filter.Clause(c.dialect.Names)
	u := *c.endpoint
	u.RawQuery = "$filter=" + escape(filter)
	// At its maximum the service pages by itself.
	if c.asked.PageSize < MaxPageSize {
		u.RawQuery += "&$top=" + strconv.Itoa(c.asked.PageSize)
	}
	if after != "" {
		u.RawQuery += "&$skiptoken=" + after
	}
	return &u
}

func (c *Client) get(ctx context.Context, lane trace.Lane, u *url.URL, w trace.Window) (*source.Page, error) {
	// Without $format this asks for JSON light, which alone has received times to 100 ns.
	response, err := c.http.Get(ctx, lane, u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	page, err := decode(response.Body, c.dialect)
	if err != nil {
		return nil, response.Damaged(c.target(), err)
	}
	page.Arrived, page.Served, page.Size, page.Release = response.Arrived, response.Date, len(response.Body), response.Release
	page.MapError(func(err error) error { return response.Damaged(c.target(), source.Damage(err)) })
	c.link(page, w)
	return page, nil
}

// link makes the links of the page carry what it takes to go on without them.
func (c *Client) link(page *source.Page, w trace.Window) {
	rows, next := page.Rows, page.Next
	var last trace.Number
	var count int
	page.Rows = func(yield func(*trace.Row, error) bool) {
		rows(func(r *trace.Row, err error) bool {
			if err == nil {
				count++
				last = r.Index
			}
			return yield(r, err)
		})
	}
	page.Next = func() string {
		l := link{window: w, href: next()}
		if last.Valid {
			l.after = strconv.FormatInt(last.Value, 10)
		}
		// A page as long as asked for has no link if $top limited it.
		if l.href == "" && (c.asked.PageSize == MaxPageSize || count < c.asked.PageSize || l.after == "") {
			return ""
		}
		return l.String()
	}
}

// target is what errors name.
func (c *Client) target() string { return c.endpoint.Host + c.endpoint.Path }

// link is where the rows of a window go on: the link of the service, and the index of the last row.
type link struct {
	window      trace.Window
	href, after string
}

func (l link) String() string {
	return l.window.String() + " " + l.after + " " + l.href
}

func parseLink(text string) (l link, err error) {
	window, rest, _ := strings.Cut(text, " ")
	start, end, _ := strings.Cut(window, "/")
	l.after, l.href, _ = strings.Cut(rest, " ")
	var errStart, errEnd error
	l.window.Start, errStart = time.Parse(time.RFC3339Nano, start)
	l.window.End, errEnd = time.Parse(time.RFC3339Nano, end)
	return l, errors.Join(errStart, errEnd)
}

func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
