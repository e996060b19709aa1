// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// longSilence is how long nothing may arrive on a connection before a request on it times out, and the request still count as
// one that was being answered.
const longSilence = 30 * time.Second

// What kept a request from being answered in time. Without one of them the service was answering, but took too long.
var (
	errNoConnection = errors.New("no connection was made in time")
	errSilent       = errors.New("nothing arrived on the connection any more")
)

// Connections knows when something last arrived on the connections that requests are using. The zero value is ready.
type Connections struct {
	mu sync.Mutex
	// used holds only connections of requests that have not ended.
	used map[net.Conn]*connection
}

type connection struct {
	requests int
	// heard is when something last arrived for any of the requests.
	heard time.Time
}

// Exchange is a request and what arrives of its response. It is safe for concurrent use.
type Exchange struct {
	connections *Connections
	began       time.Time
	conn        net.Conn
}

// Begin returns the context to send the request with. End must be called when the response has been read.
func (c *Connections) Begin(ctx context.Context) (context.Context, *Exchange) {
	e := &Exchange{connections: c, began: time.Now()}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { e.use(info.Conn) },
		GotFirstResponseByte: e.hear,
	}), e
}

// End forgets the exchange.
func (e *Exchange) End() { e.use(nil) }

// use makes conn the connection of the exchange, in place of the one before.
func (e *Exchange) use(conn net.Conn) {
	c := e.connections
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.used[e.conn]; before != nil {
		if before.requests--; before.requests == 0 {
			delete(c.used, e.conn)
		}
	}
	e.conn = conn
	if conn == nil {
		return
	}
	if c.used == nil {
		c.used = map[net.Conn]*connection{}
	}
	if c.used[conn] == nil {
		c.used[conn] = &connection{}
	}
	c.used[conn].requests++
}

// hear notes that something has arrived.
func (e *Exchange) hear() {
	c := e.connections
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.used[e.conn]; conn != nil {
		conn.heard = time.Now()
	}
}

// Body returns the body of the response, whose reading is noted.
func (e *Exchange) Body(body io.ReadCloser) io.ReadCloser { return &heardBody{body, e} }

type heardBody struct {
	io.ReadCloser
	exchange *Exchange
}

// Read implements io.Reader.
func (b *heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.exchange.hear()
	}
	return n, err //nolint:wrapcheck // io.EOF must stay as it is
}

// Explain adds to the error of a request that timed out what kept it from being answered. A connection that has fallen
// silent is closed: HTTP/2 would send the next request on it as well.
func (e *Exchange) Explain(err error) error {
	if !timedOut(err) {
		return err
	}
	// A url.Error repeats the URL with its query.
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	switch conn, silent := e.silent(time.Now()); {
	case conn == nil:
		return fmt.Errorf("%w: %w", errNoConnection, err)
	case silent:
		// Closing TLS sends an alert, which may take seconds on a dead connection.
		go conn.Close()
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return fmt.Errorf("no answer in time: %w", err)
}

// silent returns the connection, and whether nothing has arrived on it lately for this request or another one.
func (e *Exchange) silent(now time.Time) (net.Conn, bool) {
	c := e.connections
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.used[e.conn]
	if used == nil {
		return nil, false
	}
	quiet := now.Sub(later(used.heard, e.began))
	return e.conn, used.heard.Before(e.began) || quiet >= min(longSilence, now.Sub(e.began)/2)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
