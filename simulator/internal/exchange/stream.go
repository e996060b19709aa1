// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
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
	// Stream hands over a body for the client to read, in its own time and on its
	// own goroutine.
	Stream(body io.ReadCloser)
	// Fail makes the client see an error if the handler gives up now.
	Fail(err error)
}

// Stream answers with a body that takes its time, or ends with an error other
// than io.EOF: the connection is reset then, and Stream does not return.
// Headers are sent at once, and each part as soon as it is there.
func (x *Exchange) Stream(status int, body io.ReadCloser) {
	x.WriteHeader(status)
	if local, ok := x.Writer.(Local); ok {
		local.Stream(body)
		return
	}
	defer body.Close()
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
			x.Fail(ErrReset)
		}
	}
}

// Fail ends the handler without an answer, or without the rest of one: it does not
// return. The client sees the error or, over a network, a connection that is
// reset. With HTTP/2 this hits all requests that share the connection, as it does
// in real life.
func (x *Exchange) Fail(err error) {
	if local, ok := x.Writer.(Local); ok {
		local.Fail(err)
	} else if conn := connOf(x.Request.Context()); conn != nil {
		conn.reset()
	}
	panic(http.ErrAbortHandler) // what net/http has for handlers that give up
}

// Silence makes the connection, if there is one, swallow all that either side sends
// from now on, as when a firewall has forgotten it.
func (x *Exchange) Silence() {
	if conn := connOf(x.Request.Context()); conn != nil {
		conn.silent.Store(true)
	}
}

// Raw answers with bytes as they are and ends the connection. It returns false and
// does nothing where that is impossible: in process, and with HTTP/2.
func (x *Exchange) Raw(text []byte) bool {
	conn, _, err := http.NewResponseController(x.Writer).Hijack()
	if err != nil {
		return false
	}
	_, _ = conn.Write(text) // fails if the client is gone
	_ = conn.Close()
	return true
}
