// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestGetReturnsThePageAsServed(t *testing.T) {
	t.Parallel()
	served := time.Date(2026, time.January, 21, 14, 12, 34, 0, time.UTC)
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, "Bearer "+testToken, r.Header.Get("Authorization"))
		assert.Equal(t, "include-unknown-enum-members", r.Header.Get("Prefer"))
		assert.Equal(t, testQuery, r.URL.RawQuery)
		w.Header().Set("Date", served.Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
		io.WriteString(w, `{"value":[]}`)
	})
	header := http.Header{"Prefer": {"include-unknown-enum-members"}}
	before := time.Now()
	response, err := newTestClient(t, endpoint, &tokens{given: []string{testToken}}).Get(t.Context(), trace.Live, withQuery(endpoint), header)
	require.NoError(t, err)
	assert.JSONEq(t, `{"value":[]}`, string(response.Body))
	assert.Equal(t, "application/json;odata.metadata=minimal", response.ContentType)
	assert.Equal(t, served, response.Date.UTC())
	assert.WithinRange(t, response.Arrived, before, time.Now())
	assert.Equal(t, http.Header{"Prefer": {"include-unknown-enum-members"}}, header, "the caller's header must stay as it is")
}

func TestGetWithoutUsableDate(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"yesterday", "2026-01-21T14:12:34Z"} {
		response, err := get(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", date) })
		require.NoError(t, err)
		assert.Zero(t, response.Date)
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accepted string // the token that the service takes
		sent     []string
		status   int // of the error, 0 if there is none
	}{
		"the first is good":   {"first", []string{"first"}, 0},
		"the second is good":  {"second", []string{"first", "second"}, 0},
		"the third would be":  {"third", []string{"first", "second"}, http.StatusUnauthorized},
		"none is good enough": {"", []string{"first", "second"}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent []string
			endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
				token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				sent = append(sent, token)
				if token != c.accepted {
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			auth := &tokens{given: []string{"first", "second", "third"}}
			_, err := newTestClient(t, endpoint, auth).Get(t.Context(), trace.Live, endpoint, http.Header{})
			assert.Equal(t, c.sent, sent)
			if c.status == 0 {
				require.NoError(t, err)
				return
			}
			e := requireError(t, err)
			assert.Equal(t, http.StatusUnauthorized, e.Status)
			assert.Equal(t, []string{"first"}, auth.rejected)
			assert.Contains(t, e.Error(), "request refused: token invalid: "+endpoint.Host+endpointPath+": status 401")
			assert.Equal(t, "advice on Unauthorized", e.Hint())
		})
	}
}

func TestErrorsOfTheSignInComeAsTheyAre(t *testing.T) {
	t.Parallel()
	signIn := errors.New("sign-in failed")
	requests := 0
	endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := newTestClient(t, endpoint, &tokens{err: signIn}).Get(t.Context(), trace.Live, endpoint, http.Header{})
	require.ErrorIs(t, err, signIn)
	assert.Zero(t, requests, "nothing may be asked without a token")

	// The token is refused, and there is no other.
	auth := &tokens{given: []string{testToken}, err: signIn}
	_, err = newTestClient(t, endpoint, auth).Get(t.Context(), trace.Live, endpoint, http.Header{})
	require.ErrorIs(t, err, signIn)
	assert.Equal(t, 1, requests)
}

// zeros is a stream without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Not parallel, as the bodies fill the memory.
func TestTheSizeOfAPageIsBounded(t *testing.T) {
	const limit = 64 << 20
	read := func(n int64) ([]byte, error) {
		resp := &http.Response{Body: io.NopCloser(io.LimitReader(zeros{}, n)), ContentLength: -1}
		return new(Client).readAll(t.Context(), resp, &buffers{})
	}
	body, err := read(limit)
	require.NoError(t, err)
	assert.Equal(t, limit, len(body)) //nolint:testifylint // Len would print them all
	_, err = read(limit + 1)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestAPageCannotBeTooLargeByBeingCompressed(t *testing.T) {
	var mebibyte bytes.Buffer
	zip := gzip.NewWriter(&mebibyte)
	zip.Write(make([]byte, 1<<20))
	require.NoError(t, zip.Close())
	_, err := get(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Contains(t, r.Header.Get("Accept-Encoding"), "gzip")
		w.Header().Set("Content-Encoding", "gzip")
		// A gzip stream may consist of several ones, here of as many as are read.
		for {
			if _, err := w.Write(mebibyte.Bytes()); err != nil {
				return
			}
		}
	})
	e := requireError(t, err)
	require.ErrorIs(t, e, ErrTooLarge)
	assert.ErrorContains(t, e, "more than 64 MiB")
}

func TestACompressedPageIsDecompressed(t *testing.T) {
	t.Parallel()
	response, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, strings.Repeat("a page ", 1000))
		zip.Close()
	})
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("a page ", 1000), string(response.Body))
}

// hijacked writes text on the bare connection and closes it.
func hijacked(t *testing.T, w http.ResponseWriter, text string) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	if assert.NoError(t, err) {
		io.WriteString(conn, text)
		conn.Close()
	}
}

func TestAPageThatBreaksOffIsAnError(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: 4d5e6f\r\n"
	for name, answer := range map[string]string{
		"before its announced length":  head + "Content-Length: 100\r\n\r\n{\"value\":[",
		"within a chunk":               head + "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"value\":[",
		"before the last chunk":        head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"with a chunk of no length":    head + "Transfer-Encoding: chunked\r\n\r\nxyz " + testToken + "\r\n",
		"within the compressed stream": head + "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
		"not compressed as announced":  head + "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n{\"value\":[]}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, err := get(t, func(w http.ResponseWriter, _ *http.Request) { hijacked(t, w, answer) })
			assert.Nil(t, response)
			e := requireError(t, err)
			assert.Equal(t, http.StatusOK, e.Status)
			assert.Equal(t, "4d5e6f", e.RequestID)
			assert.ErrorContains(t, e, "the response broke off")
		})
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter){
		"no header": func(http.ResponseWriter) {},
		"no body":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); w.(http.Flusher).Flush() },
		"half a body": func(w http.ResponseWriter) {
			io.WriteString(w, `{"value":[`)
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				answer(w)
				<-release
			})
			// Runs before the server is closed, which waits for its handlers.
			t.Cleanup(func() { close(release) })
			connections := &http.Transport{}
			t.Cleanup(connections.CloseIdleConnections)
			client := newClientOver(&http.Client{Transport: connections, Timeout: 50 * time.Millisecond}, endpoint, &tokens{given: []string{testToken}})
			_, err := client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
			e := requireError(t, err)
			assert.Contains(t, e.Hint(), "the connection has fallen silent")
			assert.NotContains(t, e.Hint(), "raise timeout", "nothing arrived any more")
			var network net.Error
			require.ErrorAs(t, err, &network)
			assert.True(t, network.Timeout())
		})
	}
}

func TestACancelledRequestEnds(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	endpoint := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	_, err := newTestClient(t, endpoint, &tokens{given: []string{testToken}}).Get(ctx, trace.Live, withQuery(endpoint), http.Header{})
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), "skiptoken")
}

func TestAdviceOnConnections(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = nobodysLog()
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	unknown := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "graph.invalid", IsNotFound: true}}
	}}
	slow := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	}}
	for name, c := range map[string]struct {
		url       string
		transport *http.Transport
		advice    string
	}{
		"nobody listens":            {refusing.URL, &http.Transport{}, "cannot be reached"},
		"the certificate is unsafe": {untrusted.URL, &http.Transport{}, "tls.ca_file"},
		"the host is unknown":       {"https://graph.invalid", unknown, "name server"},
		"the host does not answer":  {"https://graph.invalid", slow, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(c.transport.CloseIdleConnections)
			endpoint := parse(t, c.url+endpointPath)
			client := newClientOver(&http.Client{Transport: c.transport}, endpoint, &tokens{given: []string{testToken}})
			_, err := client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
			e := requireError(t, err)
			assert.Zero(t, e.Status)
			assert.Contains(t, e.Hint(), c.advice)
			assert.Equal(t, endpoint.Host+endpointPath, e.Target)
		})
	}
}

// The same failure must read the same each time, or each repetition would be reported as news.
func TestABrokenConnectionReadsTheSameEachTime(t *testing.T) {
	t.Parallel()
	endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			// Without lingering, closing resets the connection.
			assert.NoError(t, conn.(*net.TCPConn).SetLinger(0))
			conn.Close()
		}
	})
	client := newTestClient(t, endpoint, &tokens{given: []string{testToken}})
	_, first := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	_, second := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	requireError(t, first)
	assert.EqualError(t, second, first.Error())
}

func TestARequestWithoutCredentialsOfItsOwn(t *testing.T) {
	t.Parallel()
	requests := 0
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		assert.NotContains(t, r.Header, "Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	})
	client := newTestClient(t, endpoint, nil)
	_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	assert.Equal(t, http.StatusUnauthorized, requireError(t, err).Status)
	assert.Equal(t, 1, requests, "there is no other token to try")

	_, err = client.Get(t.Context(), trace.Live, parse(t, "https://elsewhere.example"), http.Header{})
	require.ErrorIs(t, err, ErrForeignLink)
}

func TestATokenThatIsTheOnlyOneIsNotSentTwice(t *testing.T) {
	t.Parallel()
	requests := 0
	endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := newTestClient(t, endpoint, &tokens{given: []string{testToken}}).Get(t.Context(), trace.Live, endpoint, http.Header{})
	assert.Equal(t, http.StatusUnauthorized, requireError(t, err).Status)
	assert.Equal(t, 1, requests)
}
