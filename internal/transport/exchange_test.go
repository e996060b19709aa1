// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// silencer is a listener whose connections can fall silent: what the server writes is lost, as behind a firewall that has
// forgotten them.
type silencer struct {
	net.Listener

	mu       sync.Mutex
	accepted []*silentConn
}

func (s *silencer) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	accepted := &silentConn{Conn: conn}
	s.accepted = append(s.accepted, accepted)
	return accepted, nil
}

// silence makes the connections that there are fall silent, and returns how many there are.
func (s *silencer) silence() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.accepted {
		conn.silent.Store(true)
	}
	return len(s.accepted)
}

type silentConn struct {
	net.Conn
	silent atomic.Bool
}

func (c *silentConn) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// serveSilencing starts a TLS server on the loopback that speaks HTTP/2 if asked to.
func serveSilencing(t *testing.T, http2 bool, handler http.HandlerFunc) (*silencer, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = nobodysLog()
	s := &silencer{Listener: server.Listener}
	server.Listener = s
	server.StartTLS()
	t.Cleanup(server.Close)
	return s, server
}

func TestAConnectionThatFallsSilentIsReplaced(t *testing.T) {
	t.Parallel()
	for name, version2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			protocols := make(chan int, 10)
			s, server := serveSilencing(t, version2, func(w http.ResponseWriter, r *http.Request) {
				protocols <- r.ProtoMajor
				io.WriteString(w, `{"value":[]}`)
			})
			endpoint := parse(t, server.URL+endpointPath)
			client := newClientOver(server.Client(), endpoint, &tokens{given: []string{testToken}})
			client.Retry = Retry{MaxRetries: 1, Resets: true, InitialInterval: time.Millisecond, Multiplier: 1, MaxInterval: time.Millisecond}
			ask := func() error {
				_, err := client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
				return err
			}
			require.NoError(t, ask())
			require.NoError(t, ask())
			assert.Equal(t, version2, <-protocols == 2)
			// One, unless the machine is so busy that net/http gives the first one up.
			require.NotZero(t, s.silence())

			client.http.Timeout = 300 * time.Millisecond
			e := requireError(t, ask())
			client.http.Timeout = time.Minute
			require.ErrorIs(t, e, errSilent)
			require.ErrorIs(t, e, context.DeadlineExceeded)
			assert.Contains(t, e.Hint(), "firewall")
			assert.Contains(t, e.Hint(), "proxy_url")
			assert.NotContains(t, e.Hint(), "raise timeout")
			require.NoError(t, ask(), "on a new connection")
			assert.Empty(t, client.Connections.used)
		})
	}
}

// Two requests on one connection of HTTP/2 time out, one after the other: that the first closed it must not matter.
func TestASilentConnectionOfSeveralRequestsIsReplaced(t *testing.T) {
	t.Parallel()
	s, server := serveSilencing(t, true, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) })
	endpoint := parse(t, server.URL+endpointPath)
	client := newClientOver(server.Client(), endpoint, &tokens{given: []string{testToken}})
	client.Retry = Retry{MaxRetries: 1, Resets: true, InitialInterval: time.Millisecond, Multiplier: 1, MaxInterval: time.Millisecond}
	ask := func() error {
		_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
		return err
	}
	require.NoError(t, ask())
	s.silence()
	client.http.Timeout = 300 * time.Millisecond
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _ = ask() })
	}
	all.Wait()
	client.http.Timeout = time.Minute
	require.NoError(t, ask())
}

// A ping that is not answered ends the connection long before the time-out of a request.
func TestAnUnansweredPingEndsARequest(t *testing.T) {
	t.Parallel()
	s, server := serveSilencing(t, true, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) })
	connections := server.Client().Transport.(*http.Transport).Clone()
	t.Cleanup(connections.CloseIdleConnections)
	connections.HTTP2 = &http.HTTP2Config{SendPingTimeout: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond}
	endpoint := parse(t, server.URL+endpointPath)
	client := newClientOver(&http.Client{Transport: connections, Timeout: time.Minute}, endpoint, &tokens{given: []string{testToken}})
	_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	require.NoError(t, err)
	s.silence()
	began := time.Now()
	_, err = client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	e := requireError(t, err)
	assert.Less(t, time.Since(began), 30*time.Second)
	assert.Contains(t, e.Hint(), "fallen silent")
	_, err = client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	require.NoError(t, err, "on a new connection")
}

// A page that trickles in needs more time; nothing is wrong with its connection.
func TestASlowAnswerNeedsMoreTime(t *testing.T) {
	t.Parallel()
	for name, version2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, server := serveSilencing(t, version2, func(w http.ResponseWriter, r *http.Request) {
				for tick := time.NewTicker(10 * time.Millisecond); r.Context().Err() == nil; <-tick.C {
					io.WriteString(w, "[")
					w.(http.Flusher).Flush()
				}
			})
			endpoint := parse(t, server.URL+endpointPath)
			h := server.Client()
			h.Timeout = 2 * time.Second
			_, err := newClientOver(h, endpoint, &tokens{given: []string{testToken}}).Get(t.Context(), trace.Live, endpoint, http.Header{})
			e := requireError(t, err)
			require.ErrorContains(t, e, "no answer in time")
			require.NotErrorIs(t, e, errSilent)
			assert.Contains(t, e.Hint(), "raise timeout")
		})
	}
}

// deadline is what net/http returns when the time is over.
var deadline = &url.Error{Op: "Get", URL: "https://graph.example/?" + testQuery, Err: context.DeadlineExceeded}

func TestExplainTimeouts(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Minute
	conn := func(t *testing.T) net.Conn {
		t.Helper()
		conn, other := net.Pipe()
		t.Cleanup(func() { conn.Close(); other.Close() })
		return conn
	}
	closed := func(conn net.Conn) bool {
		synctest.Wait()
		return errors.Is(conn.SetDeadline(time.Time{}), io.ErrClosedPipe)
	}
	for name, c := range map[string]struct {
		run    func(e *Exchange, other *Exchange)
		want   error // nil: the service was answering
		closed bool
	}{
		"nothing at all":                   {func(*Exchange, *Exchange) {}, errSilent, true},
		"only before":                      {func(_, other *Exchange) { other.hear() }, errSilent, true},
		"at the end":                       {func(e, _ *Exchange) { time.Sleep(timeout); e.hear() }, nil, false},
		"just now":                         {func(e, _ *Exchange) { time.Sleep(timeout - longSilence + 1); e.hear(); time.Sleep(longSilence - 1) }, nil, false},
		"a while ago":                      {func(e, _ *Exchange) { time.Sleep(timeout - longSilence); e.hear(); time.Sleep(longSilence) }, errSilent, true},
		"for another request":              {func(_, other *Exchange) { time.Sleep(timeout); other.hear() }, nil, false},
		"for another, which ended":         {func(_, other *Exchange) { time.Sleep(timeout); other.hear(); other.End() }, nil, false},
		"in the second half of a moment":   {func(e, _ *Exchange) { time.Sleep(2 * time.Second); e.hear(); time.Sleep(2*time.Second - 2) }, nil, false},
		"in the first half of a moment":    {func(e, _ *Exchange) { time.Sleep(2*time.Second - 1); e.hear(); time.Sleep(2 * time.Second) }, errSilent, true},
		"before the connection was in use": {func(e, _ *Exchange) { e.hear() }, errSilent, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var connections Connections
				shared := conn(t)
				_, other := connections.Begin(t.Context())
				other.use(shared)
				time.Sleep(time.Second)
				if name == "only before" {
					c.run(nil, other)
					time.Sleep(time.Second)
				}
				_, e := connections.Begin(t.Context())
				e.use(shared)
				if name != "only before" {
					c.run(e, other)
				}
				if c.want != nil {
					time.Sleep(timeout)
				}
				err := e.Explain(deadline)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.True(t, timedOut(err))
				assert.NotContains(t, err.Error(), "skiptoken")
				assert.Equal(t, c.want != nil, errors.Is(err, errSilent), err)
				assert.Equal(t, c.closed, closed(shared))
				e.End()
				other.End()
				assert.Empty(t, connections.used)
			})
		})
	}
	var connections Connections
	_, e := connections.Begin(t.Context())
	require.ErrorIs(t, e.Explain(deadline), errNoConnection)
	require.ErrorIs(t, e.Explain(deadline), context.DeadlineExceeded)
	assert.Equal(t, io.ErrUnexpectedEOF, e.Explain(io.ErrUnexpectedEOF), "other errors stay as they are")
	e.hear()
	e.End()
	e.End()
}

// A request that HTTP/2 sends once more, on another connection, is on that alone.
func TestAnExchangeThatMoves(t *testing.T) {
	t.Parallel()
	var connections Connections
	first, second := net.Pipe()
	_, a := connections.Begin(t.Context())
	_, b := connections.Begin(t.Context())
	a.use(first)
	b.use(first)
	a.use(second)
	assert.Len(t, connections.used, 2)
	b.End()
	assert.Len(t, connections.used, 1)
	assert.NotNil(t, connections.used[second])
	a.End()
	assert.Empty(t, connections.used)
}
