// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPageAtMatchesAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all []Row
	for i := range 700 {
		at := noon.Add(time.Duration(rng.IntN(40)-20)*time.Millisecond + time.Duration(rng.IntN(10)*100))
		row := Row{ID: fmt.Sprintf("id-%03d", i), Recipient: string("abc"[rng.IntN(3)]), Received: at}
		if rng.IntN(4) == 0 { // not to be seen
			row.Timeline = []Change{{At: noon.Add(2 * time.Hour), Status: Delivered}}
		}
		all = append(all, row)
	}
	store := NewStore(nil)
	require.NoError(t, store.Add(all...))
	start, end := noon.Add(-15*time.Millisecond+300), noon.Add(15*time.Millisecond+200)
	all = slices.DeleteFunc(all, func(r Row) bool {
		return len(r.Timeline) > 0 || r.Received.Before(start) || r.Received.After(end)
	})
	slices.SortFunc(all, func(a, b Row) int {
		return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.Recipient, b.Recipient), cmp.Compare(a.ID, b.ID))
	})
	var want []string
	for _, row := range all {
		want = append(want, row.ID)
	}
	var into []Sighting
	for _, limit := range []int{0, 1, 2, 13, 400, 1000} {
		for skip := range len(want) + 3 {
			var more bool
			into, more = store.PageAt(Query{Start: start, End: end, At: noon.Add(time.Hour), Limit: limit}, skip, into)
			from, to := min(skip, len(want)), min(skip+limit, len(want))
			require.Equal(t, append([]string(nil), want[from:to]...), ids(into), "%d rows from %d", limit, skip)
			require.Equal(t, to < len(want), more, "%d rows from %d", limit, skip)
		}
	}
}

// Hours in the middle of a window are passed over as a whole where that is
// possible, which must not show.
func TestPageAtMatchesPageOverHours(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var all []Row
	for i := range 400 {
		at := noon.Add(-time.Duration(rng.IntN(8*3600)) * time.Second)
		row := Row{ID: fmt.Sprintf("id-%03d", i), Received: at}
		if rng.IntN(3) == 0 {
			row.Timeline = []Change{{At: at.Add(time.Duration(rng.IntN(240)) * time.Minute), Status: Delivered}}
		}
		all = append(all, row)
	}
	store := NewStore(&everyMinute{first: noon.Add(-8 * time.Hour), last: noon, asked: map[time.Time]int{}})
	require.NoError(t, store.Add(all[:300]...))
	odd := func(r *Row, _ Status) bool { return r.ID[len(r.ID)-1]%2 == 1 }
	for _, q := range []Query{
		{At: noon.Add(time.Hour * 24)},
		{At: noon},
		{At: noon.Add(-2 * time.Hour)},
		{At: noon.Add(time.Hour * 24), Match: odd},
	} {
		q.Start, q.End = noon.Add(-7*time.Hour-10*time.Minute), noon.Add(-20*time.Minute)
		for round := range 2 { // the second with more rows in hours that were looked at
			q.Limit = 1000
			whole, _ := store.Page(q, nil)
			want := ids(whole)
			require.NotEmpty(t, want)
			q.Limit = 7
			for skip := 0; skip <= len(want); skip += 5 {
				page, more := store.PageAt(q, skip, nil)
				require.Equal(t, append([]string(nil), want[skip:min(skip+7, len(want))]...), ids(page), skip)
				require.Equal(t, skip+7 < len(want), more)
			}
			if round == 0 {
				require.NoError(t, store.Add(all[300:]...))
			}
		}
	}
	none := NewStore(sourceWithoutTimelines{})
	page, more := none.PageAt(Query{Start: noon.Add(-3 * time.Hour), End: noon.Add(3 * time.Hour), At: noon.AddDate(1, 0, 0), Limit: 5}, 0, nil)
	assert.Empty(t, page)
	assert.False(t, more)
}

// sourceWithoutTimelines has rows that nobody ever sees.
type sourceWithoutTimelines struct{}

func (sourceWithoutTimelines) Span() (first, last time.Time) {
	return noon.Add(-time.Hour), noon.Add(time.Hour)
}

func (sourceWithoutTimelines) Hour(start time.Time) []Row { return []Row{{ID: "x", Received: start}} }

func TestPageAtSeesTheMoment(t *testing.T) {
	store := NewStore(nil)
	require.NoError(t, store.Add(
		Row{ID: "late", Received: noon, Timeline: []Change{{At: noon.Add(time.Hour), Status: Pending}}},
		Row{ID: "1", Received: noon.Add(-1 * time.Second)},
		Row{ID: "2", Received: noon.Add(-2 * time.Second)},
	))
	look := func(after time.Duration, skip int, match func(*Row, Status) bool) []string {
		page, _ := store.PageAt(Query{Start: noon.Add(-time.Hour), End: noon, At: noon.Add(after), Limit: 1, Match: match}, skip, nil)
		return ids(page)
	}
	assert.Equal(t, []string{"1"}, look(0, 0, nil))
	assert.Equal(t, []string{"1"}, look(time.Hour, 1, nil), "again, since a row came in between")
	assert.Equal(t, []string{"2"}, look(time.Hour, 1, func(_ *Row, s Status) bool { return s == Delivered }))
}
