// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestIsNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		delivered []trace.Status
		next      trace.Status
		isNew     bool
		previous  trace.Status
	}{
		"a row that was never delivered":        {nil, trace.Delivered, true, ""},
		"a row without status":                  {nil, "", true, ""},
		"the same status":                       {[]trace.Status{trace.Delivered}, trace.Delivered, false, trace.Delivered},
		"the same lack of a status":             {[]trace.Status{""}, "", false, ""},
		"the same unknown status":               {[]trace.Status{"held"}, "held", false, "held"},
		"a status at last":                      {[]trace.Status{trace.GettingStatus}, trace.Pending, true, trace.GettingStatus},
		"a fate":                                {[]trace.Status{trace.Pending}, trace.Failed, true, trace.Pending},
		"another fate":                          {[]trace.Status{trace.Delivered}, trace.Quarantined, true, trace.Delivered},
		"a known status after an unknown one":   {[]trace.Status{"held"}, trace.Delivered, true, "held"},
		"an unknown status":                     {[]trace.Status{trace.Delivered}, "held", true, trace.Delivered},
		"a status that is lost":                 {[]trace.Status{trace.Delivered}, "", true, trace.Delivered},
		"another unknown status":                {[]trace.Status{"held"}, "stopped", true, "held"},
		"the same in another case":              {[]trace.Status{"Held"}, "hELD", false, "Held"},
		"one that is known by now":              {[]trace.Status{"Resolved"}, trace.Resolved, false, "Resolved"},
		"pending after a fate":                  {[]trace.Status{trace.Failed}, trace.Pending, false, trace.Failed},
		"gettingStatus after a fate":            {[]trace.Status{trace.Failed}, trace.GettingStatus, false, trace.Failed},
		"gettingStatus after pending":           {[]trace.Status{trace.Pending}, trace.GettingStatus, false, trace.Pending},
		"pending after an unknown status":       {[]trace.Status{"held"}, trace.Pending, false, "held"},
		"an earlier fate":                       {[]trace.Status{trace.Delivered, trace.Recalled}, trace.Delivered, true, trace.Recalled},
		"the latest of several statuses":        {[]trace.Status{trace.Pending, trace.Failed}, trace.Failed, false, trace.Failed},
		"what fell back and came to a new fate": {[]trace.Status{trace.Failed, trace.Delivered}, trace.Failed, true, trace.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, newStore := range storages {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := newStore(t)
					b := open(t, s)
					b.SetState(collecting())
					for _, status := range c.delivered {
						require.Len(t, b.deliver(t, row(1, 0, status)), 1)
					}
					b.commit(t)
					for _, b := range []*watched{b, open(t, s)} {
						isNew, previous, err := b.IsNew(t.Context(), row(1, 0, c.next))
						require.NoError(t, err)
						assert.Equal(t, c.isNew, isNew)
						assert.Equal(t, c.previous, previous)
					}
				})
			}
		})
	}
}

func TestAtMostEightRecordsOfARow(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			b := open(t, s)
			b.SetState(collecting())
			var delivered []ledger.Row
			for n := range 20 {
				status := []trace.Status{trace.Quarantined, trace.Delivered}[n%2]
				delivered = append(delivered, b.deliver(t, row(1, 0, status))...)
				b.commit(t)
				b = open(t, s)
			}
			assert.Len(t, delivered, 8)
			assert.Equal(t, 1, b.Rows())
		})
	}
}

// A byte tells 246 unknown statuses apart. What is beyond them counts as one and the same.
func TestMoreUnknownStatusesThanAByteCanTellApart(t *testing.T) {
	t.Parallel()
	const many = 246
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	status := func(n int) trace.Status { return trace.Status(fmt.Sprint("status ", n)) }
	for n := range 2 * many {
		require.Len(t, b.deliver(t, row(n, 0, status(n))), 1)
	}
	b.commit(t)
	for _, b := range []*watched{b, open(t, s)} {
		for n := range 2 * many {
			isNew, previous, err := b.IsNew(t.Context(), row(n, 0, status(n)))
			require.NoError(t, err)
			assert.False(t, isNew, n)
			if n < many {
				assert.Equal(t, status(n), previous)
			}
			isNew, _, err = b.IsNew(t.Context(), row(n, 0, trace.Delivered))
			require.NoError(t, err)
			assert.True(t, isNew, "a known status is always told apart")
			isNew, _, err = b.IsNew(t.Context(), row(n, 0, ""))
			require.NoError(t, err)
			assert.True(t, isNew, "so is none")
		}
	}
}

func TestALongStatusIsNotStored(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	long := trace.Status(strings.Repeat("s", 1<<20))
	require.Len(t, b.deliver(t, row(1, 0, long), row(1, 0, long), row(1, 0, trace.Delivered)), 2)
	b.commit(t)
	assert.Less(t, len(s.values[s.position(t)]), 1000)
}

func TestARowIsKnownByItsKeyAndReceivedTime(t *testing.T) {
	t.Parallel()
	b := open(t, ledger.Memory{})
	b.SetState(collecting())
	first := []ledger.Row{row(1, 0, trace.Delivered), row(2, 0, trace.Delivered), {Key: key(3), Status: trace.Delivered}}
	assert.Equal(t, first, b.deliver(t, first...))
	assert.Empty(t, b.deliver(t, first...))
	assert.Empty(t, b.deliver(t, row(1, 9.99, trace.Delivered)), "within its bucket the time may even differ")
	assert.Equal(t, 3, b.Rows())
}

func TestABucketIsForgottenWhenItIsSettled(t *testing.T) {
	t.Parallel()
	settled := plan.State{Begin: at(0), Head: at(600), Served: []plan.Served{{Age: 15 * time.Minute, UpTo: at(590)}, {Age: time.Hour, UpTo: at(540)}}}
	for name, c := range map[string]struct {
		change func(*plan.State)
		kept   bool
	}{
		"settled":                          {func(*plan.State) {}, false},
		"no ages":                          {func(s *plan.State) { s.Served = nil }, false},
		"an age is at its end":             {func(s *plan.State) { s.Served[1].UpTo = at(10) }, true},
		"an age is past its end":           {func(s *plan.State) { s.Served[1].UpTo = at(10).Add(2*time.Second + 1) }, false},
		"an age has not come to it":        {func(s *plan.State) { s.Served[1].UpTo = at(-60) }, true},
		"one age of two is in it":          {func(s *plan.State) { s.Served[0].UpTo = at(5) }, true},
		"the head is at its end":           {func(s *plan.State) { s.Head = at(10) }, true},
		"unread before it":                 {func(s *plan.State) { s.Unread = plan.Intervals{window(-9, -1)} }, false},
		"unread up to its beginning":       {func(s *plan.State) { s.Unread = plan.Intervals{window(-9, 0)} }, true},
		"unread within it":                 {func(s *plan.State) { s.Unread = plan.Intervals{window(2, 3)} }, true},
		"unread from its end on":           {func(s *plan.State) { s.Unread = plan.Intervals{window(10, 20)} }, true},
		"unread around it":                 {func(s *plan.State) { s.Unread = plan.Intervals{window(-10, 50)} }, true},
		"open again, but after it":         {func(s *plan.State) { s.Again = plan.Intervals{window(11, 20)} }, false},
		"open again within it":             {func(s *plan.State) { s.Again = plan.Intervals{window(-60, -50), window(9, 20)} }, true},
		"open again from its end on":       {func(s *plan.State) { s.Again = plan.Intervals{window(10, 20)} }, true},
		"open on both sides, not touching": {func(s *plan.State) { s.Again = plan.Intervals{window(-9, -1), window(11, 20)} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeIn(ledger.Memory{})
			b := open(t, s)
			b.SetState(collecting())
			b.deliver(t, row(1, 5, trace.Delivered))
			b.commit(t)
			require.Len(t, s.entries(), 1)

			state := settled
			state.Served = append([]plan.Served(nil), settled.Served...)
			c.change(&state)
			b.SetState(state)
			b.commit(t)
			want := 0
			if c.kept {
				want = 1
			}
			assert.Equal(t, want, b.Rows())
			assert.Len(t, s.entries(), want, "no garbage, nothing lost")
			assert.Equal(t, want, open(t, s).Rows())
		})
	}
}

func TestRowsWithoutTimeAreKeptButBounded(t *testing.T) {
	t.Parallel()
	const most = 1 << 18
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(plan.State{Begin: at(0), Head: at(6000)})
	timeless := func(n int) ledger.Row { return ledger.Row{Key: key(n), Status: trace.Delivered} }
	const batch = 1 << 14
	rows, fullest := make([]ledger.Row, batch), 0
	for n := 0; n < 2*most; n += batch {
		for i := range rows {
			rows[i] = timeless(n + i)
			if i%2 == 0 {
				rows[i].Received, rows[i].Stray = at(float64(n)), true
			}
		}
		require.NoError(t, b.Remember(t.Context(), rows))
		b.commit(t)
		require.LessOrEqual(t, b.Rows(), most)
		require.LessOrEqual(t, len(s.entries()), 17)
		fullest = max(fullest, b.Rows())
	}
	assert.Equal(t, most, fullest)
	assert.Empty(t, b.deliver(t, timeless(2*most-1)), "the last ones are remembered")
	assert.Len(t, b.deliver(t, timeless(0)), 1, "the first ones are not")
	b.commit(t)
	b = open(t, s)
	assert.Empty(t, b.deliver(t, timeless(0)))
	assert.Equal(t, 1, b.Rows(), "the row that was one too many made room")
	assert.Len(t, s.entries(), 1)
}

// A stray may come with any time, or where it belongs.
func TestAStrayIsKnownByItsKeyAloneAndWhereItBelongs(t *testing.T) {
	t.Parallel()
	stray := func(minutes float64, status trace.Status) ledger.Row {
		r := row(1, minutes, status)
		r.Stray = true
		return r
	}
	for name, c := range map[string]struct {
		rows      []ledger.Row
		delivered int
		last      trace.Status
	}{
		"a stray again":                           {[]ledger.Row{stray(5, trace.Delivered), stray(5, trace.Delivered)}, 1, trace.Delivered},
		"a stray at another time":                 {[]ledger.Row{stray(5, trace.Delivered), stray(500, trace.Delivered)}, 1, trace.Delivered},
		"a stray, and where it belongs":           {[]ledger.Row{stray(5, trace.Delivered), row(1, 5, trace.Delivered)}, 1, trace.Delivered},
		"where it belongs, and a stray":           {[]ledger.Row{row(1, 5, trace.Delivered), stray(5, trace.Delivered)}, 1, trace.Delivered},
		"another status of a stray":               {[]ledger.Row{stray(5, trace.Pending), stray(500, trace.Delivered)}, 2, trace.Delivered},
		"another status where it belongs":         {[]ledger.Row{stray(5, trace.Pending), row(1, 5, trace.Delivered), stray(5, trace.Delivered)}, 2, trace.Delivered},
		"another status as a stray":               {[]ledger.Row{row(1, 5, trace.Pending), stray(5, trace.Delivered), row(1, 5, trace.Delivered)}, 2, trace.Delivered},
		"another status where it belongs, twice":  {[]ledger.Row{stray(5, trace.Pending), row(1, 5, trace.Failed), stray(5, trace.Delivered), row(1, 5, trace.Delivered)}, 3, trace.Delivered},
		"a fall back to what it was as a stray":   {[]ledger.Row{stray(5, trace.Pending), row(1, 5, trace.Delivered), row(1, 5, trace.Pending)}, 2, trace.Delivered},
		"a row without time, and with a time":     {[]ledger.Row{{Key: key(1), Status: trace.Delivered}, row(1, 5, trace.Delivered)}, 1, trace.Delivered},
		"without time, and marked as a stray too": {[]ledger.Row{{Key: key(1), Status: trace.Delivered, Stray: true}, {Key: key(1), Status: trace.Delivered}}, 1, trace.Delivered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeIn(ledger.Memory{})
			b := open(t, s)
			b.SetState(collecting())
			var delivered []ledger.Row
			for _, r := range c.rows {
				delivered = append(delivered, b.deliver(t, r)...)
				b.commit(t)
				b = open(t, s)
			}
			assert.Len(t, delivered, c.delivered)
			for _, r := range []ledger.Row{row(1, 5, c.last), stray(5, c.last)} {
				isNew, previous, err := b.IsNew(t.Context(), r)
				require.NoError(t, err)
				assert.False(t, isNew)
				assert.Equal(t, c.last, previous)
			}
		})
	}
}

func TestKeysOutliveARestart(t *testing.T) {
	t.Parallel()
	r := &trace.Row{ID: []byte("1"), Recipient: []byte("a@contoso.com")}
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			b := open(t, s)
			b.SetState(collecting())
			b.commit(t)
			assert.Equal(t, b.KeyOf(r), open(t, s).KeyOf(r))
			assert.NotEqual(t, b.KeyOf(r), open(t, newStore(t)).KeyOf(r), "nobody can tell the keys of another ledger")
			assert.NotEqual(t, b.KeyOf(r), openAs(t, s, "fabrikam.com").KeyOf(r))
		})
	}
}

func TestOldestKnownIsSinceWhenAllRowsAreRemembered(t *testing.T) {
	t.Parallel()
	b := open(t, ledger.Memory{})
	assert.Zero(t, b.OldestKnown(), "nothing has been asked for")

	// A backfill far behind keeps its own bucket, but those between have been settled and forgotten.
	b.SetState(plan.State{
		Begin: at(0), Head: at(600), Unread: plan.Intervals{window(-900, -600)},
		Served: []plan.Served{{Age: 15 * time.Minute, UpTo: at(585)}, {Age: time.Hour, UpTo: at(500)}},
	})
	b.deliver(t, row(1, -600, trace.Delivered), row(2, 0, trace.Delivered))
	b.commit(t)
	require.Equal(t, 1, b.Rows())
	assert.Equal(t, at(500), b.OldestKnown())

	b.SetState(plan.State{Begin: at(0), Head: at(600)})
	assert.Equal(t, at(600), b.OldestKnown(), "without ages only the next window brings rows again")
}

func TestNothingIsWrittenWhenNothingHasChanged(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	before := s.batches
	b.commit(t)
	assert.Equal(t, before, s.batches)
	b.SetState(collecting())
	b.deliver(t, row(1, 0, trace.Delivered), row(2, 60, trace.Delivered), row(3, 120, trace.Delivered))
	b.commit(t)
	b.deliver(t, row(1, 0, trace.Delivered))
	b.commit(t)
	assert.Equal(t, before+1, s.batches, "all of it in one batch")
}

func TestStampsAreStoredWithThePosition(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	o := ledger.Options{Client: s, Tenant: tenant, Stamps: func() []time.Time { return []time.Time{at(1), at(2)} }}
	l, err := ledger.Open(t.Context(), o)
	require.NoError(t, err)
	assert.Empty(t, l.SavedStamps())
	l.SetState(collecting())
	require.NoError(t, l.Commit(t.Context()))
	assert.Equal(t, []time.Time{at(1), at(2)}, open(t, s).SavedStamps())
}
