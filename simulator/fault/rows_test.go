// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

func firstPage(t *testing.T, sim *simulator.Simulator) page {
	t.Helper()
	return parse(t, got(t, sim, inProcess(sim), origin+tracesPath+"?"+window))
}

func TestMalformedRowsAreOnRecord(t *testing.T) {
	sim := tenant(t, standing, 250)
	plain := firstPage(t, sim)
	order(t, sim, fault.Rule{Kind: fault.MalformedRows})
	seen := make(map[string]bool)
	for range 2 {
		before := len(sim.Faults().Injected())
		p := firstPage(t, sim)
		assert.Equal(t, plain.Next, p.Next)
		assert.Equal(t, 100, last(t, sim).Rows, "of the tenant")
		rows := make([]string, 0, len(p.Rows))
		for _, row := range p.Rows {
			rows = append(rows, string(row))
		}
		injected := sim.Faults().Injected()[before:]
		require.Len(t, injected, 10)
		for _, foreign := range injected {
			assert.Equal(t, noon, foreign.Time)
			assert.Equal(t, last(t, sim).ID, foreign.Request)
			assert.True(t, json.Valid([]byte(foreign.Text)), foreign.Text)
			at := slices.Index(rows, foreign.Text)
			require.GreaterOrEqual(t, at, 0, foreign.Text)
			rows = slices.Delete(rows, at, at+1)
			assert.False(t, seen[foreign.Text], "twice: %s", foreign.Text)
			seen[foreign.Text] = len(foreign.Text) > len("null")
		}
		for i, row := range plain.Rows {
			assert.Equal(t, string(row), rows[i], "what is left is the page")
		}
	}
	// Times of injected rows fit into the order.
	var times []string
	for _, row := range firstPage(t, sim).Rows {
		var known struct{ ReceivedDateTime any }
		if json.Unmarshal(row, &known) == nil {
			if text, ok := known.ReceivedDateTime.(string); ok {
				times = append(times, text)
			}
		}
	}
	assert.True(t, sort.SliceIsSorted(times, func(i, j int) bool { return times[i] > times[j] }))
}

func TestExtraProperties(t *testing.T) {
	sim := tenant(t, standing, 250)
	plain := firstPage(t, sim)
	order(t, sim, fault.Rule{Kind: fault.ExtraProperties})
	p := firstPage(t, sim)
	require.Len(t, p.Rows, 100)
	for i, row := range p.Rows {
		var more, less map[string]any
		require.NoError(t, json.Unmarshal(row, &more))
		require.NoError(t, json.Unmarshal(plain.Rows[i], &less))
		assert.Len(t, more, len(less)+5)
		for name, value := range less {
			assert.Equal(t, value, more[name])
		}
	}
}

func TestOrder(t *testing.T) {
	sim := tenant(t, standing, 250)
	plain := firstPage(t, sim)

	order(t, sim, fault.Rule{Kind: fault.AscendingRows})
	p := firstPage(t, sim)
	slices.Reverse(p.IDs)
	assert.Equal(t, plain.IDs, p.IDs)

	order(t, sim, fault.Rule{Kind: fault.ShuffledRows})
	p = firstPage(t, sim)
	assert.NotEqual(t, plain.IDs, p.IDs)
	assert.ElementsMatch(t, plain.IDs, p.IDs)
	assert.Equal(t, plain.Next, p.Next)
}

func TestSwappedPages(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: standing, Quota: 3})
	require.NoError(t, err)
	fill(t, sim, 250)
	client := inProcess(sim)
	order(t, sim, fault.Rule{Kind: fault.SwappedPages, Count: 1})
	var pages [][]string
	for at := origin + tracesPath + "?" + window; at != ""; {
		p := parse(t, got(t, sim, client, at))
		pages = append(pages, p.IDs)
		assert.Equal(t, len(p.IDs), last(t, sim).Rows)
		assert.Equal(t, len(pages) > 1, last(t, sim).Continued)
		at = p.Next
	}
	require.Len(t, pages, 3)
	assert.Equal(t, []string{"id-0100", "id-0000", "id-0200"}, []string{pages[0][0], pages[1][0], pages[2][0]})
	assert.Len(t, slices.Concat(pages...), 250)
	assert.Equal(t, http.StatusTooManyRequests, got(t, sim, client, origin+tracesPath).status, "three requests in all")

	order(t, sim, fault.Rule{Kind: fault.SwappedPages})
	assert.Zero(t, sim.Faults().Rules()[0].Injected)
}

func TestRepeatedRows(t *testing.T) {
	sim := tenant(t, standing, 250)
	order(t, sim, fault.Rule{Kind: fault.RepeatedRow})
	var ids []string
	for at := origin + tracesPath + "?" + window; at != ""; {
		p := parse(t, got(t, sim, inProcess(sim), at))
		if len(ids) > 0 {
			require.NotEmpty(t, p.IDs)
			assert.Equal(t, ids[len(ids)-1], p.IDs[0], "the row at the boundary")
			ids = ids[:len(ids)-1]
		}
		assert.Equal(t, len(p.IDs), last(t, sim).Rows)
		ids, at = append(ids, p.IDs...), p.Next
	}
	require.Len(t, ids, 250)
	assert.Equal(t, "id-0000", ids[0])
	assert.Equal(t, "id-0249", ids[249])
	assert.True(t, slices.IsSorted(ids))
}

// Rows that wait are given up in the end, and their link is dead.
func TestPagesAreNotKeptForEver(t *testing.T) {
	sim := tenant(t, standing, 250)
	order(t, sim, fault.Rule{Kind: fault.SwappedPages})
	oldest := firstPage(t, sim).Next
	for range 16 {
		firstPage(t, sim)
	}
	sim.Faults().Clear()
	assert.Equal(t, http.StatusGone, got(t, sim, inProcess(sim), oldest).status)
	assert.Zero(t, last(t, sim).Rows)
	assert.Equal(t, http.StatusOK, got(t, sim, inProcess(sim), origin+tracesPath+"?m365sim=x.y").status, "no mark at all")
}
