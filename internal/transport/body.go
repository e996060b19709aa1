// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// maxBody bounds a page after decompression, in bytes. The largest page, 5000 Graph rows, has about 2 MB.
	maxBody = 64 << 20
	// firstRoom is how much room, in bytes, there is for a page of unknown size at first. It doubles as the page grows.
	firstRoom = 256 << 10
	// LargePage is the size, in bytes, beyond which a page is larger than any that the services are known to send. Only one
	// such page is in memory at a time, and its memory is not kept for another one.
	LargePage = 4 << 20
	// maxFree is how many pages' memory is kept for others.
	maxFree = 2
	// gcPercent is how much garbage may pile up, in percent of what is in use, while there is a large page.
	gcPercent = 20
	// maxWaitForLarge is how long a large page waits until the one before it has been delivered.
	maxWaitForLarge = time.Minute
)

// ErrTooLarge is a response of more than 64 MiB after decompression.
var ErrTooLarge = errors.New("the response has more than 64 MiB")

// ErrTooLargeAtOnce is a response of more than 4 MiB while another one is still in hand.
var ErrTooLargeAtOnce = errors.New("the response has more than 4 MiB, and another one as large has not been delivered yet")

// largePage has room for the one large page of the process, so that memory is bounded however many receivers there are.
var largePage = make(chan struct{}, 1)

// buffers holds the memory of pages that are done, for the next pages of the same job.
type buffers struct {
	mu sync.Mutex
	// free is at most two: a page in hand and the one ahead of it.
	free [][]byte
	// turn has room for one large page at a time; nil waits for no other.
	turn chan struct{}
	// finish ends the turn of the job's large page, nil if it has none.
	finish func()
}

// bufferPool holds those of jobs that are done. Garbage collection empties it, so that a receiver that rests holds none.
var bufferPool = sync.Pool{New: func() any { return &buffers{turn: largePage} }}

type buffersKey struct{}

// Reuse returns a context in which pages use the memory of pages that have been released in it. done is to be called when
// all of them have been read.
func Reuse(ctx context.Context) (reusing context.Context, done func()) {
	s := bufferPool.Get().(*buffers)
	return context.WithValue(ctx, buffersKey{}, s), func() {
		s.mu.Lock()
		s.finishLarge()
		s.mu.Unlock()
		bufferPool.Put(s)
	}
}

// buffersOf returns the buffers of the context; without any, empty ones.
func buffersOf(ctx context.Context) *buffers {
	if s, ok := ctx.Value(buffersKey{}).(*buffers); ok {
		return s
	}
	return &buffers{}
}

// take returns memory for a page that has about so many bytes.
func (s *buffers) take(length int64) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		body := s.free[n-1]
		s.free = s.free[:n-1]
		return body
	}
	// One more, so that the end is met without growing.
	return make([]byte, 0, min(length, LargePage)+1)
}

// put gives the memory of a page to the next one.
func (s *buffers) put(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(body) > LargePage+1 {
		s.finishLarge()
	} else if len(s.free) < maxFree {
		s.free = append(s.free, body[:0])
	}
}

// beginLarge waits for the turn of a large page. While it lasts, garbage is collected sooner.
func (s *buffers) beginLarge(ctx context.Context) error {
	s.mu.Lock()
	has := s.finish != nil
	s.mu.Unlock()
	if s.turn == nil || has {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWaitForLarge, ErrTooLargeAtOnce)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	before := debug.SetGCPercent(gcPercent)
	if before >= 0 && before < gcPercent {
		debug.SetGCPercent(before)
	}
	// What the large page before has left goes first.
	debug.FreeOSMemory()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish = func() {
		debug.SetGCPercent(before)
		<-s.turn
	}
	return nil
}

// finishLarge ends the turn, if there is one. The caller holds the lock.
func (s *buffers) finishLarge() {
	if s.finish != nil {
		s.finish()
		s.finish = nil
	}
}

// readAll reads the page of a response into memory from the buffers.
func (c *Client) readAll(ctx context.Context, resp *http.Response, s *buffers) ([]byte, error) {
	length := resp.ContentLength
	if length < 0 {
		// Pages that follow each other are about as large.
		last := c.last.Load()
		length = max(firstRoom, last+last/64)
	}
	body, err := s.appendAll(ctx, s.take(length), resp.Body)
	switch {
	case err != nil:
		s.put(body)
		return nil, fmt.Errorf("the response broke off: %w", err)
	case len(body) > maxBody:
		s.put(body)
		return nil, ErrTooLarge
	}
	c.last.Store(int64(len(body)))
	return body, nil
}

// appendAll reads up to the end, or a byte more than a page may have.
func (s *buffers) appendAll(ctx context.Context, body []byte, content io.Reader) ([]byte, error) {
	for len(body) <= maxBody {
		if len(body) == cap(body) {
			larger, err := s.grown(ctx, body)
			if err != nil {
				return body, err
			}
			body = larger
		}
		n, err := content.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err //nolint:wrapcheck // readAll wraps it
		}
	}
	return body, nil
}

// grown returns body with twice the room. A large page gets all the room that a page may have at once: memory that is never
// written to costs nothing, but each copy does.
func (s *buffers) grown(ctx context.Context, body []byte) ([]byte, error) {
	room := min(2*cap(body)+1, LargePage)
	if cap(body) >= LargePage {
		if err := s.beginLarge(ctx); err != nil {
			return nil, err
		}
		room = maxBody + 1
	}
	larger := make([]byte, len(body), room)
	copy(larger, body)
	return larger, nil
}
