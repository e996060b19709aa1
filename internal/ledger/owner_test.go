// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// sharedStore is a storage client that several owners use at the same time.
type sharedStore struct {
	mu    sync.Mutex
	store *store
}

func newSharedStore() *sharedStore { return &sharedStore{store: storeIn(ledger.Memory{})} }

func (s *sharedStore) Get(ctx context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Get(ctx, key)
}

func (s *sharedStore) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

func (s *sharedStore) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

func (s *sharedStore) Batch(ctx context.Context, ops ...*storage.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Batch(ctx, ops...)
}

func (*sharedStore) Close(context.Context) error { return nil }

// marks counts the batches that are marked as in hand.
func (s *sharedStore) marks() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.store.values {
		if strings.Contains(key, "/hand/") {
			n++
		}
	}
	return n
}

func openFenced(t *testing.T, client storage.Client) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Client: client, Tenant: tenant, Warn: func(string) {}, Fenced: true})
	require.NoError(t, err)
	return l
}

func requireTaken(t *testing.T, err error) {
	t.Helper()
	var taken *ledger.TakenError
	require.ErrorAs(t, err, &taken)
	assert.Equal(t, trouble.Setup, taken.Scope())
	assert.Contains(t, taken.Hint(), "k8s_leader_elector")
}

func TestWhoeverOpensAFencedLedgerTakesIt(t *testing.T) {
	t.Parallel()
	s := newSharedStore()
	first := openFenced(t, s)
	require.NoError(t, first.Take(t.Context()))
	require.NoError(t, first.Remember(t.Context(), some(0, 10)))
	first.SetState(collecting())
	assert.Equal(t, 1, s.marks())
	require.NoError(t, first.Commit(t.Context()))
	assert.Zero(t, s.marks())

	second := openFenced(t, s)
	assert.Equal(t, 10, second.Rows())
	requireTaken(t, first.Take(t.Context()))
	assert.True(t, first.Taken())
	assert.Zero(t, s.marks(), "who may deliver nothing has nothing in hand")
	requireTaken(t, first.Take(t.Context()))
	require.NoError(t, first.Remember(t.Context(), some(10, 20)))
	requireTaken(t, first.Commit(t.Context()))

	require.NoError(t, second.Take(t.Context()))
	require.NoError(t, second.Commit(t.Context()))
	assert.Zero(t, s.marks(), "also where nothing else is to be stored")
	assert.False(t, second.Taken())
	assert.Equal(t, 10, openFenced(t, s).Rows(), "the first one has stored nothing any more")
}

func TestABatchInHandIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// after is how long the owner before takes to store its batch; 0 means that it never does.
		after, waited time.Duration
		rows          int
	}{
		"stored soon":     {250 * time.Millisecond, 300 * time.Millisecond, 10},
		"stored late":     {2950 * time.Millisecond, 3 * time.Second, 10},
		"stored too late": {4 * time.Second, 3 * time.Second, 0},
		"never stored":    {0, 3 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSharedStore()
				first := openFenced(t, s)
				first.SetState(collecting())
				require.NoError(t, first.Take(t.Context()))
				require.NoError(t, first.Remember(t.Context(), some(0, 10)))
				var storing sync.WaitGroup
				defer storing.Wait()
				if c.after > 0 {
					storing.Go(func() {
						time.Sleep(c.after)
						if err := first.Commit(t.Context()); c.rows == 0 {
							requireTaken(t, err)
						}
					})
				}
				began := time.Now()
				second := openFenced(t, s)
				assert.Equal(t, c.waited, time.Since(began))
				assert.Equal(t, c.rows, second.Rows())
				require.NoError(t, second.Take(t.Context()))
				second.SetState(collecting())
				require.NoError(t, second.Commit(t.Context()))
				assert.Zero(t, s.marks(), "what the one before has left behind goes")
			})
		})
	}
}

func TestTheWaitForABatchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSharedStore()
		first := openFenced(t, s)
		require.NoError(t, first.Take(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := ledger.Open(ctx, ledger.Options{Client: s, Tenant: tenant, Warn: func(string) {}, Fenced: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAFenceThatCannotBeSeenLetsNothingThrough(t *testing.T) {
	t.Parallel()
	s := newSharedStore()
	l := openFenced(t, s)
	s.store.failGet = true
	require.ErrorIs(t, l.Take(t.Context()), errDisk)
	s.store.failGet = false
	require.NoError(t, l.Take(t.Context()))
	require.NoError(t, l.Commit(t.Context()))
	s.store.failBatch, s.store.failGet = true, true
	_, err := ledger.Open(t.Context(), ledger.Options{Client: s, Tenant: tenant, Warn: func(string) {}, Fenced: true})
	require.ErrorIs(t, err, errDisk)
}

func TestASecondOwnerIsNoticedWithoutAFence(t *testing.T) {
	t.Parallel()
	s := newSharedStore()
	first, second := open(t, s), open(t, s)
	first.SetState(collecting())
	first.commit(t)
	first.deliver(t, some(0, 10)...)
	first.commit(t)
	require.NoError(t, first.Take(t.Context()))
	assert.Zero(t, s.marks())

	second.SetState(collecting())
	second.commit(t)
	first.deliver(t, row(11, 0, trace.Delivered))
	requireTaken(t, first.Commit(t.Context()))
	requireTaken(t, first.Take(t.Context()))
	second.deliver(t, row(12, 0, trace.Delivered))
	second.commit(t)

	s.store.spoil(t, keyOf(s.store, "/owner"), func([]byte) []byte { return nil })
	second.deliver(t, row(13, 0, trace.Delivered))
	second.commit(t)
}

// keyOf returns the key that ends so.
func keyOf(s *store, end string) string {
	for key := range s.values {
		if strings.HasSuffix(key, end) {
			return key
		}
	}
	return ""
}
