// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// The index says where the entries of each bucket are. It is written with every commit, so it is small: for each bucket
// four numbers of variable length, its own as the distance to the bucket before it.

// encodeIndex writes the index as it is once the pending entries have been written.
func (l *Ledger) encodeIndex() (index []byte) {
	last := int64(0)
	if l.order == nil {
		l.order = slices.Sorted(maps.Keys(l.buckets))
	}
	for _, number := range l.order {
		after := *l.buckets[number]
		if len(after.unsaved) > 0 {
			after.saved()
		}
		index = binary.AppendVarint(index, number-last)
		index = binary.AppendUvarint(index, after.first)
		index = binary.AppendUvarint(index, after.next-after.first)
		index = binary.AppendUvarint(index, uint64(after.count)) //nolint:gosec // a count
		last = number
	}
	return index
}

func decodeIndex(index []byte) (map[int64]*bucket, error) {
	buckets := map[int64]*bucket{}
	number := int64(0)
	for len(index) > 0 {
		distance, n := binary.Varint(index)
		index = index[max(n, 0):]
		var values [3]uint64
		for i := range values {
			value, m := binary.Uvarint(index)
			index = index[max(m, 0):]
			n = min(n, m)
			values[i] = value
		}
		if n <= 0 {
			return nil, errors.New("its index cannot be read")
		}
		number += distance
		first, entries, count := values[0], values[1], values[2]
		buckets[number] = &bucket{first: first, next: first + entries, count: int(count)} //nolint:gosec // a count
	}
	return buckets, nil
}
