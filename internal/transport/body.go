// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

const (
	// maxBody bounds a page after decompression, in bytes. The largest page, 5000 Graph rows, has about 2 MB.
	maxBody = 64 << 20
	// firstRoom is how much room, in bytes, there is for a page of unknown size at first. It doubles as the page grows.
	firstRoom = 256 << 10
	// maxFirstRoom is the most room, in bytes, that is made for a page because of its declared length.
	maxFirstRoom = 4 << 20
	// maxRecycled is the most room, in bytes, that is kept for another page, and maxFree how often.
	maxRecycled = 8 << 20
	maxFree     = 2
)

// ErrTooLarge is a response of more than 64 MiB after decompression.
var ErrTooLarge = errors.New("the response has more than 64 MiB")

// buffers holds the memory of pages that are done, for the next pages of the same job.
type buffers struct {
	mu sync.Mutex
	// free is at most two: a page in hand and the one ahead of it.
	free [][]byte
}

// bufferPool holds those of jobs that are done. Garbage collection empties it, so that a receiver that rests holds none.
var bufferPool = sync.Pool{New: func() any { return &buffers{} }}

type buffersKey struct{}

// Reuse returns a context in which pages use the memory of pages that have been released in it. done is to be called when
// all of them have been read.
func Reuse(ctx context.Context) (reusing context.Context, done func()) {
	s := bufferPool.Get().(*buffers)
	return context.WithValue(ctx, buffersKey{}, s), func() { bufferPool.Put(s) }
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
	return make([]byte, 0, min(length, maxFirstRoom)+1)
}

// put gives the memory of a page to the next one.
func (s *buffers) put(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < maxFree && cap(body) <= maxRecycled {
		s.free = append(s.free, body[:0])
	}
}

// readAll reads the page of a response into memory from the buffers.
func (c *Client) readAll(resp *http.Response, s *buffers) ([]byte, error) {
	length := resp.ContentLength
	if length < 0 {
		// Pages that follow each other are about as large.
		last := c.last.Load()
		length = max(firstRoom, last+last/64)
	}
	body, err := appendAll(s.take(length), resp.Body)
	switch {
	case err != nil:
		s.put(body)
		return nil, fmt.Errorf("the response broke off: %w", err)
	case len(body) > maxBody:
		return nil, ErrTooLarge
	}
	c.last.Store(int64(len(body)))
	return body, nil
}

// appendAll reads up to the end, or a byte more than a page may have.
func appendAll(body []byte, content io.Reader) ([]byte, error) {
	for len(body) <= maxBody {
		if len(body) == cap(body) {
			body = grown(body)
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

// grown returns body with twice the room, but none for more than a page may have.
func grown(body []byte) []byte {
	larger := make([]byte, len(body), min(2*cap(body)+1, maxBody+1))
	copy(larger, body)
	return larger
}
