// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The race detector would find nothing here, where nothing runs at the same time, but takes minutes.
//go:build !race

package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestIntervalsAreSetsOfTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var have plan.Intervals
		var want bitmap
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			w := anyWindow(t)
			before := slices.Clone(have)
			changed := have.Remove(w)
			adds := rapid.Bool().Draw(t, "add")
			if adds {
				changed = have.Add(w)
			}
			require.Equal(t, before, slices.Clone(have), "a set stays as it was")
			want.set(w, adds)
			have = changed
			requireSet(t, &want, have)
		}
		cut := anyWindow(t)
		var within bitmap
		for i := max(units(cut.Start), -past); i < min(units(cut.End), future); i++ {
			within[past+i] = want.has(i)
		}
		requireSet(t, &within, have.Within(cut))
	})
}

// anyWindow is a window, often short, touching others, empty or reversed.
func anyWindow(t *rapid.T) trace.Window {
	start := rapid.IntRange(0, 40).Draw(t, "start")
	return stretch(start, start+rapid.IntRange(-2, 12).Draw(t, "length"))
}

// requireSet compares a set with its naive form, and sees that its windows are ascending and neither overlap nor touch.
func requireSet(t *rapid.T, want *bitmap, have plan.Intervals) {
	var n int
	for _, each := range want {
		if each {
			n++
		}
	}
	require.Equal(t, *want, *bitmapOf(have))
	require.Equal(t, time.Duration(n)*unit, have.Duration())
	for i, w := range have {
		require.False(t, w.Empty())
		require.True(t, i == 0 || have[i-1].End.Before(w.Start), "%v", have)
	}
}
