// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

func TestAFullPageGoesOnBehindItsLastIndex(t *testing.T) {
	for _, tt := range []struct {
		name, rows string
		// token is where the rows go on, empty if the page does not tell.
		token string
		full  bool
	}{
		{"a short page", `{"Index":0}`, "", false},
		{"a full page", `{"Index":0},{"Index":1},{"Index":2}`, "2", false},
		{"more than asked for", `{"Index":0},{"Index":1},{"Index":2},{"Index":3}`, "3", false},
		{"quoted", `{"Index":"0"},{"Index":"1"},{"Index":"2"}`, "2", false},
		{"the last row has none", `{"Index":0},{"Index":1},{}`, "1", false},
		{"the last row is no object", `{"Index":0},{"Index":1},"2"`, "1", false},
		{"the first row has none", `{},{"Index":1},{"Index":2}`, "2", false},
		{"one row has one", `{},{"Index":1},{}`, "1", false},
		{"ascending", `{"Index":2},{"Index":1},{"Index":0}`, "2", false},
		{"no row has one", `{},{},{}`, "", true},
		{"nothing but text", `{"Index":"a"},{"Index":null},{"Index":1.5}`, "", true},
		{"negative ones", `{"Index":-1},{"Index":-2},{"Index":-3}`, "", true},
		{"one in between has none", `{"Index":0},{},{"Index":2}`, "1", false},
		{"one that would skip a row", `{"Index":4},{"Index":1},{"Index":2}`, "2", false},
		{"one that would skip many rows", `{"Index":0},{"Index":1},{"Index":1000000}`, "", true},
		{"the largest that there is", `{"Index":0},{"Index":9223372036854775807},{"Index":2}`, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, f := newClient(t, 2000, `{"value":[`+tt.rows+`]}`, `{"value":[]}`)
			page, err := c.First(t.Context(), trace.Live, window(), 3)
			require.NoError(t, err)
			assert.Empty(t, page.Next(), "nothing is known before the rows")
			walk(t, page)
			assert.Equal(t, tt.full, page.Full())
			if tt.token == "" {
				assert.Empty(t, page.Next())
				return
			}
			_, err = c.Next(t.Context(), trace.Live, page.Next())
			require.NoError(t, err)
			assert.Equal(t, f.asked[0].RawQuery+"&$skiptoken="+tt.token, f.asked[1].RawQuery, "the same window and size")
		})
	}
}

// The largest page that the service has may have been cut as well.
func TestAFullPageOfTheLargestSize(t *testing.T) {
	var rows []string
	for i := range MaxPageSize {
		rows = append(rows, `{"Index":`+strconv.Itoa(i)+`}`)
	}
	c, f := newClient(t, MaxPageSize, `{"value":[`+strings.Join(rows, ",")+`]}`, `{"value":[]}`)
	page, err := c.First(t.Context(), trace.Live, window(), 0)
	require.NoError(t, err)
	walk(t, page)
	last, err := c.Next(t.Context(), trace.Live, page.Next())
	require.NoError(t, err)
	assert.NotContains(t, f.asked[1].RawQuery, "$top")
	assert.Contains(t, f.asked[1].RawQuery, "$skiptoken=1999")
	assert.Empty(t, walk(t, last))
	assert.Empty(t, last.Next())
	assert.False(t, last.Full())
}

// Where the service does not move on, or moves back, nobody goes round in circles.
func TestAPageThatDoesNotMoveOn(t *testing.T) {
	const first = `{"value":[{"Index":0},{"Index":1},{"Index":2}]}`
	for name, second := range map[string]string{
		"the same page":  first,
		"an earlier one": `{"value":[{"Index":0},{"Index":1},{"Index":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newClient(t, 3, first, second)
			page, err := c.First(t.Context(), trace.Live, window(), 0)
			require.NoError(t, err)
			walk(t, page)
			page, err = c.Next(t.Context(), trace.Live, page.Next())
			require.NoError(t, err)
			walk(t, page)
			assert.Empty(t, page.Next())
			assert.True(t, page.Full(), "whoever asks has to find another way on")
		})
	}
}

func TestADeadLinkIsReplacedByWhatIsKnownOfThePagesBefore(t *testing.T) {
	dead := &transport.Error{Status: http.StatusBadRequest}
	c, f := newClient(t, 2, `{"value":[{"Index":0},{"Index":1}],"odata.nextLink":"MessageTrace?two"}`,
		`{"value":[{},{}],"odata.nextLink":"MessageTrace?dead"}`, dead, `{"value":[]}`)
	page, err := c.First(t.Context(), trace.Live, window(), 0)
	require.NoError(t, err)
	for range 2 {
		walk(t, page)
		page, err = c.Next(t.Context(), trace.Live, page.Next())
		require.NoError(t, err)
	}
	assert.Equal(t, "dead", f.asked[2].RawQuery)
	assert.Contains(t, f.asked[3].RawQuery, "&$top=2&$skiptoken=1")
}

// Whatever is done to the rows of a page, those behind it are not skipped, and the next page is another one.
func TestNoRowIsSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Int64Range(none, 5000).Draw(t, "before")
		page := make([]int64, rapid.IntRange(2, 40).Draw(t, "rows"))
		for i := range page {
			page[i] = before + 1 + int64(i)
		}
		end := before + int64(len(page))
		lost := rapid.SliceOfNDistinct(rapid.IntRange(0, len(page)-1), 0, len(page)-1, rapid.ID[int]).Draw(t, "without an Index")
		wrong := none
		if len(lost) == 0 {
			wrong = rapid.IntRange(none, len(page)-1).Draw(t, "wrong")
		}
		var seen indexes
		for _, i := range rapid.Permutation(page).Draw(t, "order") {
			at := int(i - before - 1)
			if at == wrong {
				// Just behind the page, it could be true.
				i = rapid.Int64().Filter(func(i int64) bool { return i != end+1 }).Draw(t, "untrue")
			}
			if i > before && !slices.Contains(lost, at) {
				seen.add(i)
			}
		}
		last := seen.last(before)
		require.LessOrEqual(t, last, end)
		require.GreaterOrEqual(t, last, before, "and a page where it is the same is said to be full")
		if len(lost) == 0 && wrong == none {
			require.Equal(t, end, last)
		}
	})
}

func TestLinksAreReadAsTheyAreWritten(t *testing.T) {
	for _, l := range []link{
		{window: window(), size: 2000, after: none, href: "../x?$filter=a b&c=%20"},
		{window: window(), size: 1, after: 0},
		{window: window(), size: 7, after: 999999, href: "\xff \""},
	} {
		got, err := parseLink(l.String())
		require.NoError(t, err)
		assert.Equal(t, l, got)
	}
	for _, text := range []string{"", "x", "x/y 1 1 z", window().String() + " 1", window().String() + " a 1 z", window().String() + " 1 a z"} {
		_, err := parseLink(text)
		require.Error(t, err, text)
		c, f := newClient(t, 1)
		_, err = c.Next(t.Context(), trace.Live, text)
		require.ErrorIs(t, err, source.ErrShape)
		assert.Empty(t, f.asked)
	}
}

func TestSmallPagesWithMalformedRowsAreReadToTheEnd(t *testing.T) {
	const total, size = 1000, 10
	got := map[int64]bool{}
	var link string
	c, f := newClient(t, size)
	for requests := 0; ; requests++ {
		require.Less(t, requests, 2*total/size)
		from := 0
		if requests > 0 {
			l, err := parseLink(link)
			require.NoError(t, err)
			from = int(l.after) + 1
		}
		var rows []string
		for i := from; i < min(from+size, total); i++ {
			rows = append(rows, fmt.Sprintf(`{"Index":%d}`, i))
		}
		rows = append(rows, `"junk"`, `{"MessageTraceId":"x"}`)
		f.answers = append(f.answers, `{"value":[`+strings.Join(rows, ",")+`]}`)
		var page *source.Page
		var err error
		if requests == 0 {
			page, err = c.First(t.Context(), trace.Live, window(), size)
		} else {
			page, err = c.Next(t.Context(), trace.Live, link)
		}
		require.NoError(t, err)
		for _, row := range walk(t, page) {
			if row.Index.Valid {
				got[row.Index.Value] = true
			}
		}
		if link = page.Next(); link == "" {
			break
		}
	}
	assert.Len(t, got, total)
	for _, u := range f.asked {
		_, err := url.ParseQuery(u.RawQuery)
		require.NoError(t, err)
	}
}

// A link that is read is written as it was.
func FuzzLink(f *testing.F) {
	f.Add("")
	f.Add(link{window: window(), size: 3, after: none, href: "https://x/?$skiptoken=a b"}.String())
	f.Add("2026-03-02T10:00:00Z/2026-03-02T11:00:00.5+05:00 1 9223372036854775807 ")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLink(text)
		if err != nil {
			return
		}
		again, err := parseLink(l.String())
		require.NoError(t, err)
		require.Equal(t, l.String(), again.String())
	})
}
