// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/o365messagetrace/o365messagetrace/internal/ledger"
	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// common is a storage that several use at the same time.
type common struct {
	mu sync.Mutex
	ledger.Memory
}

func (c *common) Get(ctx context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Get(ctx, key)
}

func (c *common) Set(ctx context.Context, key string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Set(ctx, key, value)
}

func (c *common) Delete(ctx context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Delete(ctx, key)
}

func (c *common) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Memory.Batch(ctx, ops...)
}

// fenced is a bench that is one of several with one state.
func fenced(t *testing.T, s *service, store storage.Client) *bench {
	t.Helper()
	b := resume(t, s, nil, ledger.Memory{})
	known, err := ledger.Open(t.Context(), ledger.Options{Client: store, Tenant: "contoso.com", Warn: func(m string) { t.Error(m) }, Fenced: true})
	require.NoError(t, err)
	if known.State().Head.IsZero() {
		known.SetState(plan.Tick(plan.State{}, ten, ten, plan.Config{Interval: 5 * time.Minute, InitialLookback: time.Hour}))
	}
	b.Ledger = known
	b.publish()
	return b
}

// TestWhoeverTakesOverGoesOnAfterTheBatchInHand has another collector take the state while a pipeline refuses the rest of a
// batch.
func TestWhoeverTakesOverGoesOnAfterTheBatchInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &common{Memory: ledger.Memory{}}
		s := &service{rows: mails(6), pageSize: 3}
		first := fenced(t, s, store)
		out := &replies{all: []reply{{"12", some(errFull)}}}
		first.Consumer = out
		ended := make(chan error)
		go func() {
			_, err := first.run(t.Context())
			ended <- err
		}()
		// Between the refusal and the second offer.
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		second := fenced(t, s, store)
		assert.Zero(t, time.Since(began), "nobody waits for what has been refused")
		assert.Equal(t, trouble.Setup, trouble.ScopeOf(<-ended))
		assert.True(t, first.Taken())
		for _, err := range first.watcher.stored {
			require.NoError(t, err, "no trouble of the storage")
		}
		second.Consumer = out
		_, err := second.run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "123456", sorted(out.taken))
		assert.False(t, second.Taken())
	})
}
