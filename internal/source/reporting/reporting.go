// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package reporting is the dialect of the Office 365 Reporting Web Service, report MessageTrace: how a window is asked
// for, how a page is read in whichever of its three formats, and what an error means.
package reporting

import (
	"context"
	"errors"
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
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Limits of the service.
const (
	// MaxPageSize is the most rows that a page has (observed: links carry $skiptoken=1999, 3999, …).
	MaxPageSize = 2000
	// Retention is how long mail can be asked for (the service's own message: "The StartDate can't be older than 10 days
	// from today"). Microsoft documents 30 days.
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

// First reads the first, newest page of a window. The page, and those that its links lead to, are asked to have pageSize
// rows: 0, and whatever is more than the client was made for, asks for as many as that.
func (c *Client) First(ctx context.Context, lane trace.Lane, w trace.Window, pageSize int) (*source.Page, error) {
	l := link{window: w, size: c.asked.Size(pageSize, MaxPageSize), after: none}
	return c.get(ctx, lane, c.query(l), l)
}

// Next reads the page that a link of the page before leads to. Where the service does not know its own link, the page is
// asked for by the index of the last row, as the links of the service do as well.
func (c *Client) Next(ctx context.Context, lane trace.Lane, text string) (*source.Page, error) {
	l, err := parseLink(text)
	if err != nil {
		return nil, c.noLink()
	}
	if l.href == "" {
		return c.get(ctx, lane, c.query(l), l)
	}
	u, err := source.Follow(c.endpoint, l.href)
	if err != nil {
		return nil, c.noLink()
	}
	page, err := c.get(ctx, lane, u, l)
	var refused *transport.Error
	if l.after == none || !errors.As(err, &refused) || refused.Scope() != trouble.Query {
		return page, err
	}
	return c.get(ctx, lane, c.query(l), l)
}

func (c *Client) noLink() error {
	return &transport.Error{Target: c.target(), Err: source.ErrNoLink}
}

// query is the URL of a page without its href: of the first one of the window, or of the one after the row with an Index.
func (c *Client) query(l link) *url.URL {
	end := l.window.End.Add(margin)
	if whole := end.Truncate(time.Second); whole.Before(end) {
		end = whole.Add(time.Second)
	}
	filter := "StartDate eq datetime'" + l.window.Start.Add(-margin).UTC().Format(timeLayout) +
		"' and EndDate eq datetime'" + end.UTC().Format(timeLayout) + "'" +
		c.asked.Filter.Clause(c.dialect.Names)
	u := *c.endpoint
	u.RawQuery = "$filter=" + escape(filter)
	// At its maximum the service pages by itself.
	if l.size < MaxPageSize {
		u.RawQuery += "&$top=" + strconv.Itoa(l.size)
	}
	if l.after != none {
		u.RawQuery += "&$skiptoken=" + strconv.FormatInt(l.after, 10)
	}
	return &u
}

// get reads the page at u, which l leads to.
func (c *Client) get(ctx context.Context, lane trace.Lane, u *url.URL, l link) (*source.Page, error) {
	// Without $format this asks for JSON light, which alone has received times to 100 ns.
	response, err := c.http.Get(ctx, lane, u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, err
	}
	page := decode(response.Body, c.dialect, l.size)
	page.Most = l.size >= MaxPageSize
	page.Arrived, page.Served, page.Size, page.Release = response.Arrived, response.Date, len(response.Body), response.Release
	page.MapError(func(err error) error { return response.Damaged(c.target(), err) })
	l.follow(page)
	return page, nil
}

// target is what errors name.
func (c *Client) target() string { return c.endpoint.Host + c.endpoint.Path }

func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
