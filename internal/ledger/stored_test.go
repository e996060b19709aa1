// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/memtest"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Any stored byte may be wrong, under a checksum that is right.

// indexed writes an index of one bucket after the other.
func indexed(buckets ...[4]uint64) (index []byte) {
	for _, b := range buckets {
		index = binary.AppendVarint(index, int64(b[0]))
		for _, value := range b[1:] {
			index = binary.AppendUvarint(index, value)
		}
	}
	return index
}

func TestTheIndexIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	l := &Ledger{buckets: map[int64]*bucket{
		timeless:   {first: 3, next: 4, count: 7},
		0:          {first: 0, next: 0},
		2_971_000:  {first: maxFirst, next: maxFirst + maxEntries, count: maxRows},
		lastBucket: {first: 1, next: 2, count: 1},
	}}
	buckets, err := decodeIndex(l.encodeIndex())
	require.NoError(t, err)
	assert.Equal(t, l.buckets, buckets)

	buckets, err = decodeIndex(nil)
	require.NoError(t, err)
	assert.Empty(t, buckets)
}

func TestAnIndexThatNoLedgerWrites(t *testing.T) {
	t.Parallel()
	before := uint64(math.MaxUint64)
	for name, index := range map[string][]byte{
		"cut short":                   indexed([4]uint64{5, 1, 1, 1})[:3],
		"a number without end":        {0x80, 0x80},
		"a number that is too large":  append(indexed([4]uint64{5, 1, 1, 1})[:1], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"a bucket twice":              indexed([4]uint64{5, 1, 1, 1}, [4]uint64{0, 1, 1, 1}),
		"in another order":            indexed([4]uint64{5, 1, 1, 1}, [4]uint64{before, 1, 1, 1}),
		"before 1970":                 indexed([4]uint64{before, 1, 1, 1}),
		"after 2261":                  indexed([4]uint64{uint64(lastBucket) + 1, 1, 1, 1}),
		"an overflow":                 indexed([4]uint64{5, 1, 1, 1}, [4]uint64{math.MaxInt64, 1, 1, 1}),
		"more entries than there are": indexed([4]uint64{5, 1, maxEntries + 1, 1}),
		"entries without end":         indexed([4]uint64{5, 1, math.MaxUint64, 1}),
		"entries from the end on":     indexed([4]uint64{5, math.MaxUint64, 1, 1}),
		"rows without end":            indexed([4]uint64{5, 1, 1, math.MaxUint64}),
		"more rows than memory":       indexed([4]uint64{5, 1, 1, 1 << 40}),
		"more buckets than there are": bytes.Repeat(indexed([4]uint64{1, 1, 1, 1}), maxBuckets+1),
	} {
		_, err := decodeIndex(index)
		require.ErrorIs(t, err, errIndex, name)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte{})
	f.Add(indexed([4]uint64{5, 1, 1, 1}, [4]uint64{1, 2, 3, 4}))
	f.Add((&Ledger{buckets: map[int64]*bucket{timeless: {next: 1, count: 9}, 2_971_000: {first: 7, next: 9, count: 100}}}).encodeIndex())
	f.Fuzz(func(t *testing.T, index []byte) {
		buckets, err := decodeIndex(index)
		if err != nil {
			require.Nil(t, buckets)
			return
		}
		again, err := decodeIndex((&Ledger{buckets: buckets}).encodeIndex())
		require.NoError(t, err)
		require.Equal(t, buckets, again)
	})
}

// seal gives text the checksum of a position.
func seal(text []byte) []byte {
	return fmt.Appendf(nil, "%08x\n%s", crc32.Checksum(text, castagnoli), text)
}

// stored is a storage that holds a position, and one entry in each of some buckets.
func stored(position, entry []byte) Memory {
	m := Memory{"tenant": []byte("t")}
	l := &Ledger{Options: Options{Tenant: "t"}}
	m[l.key("position")] = seal(position)
	for _, index := range someBuckets {
		m[entryKey(l.bucketKey(index), 0)] = entry
	}
	return m
}

var (
	monday      = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	someBuckets = []int64{timeless, 0, bucketOf(monday), bucketOf(monday) + 1}
)

// use opens a ledger and does with it what receivers do.
func use(t *testing.T, m Memory) {
	t.Helper()
	ctx := t.Context()
	l, err := Open(ctx, Options{Client: m, Tenant: "t", Warn: func(string) {}})
	if err != nil {
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged)
		return
	}
	assert.GreaterOrEqual(t, l.Rows(), 0)
	l.Remembered(trace.Window{Start: monday.Add(-time.Hour), End: monday.Add(time.Hour)})
	for n, received := range []time.Time{{}, time.Unix(1, 0), monday, monday.Add(bucketLength), trace.MaxTime} {
		r := Row{Key: trace.Key{byte(n)}, Received: received, Status: trace.Delivered}
		_, _, err := l.IsNew(ctx, r)
		require.NoError(t, err)
		require.NoError(t, l.Remember(ctx, []Row{r}))
	}
	require.NoError(t, l.Commit(ctx))
	kept, _ := plan.DropUnkept(l.State(), monday, plan.Config{Retention: 90 * 24 * time.Hour})
	l.SetState(kept)
	require.NoError(t, l.Commit(ctx))

	again, err := Open(ctx, Options{Client: m, Tenant: "t", Warn: func(text string) { assert.Fail(t, text) }})
	require.NoError(t, err, "what has been read is written so that it can be read")
	assert.Equal(t, string(l.encodePosition()), string(again.encodePosition()))
}

// positionOf is the JSON text of a position.
func positionOf(tb testing.TB, change func(p *position)) []byte {
	tb.Helper()
	p := position{
		Format: positionFormat, Secret: []byte("0123456789abcdef"), Statuses: statuses{"onHold"}, Stamps: []int64{monday.UnixNano()},
		State: plan.State{
			Begin: monday.Add(-time.Hour), Head: monday, Ticked: monday, Served: []plan.Served{{Age: time.Hour, UpTo: monday.Add(-time.Hour)}},
			Unread: plan.Intervals{{Start: monday.Add(-time.Hour), End: monday}},
		},
		Buckets: (&Ledger{buckets: map[int64]*bucket{
			timeless: {next: 1, count: 1}, 0: {next: 1, count: 1}, bucketOf(monday): {next: 1, count: 1}, bucketOf(monday) + 1: {next: 1, count: 1},
		}}).encodeIndex(),
	}
	change(&p)
	text, err := json.Marshal(p)
	require.NoError(tb, err)
	return text
}

func TestAPositionThatNoLedgerWrites(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *position){
		"an index that is damaged":       func(p *position) { p.Buckets = []byte{1} },
		"a time before 1970":             func(p *position) { p.State.Head = time.Unix(-1, 0) },
		"a time after 2261":              func(p *position) { p.State.Ticked = trace.MaxTime.Add(1) },
		"a window after 2261":            func(p *position) { p.State.Again = plan.Intervals{{Start: monday, End: trace.MaxTime.Add(1)}} },
		"a window that ends as it began": func(p *position) { p.State.Unread[0].End = p.State.Unread[0].Start },
		"a window twice":                 func(p *position) { p.State.Unread = append(p.State.Unread, p.State.Unread[0]) },
		"windows that touch": func(p *position) {
			p.State.Due = plan.Intervals{{Start: monday, End: monday.Add(1)}, {Start: monday.Add(1), End: monday.Add(2)}}
		},
		"a window without beginning": func(p *position) { p.State.Asked = plan.Intervals{{End: monday}} },
		"an age served after 2261":   func(p *position) { p.State.Served[0].UpTo = trace.MaxTime.Add(1) },
		"too many statuses":          func(p *position) { p.Statuses = make(statuses, 250) },
		"a status that is too long":  func(p *position) { p.Statuses[0] = trace.Status(strings.Repeat("x", maxStatus+1)) },
		"too many bytes":             func(p *position) { p.State.Range = strings.Repeat("x", maxPosition) },
	} {
		_, err := Open(t.Context(), Options{Client: stored(positionOf(t, change), nil), Tenant: "t"})
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, name)
	}
	use(t, stored(positionOf(t, func(*position) {}), nil))
}

func TestOnlyTheLatestStampsAreStored(t *testing.T) {
	t.Parallel()
	var stamps []time.Time
	for i := range maxStamps + 5 {
		stamps = append(stamps, monday.Add(time.Duration(i)))
	}
	m := Memory{}
	l, err := Open(t.Context(), Options{Client: m, Tenant: "t", Stamps: func() []time.Time { return stamps }})
	require.NoError(t, err)
	l.SetState(plan.State{Head: monday})
	require.NoError(t, l.Commit(t.Context()))
	l, err = Open(t.Context(), Options{Client: m, Tenant: "t"})
	require.NoError(t, err)
	assert.Equal(t, stamps[5:], l.SavedStamps())
}

func FuzzPosition(f *testing.F) {
	f.Add(positionOf(f, func(*position) {}))
	f.Add(positionOf(f, func(p *position) { p.Buckets, p.Stamps, p.State = nil, nil, plan.State{} }))
	f.Add(positionOf(f, func(p *position) { p.State.Served[0].Age = -1 }))
	f.Add([]byte(`{"v":2,"secret":"MTIzNDU2Nzg5MDEyMzQ1Ng==","state":{"Unread":[{"Start":"0001-01-01T00:00:00Z","End":"9999-12-31T23:59:59-14:00"}]}}`))
	f.Add([]byte(`{"v":2,"secret":"MTIzNDU2Nzg5MDEyMzQ1Ng==","buckets":"////////////AQ=="}`))
	f.Fuzz(func(t *testing.T, position []byte) { use(t, stored(position, nil)) })
}

// entryOf is an entry with a right checksum.
func entryOf(rows []byte) []byte {
	entry := append(make([]byte, crc32.Size), rows...)
	binary.BigEndian.PutUint32(entry, crc32.Checksum(rows, castagnoli))
	return entry
}

func FuzzEntry(f *testing.F) {
	row := append(bytes.Repeat([]byte{7}, len(trace.Key{})), 4, 1)
	f.Add([]byte{})
	f.Add(append([]byte{entryFormat}, row...))
	f.Add(append([]byte{entryFormat}, bytes.Repeat(row, 3)...))
	f.Add(append([]byte{entryFormat}, make([]byte, 36)...))
	position := positionOf(f, func(*position) {})
	f.Fuzz(func(t *testing.T, rows []byte) {
		use(t, stored(position, entryOf(rows)))
		use(t, stored(position, rows))
	})
}

// hashed are n rows with keys as they are.
func hashed(n int) []byte {
	rows := make([]byte, 1+n*entryRow)
	seed := uint64(1)
	for i := 1; i+8 <= len(rows); i += 8 {
		seed = seed*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(rows[i:], seed)
	}
	rows[0] = entryFormat
	return rows
}

// clustered are n rows whose keys all belong into one slot.
func clustered(n int) []byte {
	rows := make([]byte, 1, 1+n*entryRow)
	rows[0] = entryFormat
	for i := range n {
		var k trace.Key
		binary.BigEndian.PutUint64(k[8:], uint64(i))
		rows = append(append(rows, k[:]...), 4, 1)
	}
	return rows
}

func TestKeysThatNobodyHashedAreDamage(t *testing.T) {
	t.Parallel()
	m := stored(positionOf(t, func(*position) {}), entryOf(clustered(20*maxOthers)))
	l, err := Open(t.Context(), Options{Client: m, Tenant: "t", Warn: func(string) {}})
	require.NoError(t, err)
	_, _, err = l.IsNew(t.Context(), Row{Received: monday})
	require.NoError(t, err)
	assert.LessOrEqual(t, l.buckets[bucketOf(monday)].count, 2*maxOthers)
}

// A storage of 64 MiB, whatever is in it, takes a bounded amount of memory.
func TestMemoryOfForgedStorages(t *testing.T) {
	const maxPeak = 200 << 20
	const begin = `{"v":2,"secret":"MTIzNDU2Nzg5MDEyMzQ1Ng==",`
	list := func(begin, part, end string) []byte {
		return []byte(begin + strings.TrimSuffix(strings.Repeat(part+",", (maxPosition-100)/(len(part)+1)), ",") + end)
	}
	whole := func(entry []byte) Memory { return stored(positionOf(t, func(*position) {}), entryOf(entry)) }
	for name, storage := range map[string]func() Memory{
		"a large position": func() Memory { return stored(bytes.Repeat([]byte("x"), 32<<20), nil) },
		"windows":          func() Memory { return stored(list(begin+`"state":{"Unread":[`, `{}`, `]}}`), nil) },
		"stamps":           func() Memory { return stored(list(begin+`"stamps":[`, `1`, `]}`), nil) },
		"statuses":         func() Memory { return stored(list(begin+`"statuses":[`, `""`, `]}`), nil) },
		"counts": func() Memory {
			return stored(positionOf(t, func(p *position) {
				p.Buckets = indexed([4]uint64{0, 0, 1, maxRows}, [4]uint64{uint64(bucketOf(monday)), 0, 1, maxRows})
			}), entryOf([]byte{entryFormat}))
		},
		"an entry":       func() Memory { return whole(hashed((maxEntry - entryHeader) / entryRow)) },
		"a larger entry": func() Memory { return whole(hashed((maxEntry + 1<<20) / entryRow)) },
	} {
		t.Run(name, func(t *testing.T) {
			peak := memtest.Peak(func() {
				l, err := Open(t.Context(), Options{Client: storage(), Tenant: "t", Warn: func(string) {}})
				if err == nil {
					_, _, err = l.IsNew(t.Context(), Row{Received: monday})
					require.NoError(t, err)
				}
			})
			t.Logf("peak %d MiB", peak>>20)
			assert.LessOrEqual(t, peak, int64(maxPeak))
		})
	}
}
