// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// A table does what a map does.
func TestATableIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		model := map[trace.Key]version{}
		rows := newTable(rapid.IntRange(0, 40).Draw(t, "room"))
		if rapid.Bool().Draw(t, "used before") {
			*rows.claim(&trace.Key{14: 1}) = version{count: 1}
			rows = rows.emptied()
		}
		for range rapid.IntRange(0, 300).Draw(t, "rows") {
			var k trace.Key
			// Few keys, whose first bytes are mostly the same.
			k[0], k[15] = rapid.Byte().Draw(t, "first")%4, rapid.Byte().Draw(t, "last")
			v := version{status: statusCode(rapid.Byte().Draw(t, "status")), count: rapid.Uint8Range(1, 255).Draw(t, "count")}
			*rows.claim(&k) = v
			model[k] = v
			require.Equal(t, len(model), rows.count)
		}
		for k, v := range model {
			got, ok := rows.get(k)
			require.True(t, ok)
			require.Equal(t, v, got)
		}
		_, ok := rows.get(trace.Key{14: 1})
		require.False(t, ok)
		require.Equal(t, maps.Collect(maps.All(model)), modelOf(rows))
	})
}

func modelOf(rows *table) map[trace.Key]version {
	model := map[trace.Key]version{}
	for k := range rows.keys() {
		model[k], _ = rows.get(k)
	}
	return model
}

func TestATableHasRoomForWhatItIsMadeFor(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 12, 13, 1000, 16_667} {
		rows := newTable(n)
		room := len(rows.slots)
		for i := range n {
			var k trace.Key
			binary.BigEndian.PutUint64(k[:], uint64(i))
			*rows.claim(&k) = version{count: 1}
		}
		assert.Len(t, rows.slots, room, n)
		assert.Len(t, slices.Collect(rows.keys()), n)
	}
}

func TestRecordsOfARowAreCountedUpToALimit(t *testing.T) {
	t.Parallel()
	b := &bucket{rows: newTable(0)}
	for i := range 600 {
		b.put(&trace.Key{1}, statusCode(i%2))
	}
	v, ok := b.rows.get(trace.Key{1})
	assert.True(t, ok)
	assert.EqualValues(t, maxCount, v.count)
}

func TestTheBucketsThatWereUsedLastStayLoaded(t *testing.T) {
	t.Parallel()
	small := slices.Repeat([]int{1}, maxLoaded)
	for name, test := range map[string]struct {
		// rows are those of the buckets, in the order in which they were used.
		rows []int
		want int
	}{
		"none":                {want: 0},
		"many":                {rows: append([]int{1, 1, 1}, small...), want: maxLoaded},
		"two large ones":      {rows: []int{1, maxLoadedRows, maxLoadedRows}, want: 2},
		"as many rows as may": {rows: []int{1, maxLoadedRows - 2000, 1000, 1000}, want: 3},
		"one too many":        {rows: []int{1, maxLoadedRows - 1999, 1000, 1000}, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &Ledger{buckets: map[int64]*bucket{}}
			for i, n := range test.rows {
				index := int64(i * 7919 % 101)
				l.buckets[index] = &bucket{rows: newTable(0), count: n, used: int64(i)}
				l.loaded = append(l.loaded, index)
			}
			l.unload()
			for _, b := range l.buckets {
				assert.Equal(t, int(b.used) >= len(test.rows)-test.want, b.rows != nil, "bucket %d", b.used)
			}
			assert.Len(t, l.loaded, test.want)
		})
	}
}
