// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// The index holds where the entries of each bucket are. It is written with every commit, so it is small: for each bucket
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

const (
	// maxBuckets is the most buckets that an index can have: those of 227 days. No service keeps mail that long.
	maxBuckets = 1 << 15
	// maxFirst and maxRows bound the other numbers, so that what is added to them overflows nothing.
	maxFirst = 1 << 62
	maxRows  = math.MaxInt32
)

var (
	errIndex = errors.New("its index cannot be read")
	// lastBucket is the bucket of the latest received time that a row can have.
	lastBucket = bucketOf(trace.MaxTime)
)

// decodeIndex reads an index. It can have been written by anybody, so what no ledger writes is an error.
func decodeIndex(index []byte) (map[int64]*bucket, error) {
	buckets := map[int64]*bucket{}
	last := int64(math.MinInt64)
	for number := int64(0); len(index) > 0; last = number {
		distance, n := binary.Varint(index)
		index = index[max(n, 0):]
		var values [3]uint64
		for i := range values {
			value, m := binary.Uvarint(index)
			index = index[max(m, 0):]
			n = min(n, m)
			values[i] = value
		}
		number += distance
		first, entries, count := values[0], values[1], values[2]
		known := number == timeless || number >= 0 && number <= lastBucket
		if n <= 0 || !known || len(buckets) > 0 && number <= last ||
			first > maxFirst || entries > maxEntries || count > maxRows || len(buckets) == maxBuckets {
			return nil, errIndex
		}
		buckets[number] = &bucket{first: first, next: first + entries, count: int(count)}
	}
	return buckets, nil
}
