// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// A full page without a link may be the last one, or a service that has forgotten its link.
func TestAFullPageWithoutALinkIsAskedBeyondOnce(t *testing.T) {
	t.Parallel()
	instant := func(n int, age time.Duration) (all []mailAt) {
		for i := range n {
			all = append(all, mailAt{age: age, number: i})
		}
		return all
	}
	for name, c := range map[string]struct {
		rows []mailAt
		// requests is how many requests it takes with pages of three.
		requests int
	}{
		"nothing":               {nil, 1},
		"less than a page":      {mails(2), 1},
		"a page":                {mails(3), 2},
		"a page and a row":      {mails(4), 2},
		"two pages but a row":   {mails(5), 3}, // the second page begins with a row that is known
		"three pages":           {mails(9), 5},
		"a page of one instant": {instant(3, time.Minute), 3},
		"more than a page of one instant, and older": {append(instant(999, time.Minute), mails(40)[30:]...), 7},
		"a page of one instant, and older ones":      {append(instant(3, time.Minute), mails(40)[30:]...), 7},
		"a page of one instant, and an older row":    {append(instant(2, time.Minute), mailAt{age: 2 * time.Minute}), 2},
		"a page of the window's first instant":       {instant(3, time.Hour), 2},
		"a page of the window's last instant":        {instant(3, 0), 3},
		"one of that instant, and older ones":        {append(instant(3, 0), mails(40)[30:]...), 7},
		"a page whose rows are not to the second":    {fineMails(3), 2},
		"rows of the last second, and older":         {append(instant(2, 500*time.Millisecond), mails(3)...), 3},
		"a page that ends in the window's beginning": {append(mails(2), mailAt{age: time.Hour}), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{rows: c.rows, pageSize: 3, linkless: true}
			b := newBench(t, s, &pipeline{})
			report, err := b.run(t.Context())
			require.NoError(t, err)
			assert.Len(t, b.pipeline.taken, len(c.rows))
			assert.Empty(t, b.State().Unread)
			assert.Equal(t, c.requests, s.requests())
			assert.Equal(t, time.Hour, report.Read)
			assert.Empty(t, b.watcher.cut, "the longest page has 1000 rows")
		})
	}
}

// A service that has no longer pages cannot be asked for the rest of an instant.
func TestAnInstantThatFillsThePagesOfAServiceWithoutLinks(t *testing.T) {
	t.Parallel()
	s := &service{pageSize: 3, linkless: true, rows: mails(40)[30:]}
	for i := range 5 {
		s.rows = append(s.rows, mailAt{age: 40 * time.Minute, number: 1 + i})
	}
	s.rows = append(s.rows, mailAt{age: 50 * time.Minute})
	s.first = func(n int, _ trace.Window) (*source.Page, error) {
		if s.sizes[n-1] == source.Most {
			return nil, &transport.Error{Target: "service", Status: http.StatusBadRequest, Reason: transport.PageSize}
		}
		return nil, nil
	}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Len(t, b.pipeline.taken, 13, "all but what is beyond the first page of the instant")
	assert.Empty(t, b.State().Unread)
	require.Len(t, b.watcher.cut, 1, "nobody is left to believe that all of it has come")
	assert.True(t, b.watcher.cut[0].Contains(before(40*time.Minute)))
	assert.Less(t, b.watcher.cut[0].Duration(), 2*time.Millisecond)
	assert.LessOrEqual(t, s.requests(), 10)
}

// As many rows of an instant as the longest page has may be all of them, or not.
func TestAnInstantThatFillsTheLongestPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pageSize, rows int
		age            time.Duration
		others         []mailAt
		cut            int
	}{
		"nearly":                        {3, 999, 40 * time.Minute, mails(45)[40:], 0},
		"full":                          {3, 1000, 40 * time.Minute, mails(45)[40:], 1},
		"more than full":                {3, 1500, 40 * time.Minute, mails(45)[40:], 1},
		"pages are that long anyway":    {1000, 1000, 40 * time.Minute, mails(45)[40:], 1},
		"the window's first instant":    {3, 1000, time.Hour, nil, 1},
		"the window's last instant":     {3, 1000, 0, mails(45)[40:], 1},
		"a full page, not one instant":  {1000, 999, 40 * time.Minute, []mailAt{{age: 41 * time.Minute}}, 0},
		"a full page behind other mail": {1000, 990, 40 * time.Minute, mails(39)[29:], 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{pageSize: c.pageSize, linkless: true}
			for i := range c.rows {
				s.rows = append(s.rows, mailAt{age: c.age, number: 100 + i})
			}
			s.rows = append(s.rows, c.others...)
			slices.SortStableFunc(s.rows, func(a, b mailAt) int { return int(a.age - b.age) })
			b := newBench(t, s, &pipeline{})
			_, err := b.run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, min(c.rows, 1000)+len(c.others), len(b.pipeline.taken)) //nolint:testifylint // a thousand records are no message
			assert.Empty(t, b.State().Unread)
			require.Len(t, b.watcher.cut, c.cut)
			for _, instant := range b.watcher.cut {
				assert.True(t, instant.Contains(before(c.age)), instant)
				assert.Less(t, instant.Duration(), 2*time.Millisecond)
			}
		})
	}
}

// What a service hands out without links is read all the same.
func TestAServiceWithoutLinks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		pageSize := rapid.IntRange(3, 20).Draw(rt, "page size")
		var rows []mailAt
		age := time.Duration(0)
		for i := range rapid.IntRange(0, 80).Draw(rt, "rows") {
			if rapid.Bool().Draw(rt, "older") {
				age += time.Duration(rapid.SampledFrom([]int{2, 400, 5_000, 45_000}).Draw(rt, "gap")) * time.Millisecond
			}
			rows = append(rows, mailAt{age: age, number: i})
		}
		s := &service{rows: rows, pageSize: pageSize, linkless: true}
		taken, open, whole := readAll(t, s)
		seen := map[string]bool{}
		for _, id := range taken {
			require.False(rt, seen[id], id)
			seen[id] = true
		}
		require.Len(rt, seen, len(rows))
		require.Empty(rt, open)
		require.True(rt, whole)
	})
}

// Rows that are out of order say nothing of what lies beyond them.
func TestAServiceWithoutLinksThatBeginsWithTheOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := mails(59)
		slices.Reverse(rows)
		s := &service{rows: rows, pageSize: 5, linkless: true}
		b := newBench(t, s, &pipeline{})
		_, err := b.run(t.Context())
		require.NoError(t, err)
		assert.Len(t, b.pipeline.taken, 59)
		assert.Empty(t, b.State().Unread)
	})
}

// A full page that does not tell where it ends proves nothing. What may lie beyond it is asked for in halves, and what cannot
// be read in however small windows stays open.
func TestAFullPageThatDoesNotTellWhereItEnds(t *testing.T) {
	full := func(rows []mailAt, timeless bool) *source.Page {
		page := pageOf(rows, "", nil)
		if timeless {
			walk := page.Rows
			page.Rows = func(yield func(*trace.Row, error) bool) {
				walk(func(r *trace.Row, err error) bool { r.Received = time.Time{}; return yield(r, err) })
			}
		}
		page.Full = func() bool { return true }
		return page
	}
	for name, c := range map[string]struct {
		page *source.Page
		// when is the instant whose page that is.
		when time.Duration
	}{
		"its rows have no time":                  {full(mails(2), true), 10 * time.Minute},
		"its rows are all newer than the window": {full([]mailAt{{age: -2 * time.Hour}}, false), 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{rows: fineMails(30), pageSize: 2}
				s.first = func(_ int, w trace.Window) (*source.Page, error) {
					if !w.Contains(before(c.when)) {
						return nil, nil
					}
					page := *c.page
					return &page, nil
				}
				b := newBench(t, s, &pipeline{})
				_, err := b.run(t.Context())
				var unreadable *UnreadableError
				require.ErrorAs(t, err, &unreadable)
				assert.LessOrEqual(t, unreadable.Windows.Duration(), 2*time.Second)
				assert.LessOrEqual(t, b.State().Unread.Duration(), 4*time.Second, "what is around it has been read")
				assert.True(t, b.State().Unread[0].Contains(before(c.when)))
				assert.LessOrEqual(t, s.requests(), 150)
			})
		})
	}
}
