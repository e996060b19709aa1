// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// What builds have stored is in testdata/state, a file for each format, and never changes: -update writes that of a format that
// has none yet. Later builds read them, or refuse them with a hint.

var update = flag.Bool("update", false, "write the state of this format to testdata/state, unless there is one")

// moment is when the states were stored.
var moment = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// pastState is what the plan remembers in all of them.
var pastState = plan.State{
	Begin: moment.Add(-3 * time.Hour), Head: moment, Ticked: moment,
	Served: []plan.Served{{Age: time.Hour, UpTo: moment.Add(-time.Hour)}, {Age: 30 * time.Hour, UpTo: moment.Add(-3 * time.Hour)}},
	Unread: plan.Intervals{{Start: moment.Add(-2 * time.Hour), End: moment.Add(-90 * time.Minute)}},
}

// pastRows are the rows that are remembered in all of them.
func pastRows(keyOf func(r *trace.Row) trace.Key) (rows []Row) {
	for i, status := range []trace.Status{trace.Delivered, trace.Pending, "onHold"} {
		r := trace.Row{ID: []byte{byte('a' + i)}, Recipient: []byte("b@contoso.com")}
		rows = append(rows, Row{Received: moment.Add(-time.Duration(i+1) * 10 * time.Minute), Key: keyOf(&r), Status: status})
	}
	return rows
}

func fixture(format int) string { return fmt.Sprintf("../../testdata/state/receiver-%d.json", format) }

// past returns what a build of a format has stored.
func past(t *testing.T, format int) (m Memory) {
	t.Helper()
	text, err := os.ReadFile(fixture(format))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func TestTheStateOfThisFormatIsKept(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(fixture(positionFormat)); os.IsNotExist(err) && *update {
		m := Memory{}
		l, err := Open(t.Context(), Options{Client: m, Tenant: "contoso.com", Stamps: func() []time.Time { return []time.Time{moment} }})
		require.NoError(t, err)
		l.secret = identity.Secret([]byte("not random: test"))
		l.SetState(pastState)
		require.NoError(t, l.Remember(t.Context(), pastRows(l.KeyOf)))
		require.NoError(t, l.Commit(t.Context()))
		text, err := json.MarshalIndent(m, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(fixture(positionFormat), append(text, '\n'), 0o600))
	}
	m := past(t, positionFormat)
	l, err := Open(t.Context(), Options{Client: m, Tenant: "CONTOSO.com", Warn: func(text string) { assert.Fail(t, text) }})
	require.NoError(t, err)
	assert.Equal(t, pastState, l.State())
	assert.Equal(t, []time.Time{moment}, l.SavedStamps())
	assert.Equal(t, 3, l.Rows())
	for _, row := range pastRows(l.KeyOf) {
		isNew, previous, err := l.IsNew(t.Context(), row)
		require.NoError(t, err)
		assert.False(t, isNew)
		assert.Equal(t, row.Status, previous)
	}
}

// Before 0.1.0, rows were remembered by another hash, which nobody can compute any more.
func TestReadingGoesOnFromTheFirstFormat(t *testing.T) {
	t.Parallel()
	m, warnings := past(t, withoutSecret), []string{}
	l, err := Open(t.Context(), Options{Client: m, Tenant: "contoso.com", Warn: func(text string) { warnings = append(warnings, text) }})
	require.NoError(t, err)
	assert.Len(t, warnings, 1)
	assert.Equal(t, pastState, l.State(), "nothing is left out")
	assert.Equal(t, []time.Time{moment}, l.SavedStamps())
	assert.Zero(t, l.Rows())
	for _, row := range pastRows(l.KeyOf) {
		isNew, _, err := l.IsNew(t.Context(), row)
		require.NoError(t, err)
		assert.True(t, isNew)
	}
	require.NoError(t, l.Commit(t.Context()))
	assert.Len(t, m, 3, "tenant, owner and position: what is of no use is deleted")
	again, err := Open(t.Context(), Options{Client: m, Tenant: "contoso.com", Warn: func(text string) { assert.Fail(t, text) }})
	require.NoError(t, err)
	assert.Equal(t, l.State(), again.State())
	assert.Equal(t, l.secret, again.secret)
}

func TestALaterFormatIsLeftAlone(t *testing.T) {
	t.Parallel()
	m := past(t, positionFormat)
	l := &Ledger{Options: Options{Tenant: "contoso.com"}}
	m[l.key("position")] = seal([]byte(`{"v":3,"state":{"Head":"2026-03-02T12:00:00Z"},"secret":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}`))
	before := len(m)
	step := trouble.Step{Command: "mv a b"}
	_, err := Open(t.Context(), Options{Client: m, Tenant: "contoso.com", MoveAway: step})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	require.ErrorContains(t, err, "it has format 3, not 2: another version of the receiver has written it")
	assert.Contains(t, trouble.HintOf(err), "restore the storage of this receiver, or the version of it that has written this")
	assert.Equal(t, step, trouble.StepOf(err))
	assert.Len(t, m, before)
}

// Rows in a later format are damage: they may be delivered once more, and nothing is lost.
func TestEntriesOfALaterFormatAreDropped(t *testing.T) {
	t.Parallel()
	m, warned := past(t, positionFormat), 0
	for key, entry := range m {
		if len(entry) == entryHeader+entryRow {
			m[key] = entryOf(append([]byte{entryFormat + 1}, entry[entryHeader:]...))
		}
	}
	l, err := Open(t.Context(), Options{Client: m, Tenant: "contoso.com", Warn: func(string) { warned++ }})
	require.NoError(t, err)
	for _, row := range pastRows(l.KeyOf) {
		isNew, _, err := l.IsNew(t.Context(), row)
		require.NoError(t, err)
		assert.True(t, isNew)
	}
	assert.Equal(t, 3, warned)
}
