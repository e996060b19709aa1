// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestTheSpareLaneTakesWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{Requests: 10, Interval: time.Minute})
		use(t, q, trace.Details, 5)
		assert.False(t, q.Await(t.Context(), trace.Details, 0), "no more than half")
		assert.True(t, q.Await(t.Context(), trace.Live, 0))
		time.Sleep(time.Minute + expired)
		use(t, q, trace.Live, 5)
		assert.False(t, q.Await(t.Context(), trace.Details, 50*time.Second), "what mail has used counts, and nothing is owed")
		assert.True(t, q.Await(t.Context(), trace.Details, 11*time.Second))
	})
}

func TestTheSpareLaneComesLastAndKeepsAwayFromScarcity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, began := NewQuota(Rate{Requests: 2, Interval: time.Minute}), time.Now()
		use(t, q, trace.Live, 2)
		details := acquire(t.Context(), q, trace.Details)
		backfill := acquire(t.Context(), q, trace.Backfill)
		require.NoError(t, <-backfill)
		q.Release()
		asked := time.Since(began)
		require.NoError(t, <-details)
		q.Release()
		assert.GreaterOrEqual(t, time.Since(began)-asked, time.Minute, "another lane had to wait a minute ago")
	})
	synctest.Test(t, func(t *testing.T) {
		q := NewQuota(Rate{Requests: 10, Interval: time.Minute})
		use(t, q, trace.Live, 10)
		assert.False(t, q.Await(t.Context(), trace.Live, 0))
		assert.False(t, q.Await(t.Context(), trace.Details, 59*time.Second))
		assert.True(t, q.Await(t.Context(), trace.Details, 2*time.Second))
	})
}

func TestTheSpareLaneWithoutALimit(t *testing.T) {
	t.Parallel()
	q := NewQuota(Rate{})
	assert.True(t, q.Await(t.Context(), trace.Details, 0))
	use(t, q, trace.Details, 100)
}

// A client with a cap of its own leaves the lanes of the budget as they are.
func TestACapBoundsOneClientAlone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer server.Close()
	endpoint, err := url.Parse(server.URL + "/x")
	require.NoError(t, err)
	client := newClientOver(server.Client(), endpoint, nil)
	client.Cap, client.Lane = NewQuota(Rate{Requests: 2, Interval: time.Hour}), trace.Live
	for range 2 {
		_, err = client.Get(t.Context(), trace.Details, endpoint, http.Header{})
		require.NoError(t, err)
	}
	assert.False(t, client.Cap.Await(t.Context(), trace.Live, 0))
	assert.True(t, client.Quota.Await(t.Context(), trace.Live, 0))
	assert.Len(t, client.Cap.Stamps(), 2)
}
