// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyMinute is a source with one row on each full minute.
type everyMinute struct {
	first, last time.Time
	asked       map[time.Time]int
}

func (s *everyMinute) Span() (time.Time, time.Time) { return s.first, s.last }

func (s *everyMinute) Hour(start time.Time) []Row {
	s.asked[start]++
	var rows []Row
	for at := start; at.Before(start.Add(time.Hour)); at = at.Add(time.Minute) {
		if at.Before(s.first) || !s.last.IsZero() && at.After(s.last) {
			continue
		}
		rows = append(rows, Row{ID: at.Format("1504"), Received: at, Timeline: []Change{{at, Delivered}}})
	}
	return rows
}

func ids(page []Sighting) []string {
	var list []string
	for _, s := range page {
		list = append(list, s.Row.ID)
	}
	return list
}

func TestSourceIsAskedOncePerHourAndOnlyWithinItsSpan(t *testing.T) {
	source := &everyMinute{first: noon.Add(-30 * time.Minute), last: noon.Add(90 * time.Minute), asked: map[time.Time]int{}}
	store := NewStore(source)
	for range 2 {
		page, more := store.Page(Query{Start: time.Time{}, End: noon.AddDate(1000, 0, 0), At: noon.AddDate(1, 0, 0), Limit: 1000}, nil)
		assert.False(t, more)
		assert.Len(t, page, 121)
	}
	assert.Equal(t, map[time.Time]int{noon.Add(-time.Hour): 1, noon: 1, noon.Add(time.Hour): 1}, source.asked)
}

func TestSourceWithoutEndOrWithoutMail(t *testing.T) {
	source := &everyMinute{first: noon, asked: map[time.Time]int{}}
	page, _ := NewStore(source).Page(Query{Start: noon.Add(-time.Hour), End: noon.Add(48 * time.Hour), At: noon.Add(90 * time.Minute), Limit: 1000}, nil)
	assert.Len(t, page, 91, "mail of the future is not visible")

	none := &everyMinute{asked: map[time.Time]int{}}
	page, more := NewStore(none).Page(Query{End: noon, At: noon, Limit: 10}, nil)
	assert.Empty(t, page)
	assert.False(t, more)
	assert.Empty(t, none.asked)
}

func TestBoundsAreInclusiveToTheMillisecond(t *testing.T) {
	store := NewStore(nil)
	require.NoError(t, store.Add(Row{ID: "x", Received: noon.Add(123*time.Millisecond + 456_700)}))
	for _, test := range []struct {
		start, end time.Duration
		found      bool
	}{
		{123_000_000, 123_000_000, true},
		{123_000_100, 124_000_000, false}, // printed as .123, which lies before the start
		{122_999_900, 123_000_000, true},
		{0, 122_999_900, false},
		{0, 123_999_900, true},
		{124_000_000, 123_000_000, false},
	} {
		page, _ := store.Page(Query{Start: noon.Add(test.start), End: noon.Add(test.end), At: noon.Add(time.Hour), Limit: 9}, nil)
		assert.Equal(t, test.found, len(page) == 1, "%v to %v", test.start, test.end)
	}
}

func TestOrderAndContinuationMatchAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []Row
	for i := range 600 {
		all = append(all, Row{
			ID:        fmt.Sprintf("id-%03d", i),
			Recipient: string("abc"[rng.IntN(3)]),
			// Around the edge of an hour, several in each millisecond.
			Received: noon.Add(time.Duration(rng.IntN(40)-20)*time.Millisecond + time.Duration(rng.IntN(10_000)*100)),
		})
	}
	store := NewStore(nil)
	require.NoError(t, store.Add(all[:200]...))
	require.NoError(t, store.Add(all[200:]...))
	slices.SortFunc(all, func(a, b Row) int { return compareRows(&b, &a) })
	var want []string
	for _, row := range all {
		want = append(want, row.ID)
	}
	for _, size := range []int{1, 7, 599, 600, 601} {
		var got []string
		q := Query{Start: noon.Add(-time.Hour), End: noon.Add(time.Hour), At: noon.Add(time.Hour), Limit: size}
		for more := true; more; {
			var page []Sighting
			page, more = store.Page(q, nil)
			require.NotEmpty(t, page)
			got = append(got, ids(page)...)
			q.After = new(PositionOf(page[len(page)-1].Row))
		}
		assert.Equal(t, want, got, "pages of %d", size)
	}
	for i := 1; i < len(all); i++ {
		assert.False(t, all[i].Received.Truncate(time.Millisecond).After(all[i-1].Received), "newest first")
	}
}

func TestPageSeesOnlyWhatIsVisibleAndMatches(t *testing.T) {
	store := NewStore(nil)
	require.NoError(t, store.Add(
		Row{ID: "late", Received: noon, Timeline: []Change{{noon.Add(time.Hour), Pending}, {noon.Add(2 * time.Hour), Failed}}},
		Row{ID: "prompt", Received: noon},
	))
	look := func(after time.Duration, match func(*Row, Status) bool) []string {
		page, more := store.Page(Query{Start: noon, End: noon, At: noon.Add(after), Limit: 1000, Match: match}, nil)
		assert.False(t, more)
		return ids(page)
	}
	assert.Equal(t, []string{"prompt"}, look(time.Hour-1, nil))
	assert.Equal(t, []string{"late", "prompt"}, look(time.Hour, nil))
	failed := func(_ *Row, s Status) bool { return s == Failed }
	assert.Empty(t, look(time.Hour, failed))
	assert.Equal(t, []string{"late"}, look(2*time.Hour, failed))
}

func TestAddRefusesBadRowsAndAddsNothingThen(t *testing.T) {
	store := NewStore(nil)
	good := Row{ID: "good", Received: noon}
	require.ErrorContains(t, store.Add(good, Row{ID: "bad"}), "row 1 (bad): received time is missing")
	require.ErrorContains(t, store.Add(good, Row{ID: "bad", Received: noon, Timeline: []Change{{noon, Pending}, {noon, Failed}}}),
		"timeline does not ascend")
	assert.Empty(t, slices.Collect(store.All(time.Time{}, noon)))
}

func TestAllSurvivesAddingMeanwhile(t *testing.T) {
	source := &everyMinute{first: noon, asked: map[time.Time]int{}}
	store := NewStore(source)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 100 {
			assert.NoError(t, store.Add(Row{ID: "added", Received: noon.Add(time.Duration(i) * time.Second)}))
		}
	})
	for range 20 {
		n := 0
		for row := range store.All(time.Time{}, noon.Add(time.Hour-1)) {
			if row.ID != "added" {
				n++
			}
		}
		assert.Equal(t, 60, n)
	}
	wg.Wait()
	assert.Len(t, slices.Collect(store.All(noon, noon.Add(time.Hour-1))), 160)
	for row := range store.All(noon, noon.Add(time.Hour)) {
		assert.Equal(t, "1300", row.ID, "newest first, and the caller may stop")
		break
	}
}

func TestHoursBeforeTheEpoch(t *testing.T) {
	assert.Equal(t, int64(-1), hourOf(-1))
	assert.Equal(t, int64(-1), hourOf(-millisPerHour))
	assert.Equal(t, int64(0), hourOf(0))
	old := time.Date(1960, 1, 1, 0, 30, 0, 0, time.UTC)
	store := NewStore(nil)
	require.NoError(t, store.Add(Row{ID: "old", Received: old}))
	assert.Len(t, slices.Collect(store.All(old, old)), 1)
}
