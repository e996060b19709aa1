// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Connections that do not come about, break or fall silent. In process, clients
// see the errors that net/http has for them. Over a network there is a connection
// by the time a request is seen, so it is reset in place of the first three.
const (
	// UnknownHost is a failure of DNS: no such host, a server that fails, or one
	// that does not answer.
	UnknownHost Kind = "dns"
	// ConnectionRefused is a port at which nobody listens.
	ConnectionRefused Kind = "connection-refused"
	// ConnectTimeout is a connection that has not come about after Rule.Delay, or
	// DefaultDelay.
	ConnectTimeout Kind = "connect-timeout"
	// Reset resets the connection before anything is answered (TCP RST). With
	// HTTP/1, net/http asks again by itself if the connection was not new; a
	// Count of 1 may then show nothing.
	Reset Kind = "reset"
	// Silence makes the connection swallow all that is sent from now on, other
	// requests and pings of HTTP/2 included, as when a firewall has forgotten it.
	// New connections work as long as no rule strikes them. It ends when the client
	// gives the connection up, or with a reset after Rule.Delay.
	Silence Kind = "silence"
	// Hang answers nothing until the client goes away, or for Rule.Delay and
	// then as if nothing had been. The connection is in order.
	Hang Kind = "hang"
)

func unreachable(c *call) {
	err := &net.OpError{Op: "dial", Net: "tcp"}
	switch c.kind {
	case UnknownHost:
		cause := pick(c,
			net.DNSError{Err: "no such host", IsNotFound: true},
			net.DNSError{Err: "server misbehaving", IsTemporary: true},
			net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true})
		cause.Name = c.x.Request.Host
		err.Err = &cause
	case ConnectionRefused:
		err.Err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	default:
		c.wait(c.rule.delayOf(ConnectTimeout))
		err.Err = os.ErrDeadlineExceeded
	}
	c.x.Fail(err)
}

func reset(c *call) { c.x.Fail(exchange.ErrReset) }

func silence(c *call) {
	c.keepBody()
	c.x.Silence()
	if c.wait(c.rule.delayOf(Silence)) {
		reset(c)
	}
}

func hang(c *call) {
	if c.wait(c.rule.delayOf(Hang)) {
		c.next(c.x)
	}
}

// wait waits for a while, or without an end if that is 0. It returns false when the
// client goes away.
func (c *call) wait(delay time.Duration) bool {
	c.keepBody()
	var over <-chan time.Time
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-c.x.Request.Context().Done():
		return false
	case <-over:
		return true
	}
}

// maxForm bounds what is kept of the body of a request, in bytes.
const maxForm = 64 << 10

// keepBody reads the body of the request and puts it back: net/http notices that a
// client went away only when the body has been read.
func (c *call) keepBody() {
	body, _ := io.ReadAll(io.LimitReader(c.x.Request.Body, maxForm))
	c.x.Request.Body = io.NopCloser(bytes.NewReader(body))
}
