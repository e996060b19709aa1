// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// manyRows are rows that share milliseconds as much as they can.
func manyRows(n int) []mail.Row {
	rows := make([]mail.Row, n)
	for i := range rows {
		rows[i] = mail.Row{
			ID: fmt.Sprintf("id-%04d", i), Recipient: fmt.Sprintf("user%d@contoso.com", i%3),
			Received: noon.Add(-time.Hour - time.Duration(i/50)*time.Millisecond - time.Duration(i%7)*100),
		}
	}
	return rows
}

const hour = "StartDate eq datetime'2026-01-22T10:00:00Z' and EndDate eq datetime'2026-01-22T11:00:00Z'"

// read follows links, resolved by RFC 3986, and returns the rows and the
// query of each request. It asks for each further page in the same format.
func read(t *testing.T, a *API, query, accept string, between func()) (rows []row, queries []string) {
	t.Helper()
	for query != "" {
		queries = append(queries, query)
		address := endpoint + "?" + query
		if accept == "verbose" {
			address += "&$format=Json"
		}
		x, w := serve(t, a, newRequest(t, address, map[string]string{"light": "application/json"}[accept]))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		assert.Equal(t, len(queries) > 1, x.Continued)
		list, next := parse(t, accept, w.Body.Bytes())
		assert.Len(t, list, x.Rows)
		rows = append(rows, list...)
		if query = ""; next != "" {
			require.True(t, strings.HasPrefix(next, "../../reportingwebservice/reporting.svc/MessageTrace?"), next)
			base, err := url.Parse(endpoint)
			require.NoError(t, err)
			link, err := base.Parse(next)
			require.NoError(t, err)
			assert.Equal(t, "/ecp/reportingwebservice/reporting.svc/MessageTrace", link.Path)
			query = link.RawQuery
			if between != nil {
				between()
			}
		}
	}
	return rows, queries
}

func parse(t *testing.T, format string, text []byte) (rows []row, next string) {
	t.Helper()
	switch format {
	case "light":
		var p lightPage
		require.NoError(t, json.Unmarshal(text, &p))
		return p.Value, p.Next
	case "verbose":
		var p struct {
			D struct {
				Results []row
				Next    string `json:"__next"`
			}
		}
		require.NoError(t, json.Unmarshal(text, &p))
		return p.D.Results, p.D.Next
	}
	var p feed
	require.NoError(t, xml.Unmarshal(text, &p), string(text))
	for _, e := range p.Entries {
		var r row
		_, err := fmt.Sscan(e.value("Index"), &r.Index)
		require.NoError(t, err)
		r.MessageTraceID, r.Received = e.value("MessageTraceId"), e.value("Received")
		rows = append(rows, r)
	}
	for _, link := range p.Links {
		if link.Rel == "next" {
			next = link.Href
		}
	}
	return rows, next
}

func TestFollowingLinksFindsEveryRowOnce(t *testing.T) {
	a := newAPI(t, manyRows(4500)...)
	for _, format := range []string{"light", "verbose", "atom"} {
		t.Run(format, func(t *testing.T) {
			rows, queries := read(t, a, filter(hour), format, nil)
			require.Len(t, rows, 4500)
			seen := make(map[string]bool)
			for i, r := range rows {
				assert.Equal(t, i, r.Index)
				assert.False(t, seen[r.MessageTraceID])
				seen[r.MessageTraceID] = true
				if i > 0 && format != "verbose" {
					assert.LessOrEqual(t, r.Received, rows[i-1].Received, "newest first")
				}
			}
			const again = "$filter=StartDate%20eq%20datetime'2026-01-22T10:00:00Z'%20and%20EndDate%20eq%20datetime'2026-01-22T11:00:00Z'&$skiptoken="
			require.Len(t, queries, 3)
			assert.Equal(t, again+"1999", queries[1], "without $format")
			assert.Equal(t, again+"3999", queries[2])
		})
	}
	rows, queries := read(t, a, "", "light", nil)
	assert.Empty(t, rows, "an empty query ends the loop of this test")
	assert.Empty(t, queries)
	rows, queries = read(t, a, "x=y", "light", nil)
	assert.Len(t, rows, 4500)
	assert.Equal(t, []string{"x=y", "$skiptoken=1999", "$skiptoken=3999"}, queries)
}

func TestNewestFirstAt100Nanoseconds(t *testing.T) {
	second := noon.Add(-2 * time.Hour)
	a := newAPI(t, mail.Row{ID: "b", Received: second.Add(100)}, mail.Row{ID: "a", Received: second.Add(900)},
		mail.Row{ID: "c", Received: second}, mail.Row{ID: "0", Received: second.Add(time.Millisecond)})
	p := ask(t, a, "")
	assert.Equal(t, []string{"0", "a", "b", "c"}, ids(p.Value))
	assert.Equal(t, "2026-01-22T10:00:00.0000009", p.Value[1].Received)
	assert.Equal(t, "2026-01-22T10:00:00", p.Value[3].Received)
}

func TestTop(t *testing.T) {
	a := newAPI(t, manyRows(4500)...)
	for _, test := range []struct {
		query       string
		first, rows int
		next        string
	}{
		{"$top=0", 0, 0, ""},
		{"$top=10", 0, 10, ""},
		{"$top=2000", 0, 2000, ""},
		{"$top=10&$skiptoken=9", 10, 10, ""},
		{"$top=10&$skiptoken=4494", 4495, 5, ""},
		{"$top=10&$skiptoken=4499", 0, 0, ""},
		{"$skip=5&$top=1", 5, 1, ""},
		{"$skiptoken=0&$top=1", 1, 1, ""},
		{"$top=2001", 0, 2000, "$top=1&$skiptoken=1999"},
		{"$top=9000", 0, 2000, "$top=7000&$skiptoken=1999"},
		{"$top=4000&$skiptoken=1999", 2000, 2000, "$top=2000&$skiptoken=3999"},
		{"$skiptoken=2499", 2500, 2000, ""},
	} {
		p := ask(t, a, test.query)
		if assert.Len(t, p.Value, test.rows, test.query) && test.rows > 0 {
			assert.Equal(t, test.first, p.Value[0].Index, test.query)
		}
		assert.Equal(t, test.next, strings.TrimPrefix(p.Next, "../../reportingwebservice/reporting.svc/MessageTrace?"), test.query)
	}
	assert.NotContains(t, fmt.Sprint(ask(t, a, "$top=1")), "nextLink")
}

// Links are numbers of rows, not places: what appears in front of a page while
// it is waited for shifts it, and rows come twice. What leaves makes rows go
// missing. This is the real service's doing; a client must not rely on links in
// a window that still changes.
func TestRowsThatAppearBetweenPagesShiftTheRest(t *testing.T) {
	a := newAPI(t, manyRows(2500)...)
	rows, _ := read(t, a, filter(hour), "light", func() {
		require.NoError(t, a.Store.Add(
			mail.Row{ID: "new-1", Received: noon.Add(-time.Hour - time.Millisecond)},
			mail.Row{ID: "new-2", Received: noon.Add(-time.Hour - time.Millisecond)}))
	})
	require.Len(t, rows, 2502)
	times := make(map[string]int)
	for _, r := range rows {
		times[r.MessageTraceID]++
	}
	assert.Equal(t, 2, times[rows[1998].MessageTraceID], "the last two of the first page are the first two of the second")
	assert.Equal(t, 2, times[rows[1999].MessageTraceID])
	assert.Zero(t, times["new-1"], "what has shifted the rest is not seen itself")
	assert.Len(t, times, 2500)

	// The other way round: rows that change their status leave the result.
	var changing []mail.Row
	for i := range 2500 {
		changing = append(changing, mail.Row{ID: strconv.Itoa(i), Received: noon.Add(-2*time.Hour - time.Duration(i)*time.Second)})
		if i < 3 {
			changing[i].Timeline = []mail.Change{{At: noon.Add(-2 * time.Hour), Status: mail.Pending}, {At: noon.Add(time.Minute), Status: mail.Delivered}}
		} else {
			changing[i].Timeline = []mail.Change{{At: noon.Add(-3 * time.Hour), Status: mail.Pending}}
		}
	}
	a = newAPI(t, changing...)
	query := filter("Status eq 'Pending'")
	first := ask(t, a, query)
	require.Len(t, first.Value, 2000)
	_, w := serveAt(t, a, newRequest(t, endpoint+"?"+query+"&$skiptoken=1999", "application/json"), noon.Add(time.Minute))
	var second lightPage
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &second))
	assert.Equal(t, "1999", first.Value[1999].MessageTraceID)
	assert.Equal(t, "2003", second.Value[0].MessageTraceID, "three are missing")
}

// A page without a filter is of the last 48 hours of its own moment.
func TestDefaultWindowMovesOn(t *testing.T) {
	a := newAPI(t, mail.Row{ID: "in", Received: noon.Add(-48 * time.Hour)}, mail.Row{ID: "out", Received: noon.Add(-48*time.Hour - 100)})
	assert.Equal(t, []string{"in"}, ids(ask(t, a, "").Value))
	_, w := serveAt(t, a, newRequest(t, endpoint, "application/json"), noon.Add(100))
	assert.JSONEq(t, `{"odata.metadata":"https://reports.office365.com/ecp/ReportingWebService/Reporting.svc/$metadata#MessageTrace","value":[]}`,
		w.Body.String())
}
