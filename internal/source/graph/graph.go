// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package graph is the dialect of Microsoft Graph, resource exchangeMessageTrace: how a window is asked for, how a page is
// read and what an error means.
package graph

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Limits of the service, from Microsoft's documentation of "List messageTraces".
const (
	// MaxPageSize is the most rows that a page can have.
	MaxPageSize = 5000
	// Retention is how long mail can be asked for.
	Retention = 90 * 24 * time.Hour
)

// timeLayout writes the bounds of a window. Up to seven digits of a second's fraction are accepted (seen in clients that are
// in use).
const timeLayout = "2006-01-02T15:04:05.9999999Z"

// getter is the part of a transport.Client that the dialect needs.
type getter interface {
	Get(ctx context.Context, lane trace.Lane, u *url.URL, header http.Header) (*transport.Response, error)
}

// Client reads windows from Microsoft Graph.
type Client struct {
	http     getter
	endpoint *url.URL
	query    source.Query
	dialect  source.Dialect
}

// NewClient returns a client of the collection of message traces at endpoint.
func NewClient(h getter, endpoint *url.URL, q source.Query) *Client {
	q.Filter.Status = string(trace.ParseStatus([]byte(q.Filter.Status)))
	return &Client{http: h, endpoint: endpoint, query: q, dialect: dialect.Without(q.Omit)}
}

// First reads the first, newest page of a window. The page, and those that its links lead to, are asked to have pageSize
// rows: 0, and whatever is more than the client was made for, asks for as many as that.
func (c *Client) First(ctx context.Context, lane trace.Lane, w trace.Window, pageSize int) (*source.Page, error) {
	size := c.query.Size(pageSize, MaxPageSize)
	filter := "receivedDateTime ge " + w.Start.UTC().Format(timeLayout) + " and receivedDateTime le " + w.End.UTC().Format(timeLayout) +
		c.query.Filter.Clause(c.dialect.Names)
	u := *c.endpoint
	// Graph wants the $ of its options as it is; url.Values would escape it.
	u.RawQuery = "$filter=" + escape(filter) + "&$top=" + strconv.Itoa(size)
	return c.get(ctx, lane, &u, size)
}

// Next reads the page that a link of the page before leads to.
func (c *Client) Next(ctx context.Context, lane trace.Lane, link string) (*source.Page, error) {
	asked, href, _ := strings.Cut(link, " ")
	size, errSize := strconv.Atoi(asked)
	u, err := source.Follow(c.endpoint, href)
	if err != nil || errSize != nil {
		return nil, &transport.Error{Target: c.target(), Err: source.ErrNoLink}
	}
	return c.get(ctx, lane, u, size)
}

func (c *Client) get(ctx context.Context, lane trace.Lane, u *url.URL, size int) (*source.Page, error) {
	header := http.Header{
		"Accept": {"application/json"},
		// Without it, recalled messages come with the status unknownFutureValue (Microsoft's documentation of the resource).
		"Prefer": {"include-unknown-enum-members"},
	}
	response, err := c.http.Get(ctx, lane, u, header)
	if err != nil {
		return nil, err
	}
	page := source.NewPage(response.Body, c.dialect, size)
	next := page.Next
	page.Next = func() string {
		if href := next(); href != "" {
			return strconv.Itoa(size) + " " + href
		}
		return ""
	}
	page.Most = size >= MaxPageSize
	page.Arrived, page.Served, page.Release = response.Arrived, response.Date, response.Release
	page.MapError(func(err error) error { return response.Damaged(c.target(), err) })
	return page, nil
}

// target is what errors name.
func (c *Client) target() string { return c.endpoint.Host + c.endpoint.Path }

func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
