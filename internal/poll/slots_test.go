// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestTheLowestLimitBoundsAllJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		leave := s.join(1)
		s.join(3)
		var order []trace.Lane
		release, err := s.acquire(t.Context(), trace.Backfill)
		require.NoError(t, err)
		wait := func(lane trace.Lane) {
			release, err := s.acquire(t.Context(), lane)
			if !assert.NoError(t, err) { //nolint:testifylint // require must not end another goroutine
				return
			}
			order = append(order, lane)
			defer release()
		}
		go wait(trace.Backfill)
		synctest.Wait()
		go wait(trace.Live)
		synctest.Wait()
		assert.Empty(t, order, "the only slot is taken")
		release()
		release()
		synctest.Wait()
		assert.Equal(t, []trace.Lane{trace.Live, trace.Backfill}, order, "backfill lets others go first")

		first, err := s.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		go wait(trace.Revisit)
		synctest.Wait()
		assert.Len(t, order, 2)
		leave()
		synctest.Wait()
		assert.Len(t, order, 3, "without the receiver that allowed one, there are three")
		first()
		assert.Zero(t, s.running)
	})
}

func TestWaitForASlotEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{}
		s.join(1)
		release, err := s.acquire(t.Context(), trace.Live)
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(assert.AnError)
		_, err = s.acquire(ctx, trace.Live)
		require.ErrorIs(t, err, assert.AnError)
		release()
		assert.Zero(t, s.running)
		assert.Empty(t, s.waiting[0])
	})
}
