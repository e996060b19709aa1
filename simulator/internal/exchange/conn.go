// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
)

// Listener accepts connections that exchanges can reset and silence. An
// http.Server also needs WithConn for that.
type Listener struct{ net.Listener }

// Accept waits for the next connection.
func (l Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks at it
	}
	return &conn{Conn: accepted}, nil
}

// conn is a connection that can fall silent.
type conn struct {
	net.Conn
	silent atomic.Bool
}

// Read returns what the peer has sent. While the connection is silent it returns
// nothing but the error at the end.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		switch {
		case !c.silent.Load():
			return n, err //nolint:wrapcheck // net/http looks at it
		case err != nil:
			return 0, err //nolint:wrapcheck // net/http looks at it
		}
	}
}

// Write sends, or seems to if the connection is silent.
func (c *conn) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p) //nolint:wrapcheck // net/http looks at it
}

// CloseWrite ends what is sent. Without it, net/http would close the connection at
// once where it has not read a request to its end, and the answer could get lost.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && !c.silent.Load() {
		return tcp.CloseWrite() //nolint:wrapcheck // net/http looks at it
	}
	return nil
}

// reset closes the connection in a way that the peer gets no proper end, of
// neither TLS nor TCP.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if the client was faster
	}
	_ = c.Close()
}

type connKey struct{}

// WithConn tells exchanges the connection they come over: what
// http.Server.ConnContext asks for. Hijacking would do for HTTP/1 only.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection of an exchange, or nil if it is not a Listener's.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}
