// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func page(t *testing.T, s *buffers, text string, length int64) *Response {
	t.Helper()
	body, err := new(Client).readAll(t.Context(), &http.Response{Body: io.NopCloser(strings.NewReader(text)), ContentLength: length}, s)
	require.NoError(t, err)
	require.Equal(t, text, string(body))
	return &Response{Body: body, buffers: s}
}

func TestPagesUseTheMemoryOfPagesThatAreDone(t *testing.T) {
	t.Parallel()
	s := &buffers{}
	first, second := page(t, s, strings.Repeat("1", 5000), 5000), page(t, s, "22", -1)
	one, two := &first.Body[0], &second.Body[0]
	assert.Equal(t, strings.Repeat("1", 5000), string(first.Body), "a page in hand stays as it is")
	first.Release()
	first.Release()
	assert.Nil(t, first.Body)
	third := page(t, s, "333", -1)
	assert.Same(t, one, &third.Body[0])
	fourth := page(t, s, "4", -1)
	assert.NotSame(t, one, &fourth.Body[0])
	assert.NotSame(t, two, &fourth.Body[0])
	assert.Equal(t, "22333", string(second.Body)+string(third.Body))
}

func TestTheBuffersHoldLittle(t *testing.T) {
	t.Parallel()
	s := &buffers{}
	for range 5 {
		s.put(make([]byte, 1))
	}
	assert.Len(t, s.free, maxFree)
	s = &buffers{}
	s.put(make([]byte, LargePage+2))
	assert.Empty(t, s.free)
}

func TestRoomForAPage(t *testing.T) {
	t.Parallel()
	const length = 100_000
	exact := page(t, &buffers{}, strings.Repeat("x", length), length)
	assert.Equal(t, length+1, cap(exact.Body), "as much as it says, and what the end takes")
	assert.LessOrEqual(t, cap((&buffers{}).take(1<<40)), LargePage+1, "what a response says is not believed")

	c := &Client{}
	resp := func() *http.Response {
		return &http.Response{Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 3<<20))), ContentLength: -1}
	}
	_, err := c.readAll(t.Context(), resp(), &buffers{})
	require.NoError(t, err)
	next, err := c.readAll(t.Context(), resp(), &buffers{})
	require.NoError(t, err)
	assert.Less(t, cap(next), 4<<20, "as much as the page before took, and a little more")
}

func TestReuse(t *testing.T) {
	t.Parallel()
	ctx, done := Reuse(t.Context())
	defer done()
	one, another := buffersOf(ctx), buffersOf(ctx)
	assert.Same(t, one, another)
	one, another = buffersOf(t.Context()), buffersOf(t.Context())
	assert.NotSame(t, one, another, "without it, every page has its own")
}

// A page larger than those that services send has the process's memory to itself until it is done.
func TestLargePagesTakeTurns(t *testing.T) {
	large := func(ctx context.Context, s *buffers) ([]byte, error) {
		content := io.NopCloser(strings.NewReader(strings.Repeat("x", LargePage+2)))
		return new(Client).readAll(ctx, &http.Response{Body: content, ContentLength: -1}, s)
	}
	synctest.Test(t, func(t *testing.T) {
		percent := debug.SetGCPercent(100)
		defer debug.SetGCPercent(percent)
		turn := make(chan struct{}, 1)
		one, other := &buffers{turn: turn}, &buffers{turn: turn}
		body, err := large(t.Context(), one)
		require.NoError(t, err)
		assert.Equal(t, gcPercent, debug.SetGCPercent(gcPercent))

		began := time.Now()
		_, err = large(t.Context(), other)
		require.ErrorIs(t, err, ErrTooLargeAtOnce)
		assert.Equal(t, maxWaitForLarge, time.Since(began))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(io.ErrClosedPipe)
		_, err = large(ctx, other)
		require.ErrorIs(t, err, io.ErrClosedPipe)

		time.AfterFunc(time.Second, (&Response{Body: body, buffers: one}).Release)
		_, err = large(t.Context(), other)
		require.NoError(t, err, "once the first is done")
		_, err = large(t.Context(), other)
		require.NoError(t, err, "a job does not wait for itself")
		other.put(make([]byte, 0, LargePage+2))
		assert.Empty(t, turn)
		assert.Equal(t, 100, debug.SetGCPercent(100), "as before")

		_, err = new(Client).readAll(t.Context(), &http.Response{Body: io.NopCloser(io.LimitReader(zeros{}, maxBody+1)), ContentLength: -1}, one)
		require.ErrorIs(t, err, ErrTooLarge)
		assert.Empty(t, turn)
	})
}

// TestAJobThatEndsEndsItsTurn is of a job whose large page was never read.
func TestAJobThatEndsEndsItsTurn(t *testing.T) {
	ctx, done := Reuse(t.Context())
	s := buffersOf(ctx)
	s.turn = make(chan struct{}, 1)
	require.NoError(t, s.beginLarge(ctx))
	done()
	assert.Empty(t, s.turn)
	s.turn = largePage
}
