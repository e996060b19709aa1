// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// bucketLength is the stretch of received time whose rows are kept, loaded and forgotten together.
	bucketLength = 10 * time.Minute
	// timeless is the bucket of the strays and of the rows without a received time.
	timeless = math.MinInt64
	// maxTimeless is how many strays and rows without a received time are remembered. No age ever settles them.
	maxTimeless = 1 << 18
	// maxLoaded is how many buckets are held in memory, and maxLoadedRows how many rows in them if they are more than two. A
	// window of an hour touches seven.
	maxLoaded     = 16
	maxLoadedRows = 32_000
	// maxEntries is how many entries a bucket may have before they are merged into one.
	maxEntries = 16
)

// maxCount is the most records of a row that are counted.
const maxCount = math.MaxUint8

// version is the last delivered status of a row, and how many records have been delivered of it, at least one.
type version struct {
	status statusCode
	count  uint8
}

// bucket is the delivered rows of one stretch of received time.
type bucket struct {
	// rows is nil while the bucket is not loaded.
	rows *table
	// count is the number of rows.
	count int
	// unsaved are the keys of the rows that changed since the last commit.
	unsaved []trace.Key
	// The entries in the storage have the numbers from first up to, but without, next.
	first, next uint64
	// merging is set when the pending write replaces all entries.
	merging bool
	// used is when the bucket was used last, by the ledger's count of uses.
	used int64
}

func (b *bucket) put(k *trace.Key, status statusCode) {
	v := b.rows.claim(k)
	if v.count > 0 && v.status == status {
		return
	}
	v.status, v.count = status, min(v.count, maxCount-1)+1
	b.count = b.rows.count
	b.unsaved = append(b.unsaved, *k)
}

// write returns the operations that store what is unsaved. They can be asked for again as long as they have not been
// carried out.
func (b *bucket) write(key string) []*storage.Operation {
	b.merging = b.next-b.first >= maxEntries
	if !b.merging {
		return []*storage.Operation{storage.SetOperation(entryKey(key, b.next), b.encode(slices.Values(b.unsaved), len(b.unsaved)))}
	}
	return append(b.remove(key), storage.SetOperation(entryKey(key, b.next), b.encode(b.rows.keys(), b.rows.count)))
}

// saved notes that the operations of write have been carried out.
func (b *bucket) saved() {
	if b.merging {
		b.first = b.next
	}
	b.next++
	b.merging = false
	b.unsaved = b.unsaved[:0]
}

// remove returns the operations that delete the entries.
func (b *bucket) remove(key string) (ops []*storage.Operation) {
	for n := b.first; n < b.next; n++ {
		ops = append(ops, storage.DeleteOperation(entryKey(key, n)))
	}
	return ops
}

// An entry is a checksum, the version of its format, and its rows: key, status, count. That is 18 bytes a row.
const (
	entryFormat = 1
	entryHeader = crc32.Size + 1
	entryRow    = len(trace.Key{}) + 2
	// maxEntry is the most bytes that an entry has: as many rows as can be read of ten minutes, and more.
	maxEntry = 32 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (b *bucket) encode(keys func(yield func(trace.Key) bool), n int) []byte {
	entry := make([]byte, entryHeader, entryHeader+n*entryRow)
	entry[crc32.Size] = entryFormat
	for k := range keys {
		v, _ := b.rows.get(k)
		entry = append(append(entry, k[:]...), byte(v.status), v.count)
	}
	binary.BigEndian.PutUint32(entry, crc32.Checksum(entry[crc32.Size:], castagnoli))
	return entry
}

// decode adds the rows of an entry. It returns false for an entry that is damaged.
func (b *bucket) decode(entry []byte) bool {
	if len(entry) < entryHeader || len(entry) > maxEntry || (len(entry)-entryHeader)%entryRow != 0 || entry[crc32.Size] != entryFormat ||
		binary.BigEndian.Uint32(entry) != crc32.Checksum(entry[crc32.Size:], castagnoli) {
		return false
	}
	for row := range slices.Chunk(entry[entryHeader:], entryRow) {
		k := (*trace.Key)(row)
		*b.rows.claim(k) = version{status: statusCode(row[entryRow-2]), count: max(row[entryRow-1], 1)}
		if b.rows.crowded(k) {
			return false
		}
	}
	return true
}

// use loads the bucket unless it is loaded. A damaged entry is dropped: its rows will be delivered once more.
func (l *Ledger) use(ctx context.Context, index int64, b *bucket) error {
	l.uses++
	b.used = l.uses
	if b.rows != nil {
		return nil
	}
	ops := make([]*storage.Operation, 0, b.next-b.first)
	for n := b.first; n < b.next; n++ {
		ops = append(ops, storage.GetOperation(entryKey(l.bucketKey(index), n)))
	}
	if err := l.Client.Batch(ctx, ops...); err != nil {
		return unreadable(err)
	}
	// There are no more rows than in the entries. The index is not trusted.
	rows := 0
	for _, op := range ops {
		rows += min(len(op.Value), maxEntry) / entryRow
	}
	b.rows = l.newRows(rows)
	damaged := 0
	for _, op := range ops {
		if !b.decode(op.Value) {
			damaged++
		}
	}
	if damaged > 0 {
		l.repair(index, b)
	}
	l.loaded = append(l.loaded, index)
	b.count = b.rows.count
	return nil
}

// newRows returns an empty table, which may be that of a bucket that is no longer loaded: for so many rows one of about
// the size, for a bucket that is to be filled, 0 rows, any.
func (l *Ledger) newRows(rows int) *table {
	spare := l.spare
	if spare == nil || rows > 0 && (len(spare.slots) < slotsFor(rows) || len(spare.slots) > 4*slotsFor(rows)) {
		return newTable(rows)
	}
	l.spare = nil
	return spare.emptied()
}

// bound empties the bucket of the rows without a received time when it is full, before another row is put into it.
func (l *Ledger) bound(index int64, b *bucket) {
	if index != timeless || b.count < maxTimeless {
		return
	}
	l.garbage = append(l.garbage, b.remove(l.bucketKey(index))...)
	*b = bucket{rows: newTable(0), first: b.next, next: b.next}
}

// repair has the bucket rewritten without the rows that its damaged entries held.
func (l *Ledger) repair(index int64, b *bucket) {
	which := "without a received time"
	if index != timeless {
		which = "received from " + startOf(index).Format(time.RFC3339) + " on, for " + bucketLength.String() + ","
	}
	l.Warn("remembered rows in the storage are damaged and have been dropped; rows " + which + " may be delivered once more")
	l.garbage = append(l.garbage, b.remove(l.bucketKey(index))...)
	b.first = b.next
	if b.unsaved = slices.Collect(b.rows.keys()); len(b.unsaved) > 0 {
		l.unsaved[index] = true
	}
	l.changed = true
}

// unload frees the buckets that were used least recently. The storage has them.
func (l *Ledger) unload() {
	// Buckets that have been dropped are no longer there, and those that came again may be there twice.
	slices.Sort(l.loaded)
	l.loaded = slices.DeleteFunc(slices.Compact(l.loaded), func(index int64) bool {
		b := l.buckets[index]
		return b == nil || b.rows == nil
	})
	slices.SortFunc(l.loaded, func(a, b int64) int { return int(l.buckets[b].used - l.buckets[a].used) })
	kept, rows := 0, 0
	for i, index := range l.loaded {
		b := l.buckets[index]
		if rows += b.count; i < 2 || i < maxLoaded && rows <= maxLoadedRows {
			kept++
			continue
		}
		l.spare = b.rows
		b.rows = nil
		b.unsaved = nil
	}
	l.loaded = l.loaded[:kept]
}

// reach is how far beyond a window a query may go: the Reporting Web Service is asked for whole seconds, and one more on
// either side.
const reach = 2 * time.Second

// mayComeAgain reports whether a window can still bring rows of the bucket.
func mayComeAgain(s plan.State, index int64) bool {
	return index == timeless || plan.MayComeAgain(s, within(index))
}

// within is the windows that may bring rows of the bucket.
func within(index int64) trace.Window {
	start := startOf(index)
	return trace.Window{Start: start.Add(-reach), End: start.Add(bucketLength + reach)}
}

func bucketOf(received time.Time) int64 {
	if received.IsZero() {
		return timeless
	}
	return received.Unix() / int64(bucketLength/time.Second)
}

func startOf(index int64) time.Time {
	return time.Unix(index*int64(bucketLength/time.Second), 0).UTC()
}

func entryKey(bucketKey string, n uint64) string {
	return bucketKey + "/" + strconv.FormatUint(n, 10)
}
