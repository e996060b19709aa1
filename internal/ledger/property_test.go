// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// last is what the naive ledger remembers of a row.
type last struct {
	status trace.Status
	count  int
}

// model is a ledger that is a map, and beside it the ledger that is compared with it.
type model struct {
	t      *rapid.T
	store  *store
	ledger *watched
	// saved is what a restart goes back to.
	rows, saved map[ledger.Row]last
	upTo        int
	savedUpTo   int
	// pinned are the windows of running jobs, and what ends them.
	pinned []trace.Window
	unpin  []func()
}

// Statuses as they come, with unknown ones and none among them.
var someStatuses = []trace.Status{
	trace.GettingStatus, trace.Pending, trace.Failed, trace.Delivered, trace.Quarantined, "", "held", "Held",
}

func rank(s trace.Status) int {
	switch s {
	case trace.GettingStatus:
		return 0
	case trace.Pending:
		return 1
	}
	return 2
}

// isNew is the rule, spelled out once more.
func (m *model) isNew(r ledger.Row) (isNew bool, previous trace.Status) {
	have, known := m.rows[own(r)]
	if !known {
		have, known = m.rows[stray(r)]
	}
	if !known {
		return true, ""
	}
	return !strings.EqualFold(string(have.status), string(r.Status)) && rank(r.Status) >= rank(have.status) && have.count < 8, have.status
}

// note notes that a version has been delivered.
func (m *model) note(r ledger.Row) {
	place := own(r)
	if _, known := m.rows[place]; r.Stray && !known {
		place = stray(r)
	}
	m.rows[place] = last{r.Status, m.rows[place].count + 1}
}

// own and stray stand for a row where it belongs, and where it is known by its key alone.
func own(r ledger.Row) ledger.Row {
	if r.Received.IsZero() {
		return stray(r)
	}
	return ledger.Row{Received: r.Received, Key: r.Key}
}

func stray(r ledger.Row) ledger.Row { return ledger.Row{Key: r.Key, Stray: true} }

// anyRow is a row received within four hours. The same number is always received at the same time.
func (m *model) anyRow() ledger.Row {
	n := rapid.IntRange(0, 400).Draw(m.t, "row")
	r := row(n, float64(n%240), rapid.SampledFrom(someStatuses).Draw(m.t, "status"))
	if n%50 == 0 {
		r.Received = time.Time{}
	}
	r.Stray = rapid.IntRange(0, 9).Draw(m.t, "stray") == 0
	return r
}

func (m *model) look() {
	r := m.anyRow()
	isNew, previous, err := m.ledger.IsNew(m.t.Context(), r)
	require.NoError(m.t, err)
	wantNew, wantPrevious := m.isNew(r)
	require.Equal(m.t, fmt.Sprint(wantNew, wantPrevious.Folded()), fmt.Sprint(isNew, previous.Folded()), "%v", r)
}

func (m *model) remember() {
	for range rapid.IntRange(1, 60).Draw(m.t, "rows") {
		r := m.anyRow()
		delivered := m.ledger.deliver(m.t, r)
		isNew, _ := m.isNew(r)
		require.Equal(m.t, isNew, len(delivered) == 1, "%v", r)
		if isNew {
			m.note(r)
		}
	}
}

// settle moves what has been settled on, so that mail is forgotten.
func (m *model) settle() {
	m.upTo += rapid.IntRange(0, 25).Draw(m.t, "settled")
	m.ledger.SetState(m.state())
}

// pin begins a job, and may end another one.
func (m *model) pin() {
	if len(m.unpin) > 2 {
		m.unpin[0]()
		m.pinned, m.unpin = m.pinned[1:], m.unpin[1:]
		m.ledger.SetState(m.state())
	}
	start := float64(rapid.IntRange(0, 240).Draw(m.t, "start"))
	w := window(start, start+float64(rapid.IntRange(1, 60).Draw(m.t, "length")))
	m.pinned, m.unpin = append(m.pinned, w), append(m.unpin, m.ledger.Pin(w))
}

func (m *model) state() plan.State {
	s := collecting()
	s.Served[0].UpTo = at(float64(m.upTo))
	return s
}

func (m *model) commit() {
	m.forgetSettled()
	m.ledger.commit(m.t)
	m.saved, m.savedUpTo = maps.Clone(m.rows), m.upTo
}

// failingCommit leaves everything as it is but for what is forgotten.
func (m *model) failingCommit() {
	before := len(m.store.values)
	m.store.failBatch = true
	err := m.ledger.Commit(m.t.Context())
	m.store.failBatch = false
	m.forgetSettled()
	if err != nil {
		require.ErrorIs(m.t, err, errDisk)
		require.ErrorContains(m.t, err, "cannot write to the storage")
	}
	require.Len(m.t, m.store.values, before)
}

func (m *model) forgetSettled() {
	for r := range m.rows {
		start := r.Received.Truncate(bucket)
		pinned := slices.ContainsFunc(m.pinned, func(w trace.Window) bool { return !w.Start.After(start.Add(bucket)) && !w.End.Before(start) })
		if !r.Received.IsZero() && !pinned && m.state().Served[0].UpTo.After(start.Add(bucket)) {
			delete(m.rows, r)
		}
	}
}

func (m *model) restart() {
	m.ledger = open(m.t, m.store)
	m.rows, m.upTo = maps.Clone(m.saved), m.savedUpTo
	m.pinned, m.unpin = nil, nil
	defer m.ledger.SetState(m.state())
	require.Empty(m.t, m.ledger.warnings)
	require.True(m.t, m.state().Served[0].UpTo.Equal(m.ledger.State().Served[0].UpTo))
}

// check compares what can be counted. The number of entries is bounded by what the rows need, so nothing is left behind.
func (m *model) check() {
	require.Equal(m.t, len(m.rows), m.ledger.Rows())
	if !maps.Equal(m.rows, m.saved) {
		return
	}
	buckets := map[time.Time]bool{}
	for r := range m.rows {
		buckets[r.Received.Truncate(bucket)] = true
	}
	require.LessOrEqual(m.t, len(m.store.entries()), 17*len(buckets))
	require.Len(m.t, m.store.values, 3+len(m.store.entries()), "and tenant, owner and position")
}

func TestLedgerIsAMap(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			test := 0
			rapid.Check(t, func(t *rapid.T) {
				// Storages are slow to open, so every run has a part of the same one to itself.
				test++
				name := fmt.Sprint("tenant", test)
				own := storeIn(&part{Client: s.Client, prefix: name + "/"})
				m := &model{t: t, store: own, ledger: open(t, own), rows: map[ledger.Row]last{}}
				m.ledger.SetState(m.state())
				m.commit()
				t.Repeat(map[string]func(*rapid.T){
					"look":           func(*rapid.T) { m.look() },
					"look again":     func(*rapid.T) { m.look() },
					"remember":       func(*rapid.T) { m.remember() },
					"settle":         func(*rapid.T) { m.settle() },
					"pin":            func(*rapid.T) { m.pin() },
					"commit":         func(*rapid.T) { m.commit() },
					"failing commit": func(*rapid.T) { m.failingCommit() },
					"restart":        func(*rapid.T) { m.restart() },
					"":               func(*rapid.T) { m.check() },
				})
				m.upTo, m.pinned = 10000, nil
				for _, unpin := range m.unpin {
					unpin()
				}
				m.ledger.SetState(m.state())
				m.commit()
				m.check()
				require.LessOrEqual(t, len(own.entries()), 17, "only rows without a time are left")
			})
		})
	}
}
