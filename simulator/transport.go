// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Transport returns a RoundTripper that calls a handler instead of opening a
// connection, whatever host is asked for. It starts no goroutine: fit for
// testing/synctest, where sockets would stop time from passing. A handler that
// panics with http.ErrAbortHandler makes a broken answer, or an error if it has
// not begun to answer.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

// RoundTrip answers a request. It returns the error of the request's context
// if that is over before or while the handler runs.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := ctx.Err(); err != nil {
		return nil, err //nolint:wrapcheck // net/http wraps it
	}
	inner := r.Clone(ctx)
	inner.RequestURI = r.URL.RequestURI()
	inner.RemoteAddr = "127.0.0.1:1"
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	answer := recorder{header: make(http.Header), body: buffers.Get().(*bytes.Buffer)}
	err := answer.serve(t.handler, inner)
	if over := ctx.Err(); over != nil {
		return nil, over //nolint:wrapcheck // net/http wraps it
	}
	if err != nil {
		return nil, err
	}
	return answer.response(r), nil
}

// recorder is a ResponseWriter that keeps the answer.
type recorder struct {
	status int
	header http.Header
	sent   http.Header // as it was when the status was written
	body   *bytes.Buffer
	stream io.ReadCloser // the body instead, if set
	failed error         // what a client sees if the handler gives up
	broken error         // what comes behind the body, if anything
}

var _ exchange.Local = (*recorder)(nil)

// serve runs a handler. It returns an error if the handler gave up before it
// had begun to answer.
func (r *recorder) serve(h http.Handler, request *http.Request) (err error) {
	defer func() {
		switch fault := recover(); {
		case fault == nil:
			return
		case fault != http.ErrAbortHandler: //nolint:errorlint // as net/http compares it
			panic(fault)
		case r.failed == nil:
			r.failed = io.ErrUnexpectedEOF
		}
		if r.status == 0 {
			err = r.failed
		}
		r.broken = r.failed
	}()
	h.ServeHTTP(r, request)
	return nil
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status, r.sent = status, r.header.Clone()
		if length, err := strconv.Atoi(r.sent.Get("Content-Length")); err == nil {
			r.body.Grow(max(length, 0)) // pages are large, and growing copies them
		}
	}
}

func (r *recorder) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(data) //nolint:wrapcheck // never fails
}

// Stream implements exchange.Local.
func (r *recorder) Stream(body io.ReadCloser) { r.stream = body }

// Fail implements exchange.Local.
func (r *recorder) Fail(err error) { r.failed = err }

func (r *recorder) response(request *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	length, err := strconv.ParseInt(r.sent.Get("Content-Length"), 10, 64)
	declared := err == nil
	body := r.stream
	if body == nil {
		have := int64(r.body.Len())
		if !declared {
			length = have
		}
		if r.broken == nil && have < length {
			r.broken = io.ErrUnexpectedEOF // as from any transport
		}
		body = &kept{memory: r.body, end: cmp.Or(r.broken, io.EOF)}
	} else if !declared {
		length = -1
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.sent,
		Body:          body,
		ContentLength: length,
		Request:       request,
	}
}

// buffers hold the memory of bodies that have been closed. Pages have
// megabytes, and tests ask for thousands of them.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// kept is a body that has been kept until it is read.
type kept struct {
	mu     sync.Mutex
	memory *bytes.Buffer // nil once the body is closed
	end    error         // what comes behind the body
}

func (k *kept) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.memory == nil:
		return 0, http.ErrBodyReadAfterClose
	case k.memory.Len() == 0:
		return 0, k.end
	}
	return k.memory.Read(p) //nolint:wrapcheck // never fails
}

func (k *kept) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.memory != nil {
		k.memory.Reset()
		buffers.Put(k.memory)
		k.memory = nil
	}
	return nil
}
