// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Broken bodies: what networks, proxies and restarts do to any service. Where the
// body of the service comes in, its quota has counted the request.
const (
	// ResetBody sends status, headers and half of the body, then resets.
	ResetBody Kind = "reset-body"
	// TruncatedBody sends half of the body with a Content-Length that agrees:
	// only who reads it can see that something is missing. Antivirus gateways
	// do this.
	TruncatedBody Kind = "truncated-body"
	// ShortBody sends half of the body with the Content-Length of the whole, and
	// ends the connection in good order.
	ShortBody Kind = "short-body"
	// InvalidGzip sends a body marked as gzip that is none, breaks in the
	// middle, or fails the checksum at its end, after all of it was read.
	InvalidGzip Kind = "invalid-gzip"
	// HTMLPage is 200 with the HTML of a sign-in page: captive portals and
	// proxies, and Graph itself (microsoftgraph/msgraph-sdk-dotnet#3009).
	HTMLPage Kind = "200-html"
	// EmptyBody is 200 without a body.
	EmptyBody Kind = "200-empty"
	// OtherShape is 200 with JSON that is not what was asked for: an error
	// document, an empty object, a list, a value that is no list. None of them
	// means that there are no rows.
	OtherShape Kind = "200-other-shape"
	// SlowBody sends headers at once and the body in 50 parts over Rule.Delay,
	// or DefaultDelay.
	SlowBody Kind = "slow-body"
)

// packed returns the body of an answer as it would go over the wire, and marks
// the page as not delivered.
func (c *call) packed(a *answer) []byte {
	c.x.Rows = 0
	return c.x.Pack(a.contentType(), a.body.Bytes())
}

func resetBody(c *call, a *answer) bool {
	text := c.packed(a)
	c.x.Stream(a.status, io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{exchange.ErrReset})))
	return true
}

// failing is a body that breaks.
type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func truncatedBody(c *call, a *answer) bool {
	text := c.packed(a)
	c.raw(a.status, len(text)/2, text[:len(text)/2])
	return true
}

func shortBody(c *call, a *answer) bool {
	text := c.packed(a)
	c.raw(a.status, len(text), text[:len(text)/2])
	return true
}

// raw answers with a body and whatever length it claims.
func (c *call) raw(status, length int, body []byte) {
	c.x.Writer.Header().Set("Content-Length", strconv.Itoa(length))
	c.x.WriteHeader(status)
	_, _ = c.x.Writer.Write(body) // fails if the client is gone
}

func invalidGzip(c *call, a *answer) bool {
	c.x.Request.Header.Set("Accept-Encoding", "gzip")
	text := c.packed(a)
	header := c.x.Writer.Header()
	// Bodies that are too short to be packed go out as they are, which is the
	// first of the three as well.
	if header.Get("Content-Encoding") == "" {
		header.Set("Content-Encoding", "gzip")
	} else {
		switch c.rng.IntN(3) {
		case 0:
			text = a.body.Bytes()
		case 1:
			copy(text[len(text)/2:], "\xff\xff\xff\xff\xff\xff\xff\xff")
		default:
			text[len(text)-8] ^= 1 // of the CRC-32, RFC 1952 (2.3.1)
		}
	}
	c.raw(a.status, len(text), text)
	return true
}

func htmlPage(c *call) {
	c.x.Send(http.StatusOK, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\r\n<html dir=\"ltr\" lang=\"en\">\r\n"+
		"<head><title>Sign in to your account</title></head>\r\n<body>\r\n<form method=\"post\" action=\"/login\">"+
		"<input name=\"login\"><input name=\"passwd\" type=\"password\"></form>\r\n</body>\r\n</html>\r\n"))
}

func emptyBody(c *call) { c.x.JSON(http.StatusOK, nil) }

func otherShape(c *call) {
	c.x.JSON(http.StatusOK, []byte(pick(c,
		`{"error":{"code":"UnknownError","message":"","innerError":{}}}`,
		`{}`,
		`[]`,
		`null`,
		`"OK"`,
		`{"value":{"count":0}}`,
		`{"value":"","access_token":null}`,
	)))
}

// parts is in how many parts a slow body comes.
const parts = 50

func slowBody(c *call, a *answer) bool {
	rows := c.x.Rows
	text := c.packed(a)
	c.x.Rows = rows // all of them arrive if the client waits
	c.x.Stream(a.status, &slow{
		ctx:    c.x.Request.Context(),
		rest:   text,
		part:   len(text)/parts + 1,
		pause:  c.rule.delayOf(SlowBody) / parts,
		closed: make(chan struct{}),
	})
	return true
}

// slow is a body that comes little by little.
type slow struct {
	ctx   context.Context // of the request
	ready []byte
	rest  []byte
	part  int
	pause time.Duration

	closing sync.Once
	closed  chan struct{}
}

// Read waits before each part. It gives up with the request, which is over when
// the client goes and when the server closes.
func (s *slow) Read(p []byte) (int, error) {
	if len(s.ready) == 0 && len(s.rest) == 0 {
		return 0, io.EOF
	}
	if len(s.ready) == 0 {
		if err := s.wait(); err != nil {
			return 0, err
		}
		size := min(s.part, len(s.rest))
		s.ready, s.rest = s.rest[:size], s.rest[size:]
	}
	n := copy(p, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

func (s *slow) wait() error {
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.closed:
		return http.ErrBodyReadAfterClose
	case <-s.ctx.Done():
		return s.ctx.Err() //nolint:wrapcheck // net/http does not either
	}
}

// Close ends a Read that waits.
func (s *slow) Close() error {
	s.closing.Do(func() { close(s.closed) })
	return nil
}
