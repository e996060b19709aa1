// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// ErrReset is what a client sees of a connection that its peer has reset.
var ErrReset error = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// Local is a ResponseWriter without a connection behind it.
type Local interface {
	http.ResponseWriter
	// Stream answers with a body for the client to read, in its own time and on
	// its own goroutine.
	Stream(status int, body io.ReadCloser)
	// Fail makes the client see an error if the handler gives up now.
	Fail(err error)
}

// Stream answers with a body that takes its time, or ends with an error other
// than io.EOF: the connection is reset then, and Stream does not return.
// Headers are sent at once, and each part as soon as it is there.
func (x *Exchange) Stream(status int, body io.ReadCloser) {
	x.Status = status
	if local, ok := x.Writer.(Local); ok {
		local.Stream(status, body)
		return
	}
	defer body.Close()
	x.Writer.WriteHeader(status)
	control := http.NewResponseController(x.Writer)
	part := make([]byte, 32<<10)
	for {
		if control.Flush() != nil {
			return // the client is gone
		}
		n, err := body.Read(part)
		if _, gone := x.Writer.Write(part[:n]); gone != nil || errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			_ = control.Flush()
			x.Cut()
		}
	}
}

// Cut resets the connection and ends the handler: it does not return. Over
// HTTP/2 this hits all requests that share the connection, as it does in real
// life.
func (x *Exchange) Cut() {
	if local, ok := x.Writer.(Local); ok {
		local.Fail(ErrReset)
	} else if conn, ok := x.Request.Context().Value(connKey{}).(net.Conn); ok {
		reset(conn)
	}
	panic(http.ErrAbortHandler) // what net/http has for handlers that give up
}

type connKey struct{}

// WithConn tells exchanges the connection they come over: what
// http.Server.ConnContext asks for. Hijacking would do for HTTP/1 only.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// reset closes a connection in a way that the peer gets no proper end, of
// neither TLS nor TCP.
func reset(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if the client was faster
	}
	_ = conn.Close()
}
