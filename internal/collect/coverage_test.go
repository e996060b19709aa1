// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// since is the window from so long before the end of the hour on.
func since(age time.Duration) trace.Window { return trace.Window{Start: before(age), End: ten} }

func TestCoverage(t *testing.T) {
	t.Parallel()
	const m, ms = time.Minute, time.Millisecond
	type pages = [][]time.Duration
	for name, c := range map[string]struct {
		served time.Time
		// pages are the ages of the rows of each page; all of them have a link.
		pages pages
		want  trace.Window // covered with the last of them
		rest  trace.Window
	}{
		"a first page":                      {time.Time{}, pages{{m, 2 * m}}, trace.Window{}, hour},
		"a second page":                     {time.Time{}, pages{{m, 2 * m}, {3 * m}}, since(2*m - ms), trace.Window{Start: hour.Start, End: before(2*m - ms)}},
		"a third page":                      {time.Time{}, pages{{m, 2 * m}, {3 * m}, {4 * m}}, since(3*m - ms), trace.Window{Start: hour.Start, End: before(3*m - ms)}},
		"rows finer than a millisecond":     {time.Time{}, pages{{m - 400*time.Microsecond}, {2 * m}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"an empty second page":              {time.Time{}, pages{{m}, {}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"an empty first page":               {time.Time{}, pages{{}, {m}}, trace.Window{}, hour},
		"an empty first page, and a third":  {time.Time{}, pages{{}, {m}, {2 * m}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"two pages of one instant":          {time.Time{}, pages{{m, m}, {m, m}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"three pages of one instant":        {time.Time{}, pages{{m}, {m}, {m}}, trace.Window{}, trace.Window{Start: hour.Start, End: before(m - ms)}},
		"rows a little newer":               {time.Time{}, pages{{-time.Second, m}, {2 * m}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"a whole page of newer rows":        {time.Time{}, pages{{-time.Second}, {2 * m}}, trace.Window{}, hour},
		"answered before the end":           {ten, pages{{m}, {2 * m}}, trace.Window{Start: before(m - ms), End: before(time.Second)}, trace.Window{Start: hour.Start, End: before(m - ms)}},
		"answered long before the end":      {before(30 * m), pages{{m}, {2 * m}}, trace.Window{}, trace.Window{Start: hour.Start, End: before(m - ms)}},
		"ascending within a page":           {time.Time{}, pages{{2 * m, m}, {3 * m}}, trace.Window{}, hour},
		"ascending across the edge":         {time.Time{}, pages{{2 * m}, {m, 3 * m}}, trace.Window{}, hour},
		"ascending after what was covered":  {time.Time{}, pages{{m}, {2 * m}, {90 * time.Second, 3 * m}}, trace.Window{}, hour},
		"never descending again":            {time.Time{}, pages{{2 * m, m}, {3 * m}, {4 * m}, {5 * m}}, trace.Window{}, hour},
		"rows without a time":               {time.Time{}, pages{{m, noTime}, {noTime, 2 * m}}, since(m - ms), trace.Window{Start: hour.Start, End: before(m - ms)}},
		"nothing but rows without a time":   {time.Time{}, pages{{noTime}, {noTime}}, trace.Window{}, hour},
		"rows older than the window":        {time.Time{}, pages{{2 * time.Hour}, {3 * time.Hour}}, trace.Window{}, hour},
		"a page that ends before it":        {time.Time{}, pages{{m}, {2 * m, 61 * m}, {62 * m}}, trace.Window{}, trace.Window{Start: hour.Start, End: before(m - ms)}},
		"a page that ends at its beginning": {time.Time{}, pages{{m}, {60*m + ms}, {61 * m}}, hour, trace.Window{Start: hour.Start, End: hour.Start}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cov := newCoverage(hour)
			cov.served(c.served)
			cov.served(ten.Add(-time.Hour)) // only the first answer counts
			var covered trace.Window
			for _, page := range c.pages {
				for _, age := range page {
					received := before(age)
					if age == noTime {
						received = time.Time{}
					}
					cov.row(received)
				}
				if covered = cov.page(); covered.Empty() {
					covered = trace.Window{}
				}
			}
			assert.Equal(t, c.want, covered)
			assert.Equal(t, c.rest, cov.rest())
			end := ten
			if !c.served.IsZero() {
				end = c.served.Add(-time.Second)
			}
			assert.Equal(t, trace.Window{Start: hour.Start, End: end}, cov.all(), "the last page covers all")
			assert.True(t, cov.rest().Empty())
		})
	}
}

// noTime stands for a row without a time.
const noTime = time.Duration(-1 << 62)

// The border between two pages proves the order only once the second has come. What has been covered by a service that then
// turns out to keep no order, is open again.
func TestWhatIsOutOfOrderAcrossPagesIsNotLost(t *testing.T) {
	t.Parallel()
	rows := []mailAt{
		{age: 1 * time.Minute}, {age: 2 * time.Minute}, {age: 50 * time.Minute}, // page 1
		{age: 3 * time.Minute}, {age: 4 * time.Minute}, {age: 5 * time.Minute}, // page 2
		{age: 6 * time.Minute}, {age: 7 * time.Minute}, {age: 55 * time.Minute}, // page 3
	}
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint("the service fails at link ", n), func(t *testing.T) {
			t.Parallel()
			s := &service{rows: rows, pageSize: 3, next: failAt(n)}
			b := newBench(t, s, &pipeline{})
			report, err := b.run(t.Context())
			require.ErrorIs(t, err, errDie)
			assert.Zero(t, report.Read)
			assert.Equal(t, plan.Intervals{hour}, b.State().Unread)
			_, err = b.run(t.Context())
			require.NoError(t, err)
			assert.Len(t, b.pipeline.taken, len(rows))
			assert.Empty(t, b.State().Unread)
		})
	}
}

// A violation opens again what this walk has covered, in every set of the plan, and nothing that was closed before it.
func TestAViolationReopensWhatThisWalkHasCovered(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	rows := mails(9)
	rows[7].age = 30 * time.Second
	b := newBench(t, &service{rows: rows, pageSize: 2, next: failAt(4)}, &pipeline{})
	now := ten.Add(time.Hour)
	b.Now = func() time.Time { return now }
	state := plan.State{
		Begin: ten, Head: now, Ticked: now,
		Unread: open(2*m, 0), Again: open(40*m, 2*m), Asked: open(3*m, m), Redeliver: open(10*m, 3*m), Due: open(5*m, 0),
		Served: []plan.Served{{Age: 15 * m, UpTo: before(3 * m)}, {Age: time.Hour, UpTo: before(50 * m)}},
	}
	b.Ledger.SetState(state)
	var seen []plan.State
	b.pipeline.onTake = func() { seen = append(seen, b.State()) }
	report, err := b.Run(t.Context(), plan.Step{Window: hour, Lane: trace.Revisit, Redeliver: true}, 0)
	require.ErrorIs(t, err, errDie)
	assert.Zero(t, report.Read)
	assert.Equal(t, state, b.State())

	// Before that it had been covered in each of them.
	last := seen[3]
	assert.Empty(t, last.Unread)
	assert.Equal(t, open(40*m, 4*m-time.Second), last.Again)
	assert.Empty(t, last.Asked)
	assert.Equal(t, open(10*m, 4*m-time.Second), last.Redeliver)
	assert.Equal(t, open(5*m, 4*m-time.Second), last.Due)
	assert.Equal(t, []plan.Served{{Age: 15 * m, UpTo: ten}, {Age: time.Hour, UpTo: before(50 * m)}}, last.Served)
}

// Behind a dead link the windows are not in whole seconds, but what is opened again is.
func TestAViolationBehindADeadLink(t *testing.T) {
	t.Parallel()
	rows := mails(9)
	rows[6].age = 270 * time.Second
	s := &service{rows: rows, pageSize: 2}
	s.next = func(n int, _ string) (*source.Page, error) {
		switch n {
		case 1:
			return nil, refusal(404)
		case 4:
			return nil, errDie
		}
		return nil, nil
	}
	b := newBench(t, s, &pipeline{})
	_, err := b.run(t.Context())
	require.ErrorIs(t, err, errDie)
	assert.Equal(t, open(time.Hour, 2*time.Minute-time.Second), b.State().Unread)
}

// fineMails are rows whose times are not in whole seconds.
func fineMails(n int) (all []mailAt) {
	for i := range n {
		all = append(all, mailAt{age: time.Duration(i+1)*time.Minute + 123456700*time.Nanosecond})
	}
	return all
}

// Windows with fractions of a second would be asked for at each tick from then on.
func TestWhatStaysOpenIsInWholeSeconds(t *testing.T) {
	t.Parallel()
	for n := range 5 {
		s := &service{rows: fineMails(9), pageSize: 2, next: failAt(n)}
		b := newBench(t, s, &pipeline{})
		report, err := b.run(t.Context())
		for _, w := range b.State().Unread {
			assert.Zero(t, w.Start.Nanosecond())
			assert.Zero(t, w.End.Nanosecond())
		}
		if n == 0 {
			require.NoError(t, err)
			assert.Equal(t, time.Hour, report.Read)
			continue
		}
		open := b.State().Unread.Duration()
		assert.InDelta(t, time.Hour, open+report.Read, float64(time.Second))
		_, err = b.read(t.Context(), b.State().Unread[0])
		require.NoError(t, err)
		assert.Empty(t, b.State().Unread)
		assert.Len(t, b.pipeline.taken, 9)
	}
}

// Whatever a job does for however long, all of it is as old as its beginning.
func TestTheAgesThatAReadingServesAreThoseAtItsBeginning(t *testing.T) {
	t.Parallel()
	s := &service{rows: mails(9), pageSize: 2, next: func(int, string) (*source.Page, error) { return nil, refusal(404) }}
	b := newBench(t, s, &pipeline{})
	now := ten.Add(20 * time.Minute)
	b.Now = func() time.Time { defer func() { now = now.Add(time.Hour) }(); return now }
	b.Ledger.SetState(plan.State{
		Begin: ten, Head: ten, Unread: plan.Intervals{hour}, Served: []plan.Served{{Age: time.Hour, UpTo: hour.Start}},
	})
	_, err := b.run(t.Context())
	require.NoError(t, err)
	assert.Greater(t, len(s.windows), 1)
	assert.Equal(t, before(40*time.Minute), b.State().Served[0].UpTo)
}

// A position of an earlier version may have fractions. What is read of it is closed as it is.
func TestAWindowWithFractionsOfASecondIsClosedWhole(t *testing.T) {
	t.Parallel()
	odd := trace.Window{Start: hour.Start.Add(151681600), End: hour.End.Add(-848318400)}
	b := newBench(t, &service{rows: fineMails(9), pageSize: 2}, &pipeline{})
	b.Ledger.SetState(plan.State{Begin: ten, Head: ten, Unread: plan.Intervals{odd}})
	report, err := b.read(t.Context(), odd)
	require.NoError(t, err)
	assert.Equal(t, odd.Duration(), report.Read)
	assert.Empty(t, b.State().Unread)
}

// A service that is out of order by up to a page, links that die and a service that fails: nothing is lost, nothing is
// delivered twice, and what stays open is in whole seconds.
func TestNothingIsLostThoughPagesAreOutOfOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := make([]mailAt, rapid.IntRange(0, 60).Draw(rt, "rows"))
		age := time.Duration(0)
		for i := range rows {
			age += time.Duration(rapid.SampledFrom([]int{0, 0, 1, 400, 5_000, 45_000}).Draw(rt, "gap")) * time.Millisecond
			rows[i] = mailAt{age: age, number: i}
		}
		pageSize := rapid.IntRange(1, 20).Draw(rt, "page size")
		if n := len(rows); n > 1 && rapid.Bool().Draw(rt, "swapped") {
			i := rapid.IntRange(0, n-1).Draw(rt, "i")
			j := min(n-1, i+rapid.IntRange(0, pageSize).Draw(rt, "distance"))
			rows[i], rows[j] = rows[j], rows[i]
		}
		faults := rapid.SliceOfN(rapid.SampledFrom([]error{nil, nil, nil, errDie, refusal(404)}), 0, 40).Draw(rt, "faults")
		s := &service{rows: rows, pageSize: pageSize}
		s.next = func(n int, _ string) (*source.Page, error) {
			if n <= len(faults) {
				return nil, faults[n-1]
			}
			return nil, nil
		}
		taken, openTime, whole := readAll(t, s)
		seen := map[string]int{}
		for _, id := range taken {
			seen[id]++
			require.Equal(rt, 1, seen[id], id)
		}
		require.Len(rt, seen, len(rows))
		require.Empty(rt, openTime)
		require.True(rt, whole, "in whole seconds")
	})
}
