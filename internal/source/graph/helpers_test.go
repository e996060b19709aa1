// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testEndpoint = "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"

// fakeGetter answers every request with a page and remembers the last one.
type fakeGetter struct {
	response *transport.Response
	err      error

	lane   trace.Lane
	url    string
	header http.Header
}

func (g *fakeGetter) Get(_ context.Context, lane trace.Lane, u *url.URL, header http.Header) (*transport.Response, error) {
	g.lane, g.url, g.header = lane, u.String(), header
	return g.response, g.err
}

// newTestClient returns a client of what g answers.
func newTestClient(tb testing.TB, g *fakeGetter) *Client {
	tb.Helper()
	endpoint, err := url.Parse(testEndpoint)
	require.NoError(tb, err)
	return NewClient(g, endpoint, source.Query{PageSize: MaxPageSize})
}

// open returns the page with that body.
func open(tb testing.TB, body []byte) *source.Page {
	tb.Helper()
	g := &fakeGetter{response: &transport.Response{Body: body, ContentType: "application/json"}}
	page, err := newTestClient(tb, g).First(tb.Context(), trace.Live, trace.Window{}, 0)
	require.NoError(tb, err)
	return page
}

// kept is what a row holds, kept beyond the next row.
type kept struct {
	Raw, Fingerprint              string
	ID, MessageID                 string
	Sender, Recipient             string
	Subject, FromIP, ToIP, Status string
	Organization                  string
	Received                      time.Time
	Size, Index                   trace.Number
	Malformed                     bool
}

func keep(r *trace.Row) kept {
	return kept{
		Raw: string(r.Raw), Fingerprint: string(r.Fingerprint), ID: string(r.ID), MessageID: string(r.MessageID),
		Sender: string(r.Sender), Recipient: string(r.Recipient), Subject: string(r.Subject), FromIP: string(r.FromIP),
		ToIP: string(r.ToIP), Status: string(r.Status), Organization: string(r.Organization), Received: r.Received,
		Size: r.Size, Index: r.Index, Malformed: r.Malformed,
	}
}

// walk reads a page to its end or its first error.
func walk(tb testing.TB, body string) (rows []kept, next string, err error) {
	tb.Helper()
	page := open(tb, []byte(body))
	for row, err := range page.Rows {
		if err != nil {
			assert.Nil(tb, row)
			return rows, href(tb, page), err
		}
		rows = append(rows, keep(row))
	}
	return rows, href(tb, page), nil
}

// href is the link of a page as the service wrote it.
func href(tb testing.TB, page *source.Page) string {
	tb.Helper()
	if page.Next() == "" {
		return ""
	}
	link, ok := strings.CutPrefix(page.Next(), pageSize)
	require.True(tb, ok, page.Next())
	return link
}

// pageSize begins the links of pages that are asked for as large as can be.
const pageSize = "5000 "

// readRow reads the one row of a page.
func readRow(tb testing.TB, row string) kept {
	tb.Helper()
	rows, _, err := walk(tb, `{"value":[`+row+`]}`)
	require.NoError(tb, err)
	require.Len(tb, rows, 1)
	return rows[0]
}

func number(n int64) trace.Number { return trace.Number{Value: n, Valid: true} }
