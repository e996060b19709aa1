// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// some are rows of 24 buckets, more than are held in memory.
func some(from, to int) (rows []ledger.Row) {
	for n := from; n < to; n++ {
		rows = append(rows, row(n, float64(n%240), trace.Delivered))
	}
	return rows
}

func TestAFailingWriteLosesNothing(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			b := open(t, s)
			b.SetState(collecting())
			b.deliver(t, some(0, 500)...)
			b.commit(t)

			s.failBatch = true
			for n := 500; n < 1000; n += 100 {
				assert.Len(t, b.deliver(t, some(n, n+100)...), 100)
				require.ErrorIs(t, b.Commit(t.Context()), errDisk)
			}
			assert.Empty(t, b.deliver(t, some(0, 1000)...), "nothing is repeated without a restart")
			assert.Equal(t, some(500, 1000), open(t, s).deliver(t, some(0, 1000)...), "a restart repeats the unsaved, and only that")

			s.failBatch = false
			b.commit(t)
			assert.Empty(t, open(t, s).deliver(t, some(0, 1000)...), "the unsaved came with the next commit")
		})
	}
}

func TestWhileWritesFailSettledMailIsForgotten(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	b.deliver(t, some(0, 240)...)
	b.commit(t)

	s.failBatch = true
	settled := collecting()
	settled.Served[0].UpTo = at(600)
	b.SetState(settled)
	require.Error(t, b.Commit(t.Context()))
	assert.Zero(t, b.Rows())

	// The mail comes again under the keys of the entries that have not been deleted yet.
	b.SetState(collecting())
	assert.Len(t, b.deliver(t, some(0, 10)...), 10)
	require.Error(t, b.Commit(t.Context()))
	assert.Equal(t, 240, open(t, s).Rows(), "the storage is as it was")

	s.failBatch = false
	b.commit(t)
	for _, b := range []*watched{b, open(t, s)} {
		assert.Equal(t, some(10, 20), b.deliver(t, some(0, 20)...))
		assert.Empty(t, b.warnings)
	}
	b.commit(t)
	b = open(t, s)
	assert.Empty(t, b.deliver(t, some(0, 20)...), "what was deleted once is not deleted again")
	assert.Empty(t, b.warnings)
	assert.Len(t, s.entries(), 2)
}

func TestAFailingReadIsAnError(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	b.deliver(t, some(0, 240)...)
	b.commit(t)

	s.failGet = true
	_, err := ledger.Open(t.Context(), ledger.Options{Client: s, Tenant: tenant})
	require.ErrorIs(t, err, errDisk)
	require.ErrorContains(t, err, "cannot read from the storage")
	s.failGet = false

	b = open(t, s)
	s.failGet = true
	_, _, err = b.IsNew(t.Context(), row(1, 1, trace.Delivered))
	require.ErrorIs(t, err, errDisk)
	require.ErrorIs(t, b.Remember(t.Context(), some(0, 1)), errDisk)
	isNew, _, err := b.IsNew(t.Context(), row(1, 300, trace.Delivered))
	require.NoError(t, err, "mail of which nothing is stored can go on")
	assert.True(t, isNew)
	assert.Equal(t, 240, b.Rows())

	s.failGet = false
	assert.Empty(t, b.deliver(t, some(0, 240)...))
}

// A storage that has never worked since the first start must not keep the mail, nor make a later start believe that it is
// the first.
func TestAStorageThatNeverWorkedIsWrittenAsSoonAsItDoes(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.failBatch = true
			b := open(t, s)
			b.SetState(collecting())
			require.ErrorIs(t, b.Commit(t.Context()), errDisk)
			for n := 0; n < 500; n += 100 {
				assert.Len(t, b.deliver(t, some(n, n+100)...), 100)
				require.ErrorIs(t, b.Commit(t.Context()), errDisk)
			}
			assert.Empty(t, b.deliver(t, some(0, 500)...), "it goes on in memory")
			assert.Empty(t, s.values)
			assert.Zero(t, open(t, s).State())

			s.failBatch = false
			b.commit(t)
			assert.Equal(t, []byte(tenant), s.values["tenant"])
			again := open(t, s)
			assert.Equal(t, at(600), again.State().Head.UTC())
			assert.Empty(t, again.deliver(t, some(0, 500)...))
			assert.Empty(t, again.warnings)
			assert.Len(t, openAs(t, s, "fabrikam.com").warnings, 1)

			// It is written once, not with each commit.
			delete(s.values, "tenant")
			b.deliver(t, some(500, 501)...)
			b.commit(t)
			assert.NotContains(t, s.values, "tenant")
		})
	}
}

func TestStorageErrors(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	s.failBatch, s.failGet = true, true
	_, opening := ledger.Open(t.Context(), ledger.Options{Client: s, Tenant: tenant})
	for want, err := range map[string]error{
		"cannot write to the storage: disk full":  b.Commit(t.Context()),
		"cannot read from the storage: disk full": opening,
	} {
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, errDisk)
		wrapped := fmt.Errorf("live: %w", err)
		assert.Equal(t, trouble.Storage, trouble.ScopeOf(wrapped))
		assert.Contains(t, trouble.HintOf(wrapped), "extension named in storage")
	}
	assert.Equal(t, trouble.Setup, trouble.ScopeOf(&ledger.DamagedError{Reason: "x"}))
	assert.Contains(t, trouble.HintOf(&ledger.DamagedError{Reason: "x"}), "initial_lookback")
}

func TestEntriesAreMergedAndDroppedWithoutAnyLeftOver(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			b := open(t, s)
			b.SetState(collecting())
			for n := range 200 {
				b.deliver(t, row(n, 5, trace.Delivered), row(n+1000, 15, trace.Pending))
				b.commit(t)
				assert.LessOrEqual(t, len(s.entries()), 2*16)
			}
			b = open(t, s)
			assert.Equal(t, 400, b.Rows())
			for n := range 200 {
				assert.Empty(t, b.deliver(t, row(n, 5, trace.Delivered), row(n+1000, 15, trace.Pending)))
			}
			assert.Empty(t, b.warnings)
			settled := collecting()
			settled.Served[0].UpTo = at(600)
			b.SetState(settled)
			b.commit(t)
			assert.Empty(t, s.entries())
			assert.Len(t, s.values, 3, "tenant, owner and position")
		})
	}
}

func TestADamagedEntryCostsRepeatsOfItsBucketAlone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(value []byte) []byte{
		"a flipped bit": func(v []byte) []byte { v[len(v)/2] ^= 1; return v },
		"cut short":     func(v []byte) []byte { return v[:len(v)-18] },
		"empty":         func([]byte) []byte { return []byte{} },
		"gone":          func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeIn(ledger.Memory{})
			b := open(t, s)
			b.SetState(collecting())
			for n := range 4 {
				b.deliver(t, row(n, 5, trace.Delivered), row(n+10, 65, trace.Delivered))
				b.commit(t)
			}
			all := []ledger.Row{
				row(0, 5, trace.Delivered), row(1, 5, trace.Delivered), row(2, 5, trace.Delivered), row(3, 5, trace.Delivered),
				row(10, 65, trace.Delivered), row(11, 65, trace.Delivered), row(12, 65, trace.Delivered), row(13, 65, trace.Delivered),
			}
			s.spoil(t, s.entries()[1], spoil)

			b = open(t, s)
			assert.Equal(t, all[1:2], b.deliver(t, all...))
			assert.Equal(t, []string{"remembered rows in the storage are damaged and have been dropped; " +
				"rows received from 2026-11-22T10:00:00Z on, for 10m0s, may be delivered once more"}, b.warnings)
			b.commit(t)
			assert.Len(t, s.entries(), 5, "the bucket has been written anew")

			b = open(t, s)
			assert.Empty(t, b.deliver(t, all...))
			assert.Empty(t, b.warnings, "said once")
		})
	}
}

func TestADamagedEntryOfRowsWithoutTime(t *testing.T) {
	t.Parallel()
	s := storeIn(ledger.Memory{})
	b := open(t, s)
	b.SetState(collecting())
	r := ledger.Row{Key: key(1), Status: trace.Delivered}
	b.deliver(t, r)
	b.commit(t)
	s.spoil(t, s.entries()[0], func(v []byte) []byte { return v[:1] })
	b = open(t, s)
	assert.Len(t, b.deliver(t, r), 1)
	require.Len(t, b.warnings, 1)
	assert.Contains(t, b.warnings[0], "rows without a received time may be delivered once more")
}

func TestADamagedPosition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil  func(value []byte) []byte
		reason string
	}{
		"a flipped bit": {func(v []byte) []byte { v[len(v)/2] ^= 1; return v }, "its checksum is wrong"},
		"cut short":     {func(v []byte) []byte { return v[:len(v)-1] }, "its checksum is wrong"},
		"empty":         {func([]byte) []byte { return []byte{} }, "its checksum is wrong"},
		"no JSON":       {func([]byte) []byte { return sealed("NO JSON") }, "invalid character"},
		"of the past":   {func([]byte) []byte { return sealed(`{"v":0}`) }, "another version of the receiver"},
		"of the future": {func([]byte) []byte { return sealed(`{"v":3}`) }, "another version of the receiver"},
		"no secret":     {func([]byte) []byte { return sealed(`{"v":2}`) }, "its secret cannot be used"},
		"15 bytes":      {func([]byte) []byte { return sealed(`{"v":2,"secret":"MTIzNDU2Nzg5MDEyMzQ1"}`) }, "its secret cannot be used"},
		"17 bytes":      {func([]byte) []byte { return sealed(`{"v":2,"secret":"MTIzNDU2Nzg5MDEyMzQ1Njc="}`) }, "its secret cannot be used"},
		"zeros":         {func([]byte) []byte { return sealed(`{"v":2,"secret":"AAAAAAAAAAAAAAAAAAAAAA=="}`) }, "its secret cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeIn(ledger.Memory{})
			b := open(t, s)
			b.SetState(collecting())
			b.commit(t)
			s.spoil(t, s.position(t), c.spoil)
			spoiled := s.values[s.position(t)]

			_, err := ledger.Open(t.Context(), ledger.Options{Client: s, Tenant: tenant})
			var damaged *ledger.DamagedError
			require.ErrorAs(t, err, &damaged)
			require.ErrorContains(t, err, c.reason)
			assert.Contains(t, damaged.Hint(), "to start over")
			assert.Equal(t, spoiled, s.values[s.position(t)], "it is left as it is")
		})
	}
}

// sealed is a text with its checksum.
func sealed(text string) []byte {
	sum := crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Appendf(nil, "%08x\n%s", sum, text)
}

func TestAnotherTenantsStateIsSetAside(t *testing.T) {
	t.Parallel()
	for name, newStore := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			b := open(t, s)
			assert.Empty(t, b.warnings, "the first start")
			b.SetState(collecting())
			b.deliver(t, some(0, 10)...)
			b.commit(t)

			b = openAs(t, s, "Contoso.COM")
			assert.Empty(t, b.warnings, "the case of a tenant does not count")
			assert.Equal(t, 10, b.Rows())

			b = openAs(t, s, "fabrikam.com")
			assert.Equal(t, []string{"the storage holds the state of another tenant, which is set aside: tenant_id has changed"}, b.warnings)
			assert.Zero(t, b.State())
			b.SetState(plan.State{Begin: at(0), Head: at(1)})
			assert.Len(t, b.deliver(t, some(0, 10)...), 10)
			b.commit(t)
			assert.Empty(t, openAs(t, s, "fabrikam.com").warnings)

			b = open(t, s)
			assert.Len(t, b.warnings, 1)
			assert.Empty(t, b.deliver(t, some(0, 10)...), "coming back finds the old state")
			assert.True(t, at(600).Equal(b.State().Head))
		})
	}
}
