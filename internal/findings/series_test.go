// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// In whatever order entries come, and however often, a series has each once, sorted, and as little room as a list needs.
func TestSeriesSortsItsEntries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s series
		var all []entry
		for range rapid.IntRange(1, 30).Draw(t, "batches") {
			from := rapid.Uint32Range(0, 300).Draw(t, "from")
			for range rapid.IntRange(1, 40).Draw(t, "entries") {
				n := entry{at: from + rapid.Uint32Range(0, 50).Draw(t, "at"), row: rapid.Uint64Range(0, 3).Draw(t, "row"), flags: delivered}
				n.expires = n.at + 200
				s.add(n)
				all = append(all, n)
			}
			s.merge()
			if now := rapid.Uint32Range(0, 300).Draw(t, "now"); rapid.Bool().Draw(t, "expire") {
				s.expire(now)
				all = slices.DeleteFunc(all, func(n entry) bool { return n.expires < now })
			}
			slices.SortFunc(all, func(a, b entry) int { return a.compare(&b) })
			all = slices.Compact(all)
			require.Len(t, s.entries, len(all))
			for i := range all {
				require.Equal(t, all[i], s.entries[i])
			}
			require.LessOrEqual(t, len(s.room)+cap(s.entries), 5*len(s.entries)+200)
		}
	})
}
