// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport returns a RoundTripper that calls a handler instead of opening a
// connection, whatever host is asked for. It starts no goroutine: fit for
// testing/synctest, where sockets would stop time from passing.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

// RoundTrip answers a request. It returns the error of the request's context
// if that is over before or while the handler runs.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close() //nolint:errcheck // as any transport does
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
	answer := recorder{header: make(http.Header)}
	t.handler.ServeHTTP(&answer, inner)
	if err := ctx.Err(); err != nil {
		return nil, err //nolint:wrapcheck // net/http wraps it
	}
	return answer.response(r), nil
}

// recorder is a ResponseWriter that keeps the answer.
type recorder struct {
	status int
	header http.Header
	sent   http.Header // as it was when the status was written
	body   bytes.Buffer
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

func (r *recorder) response(request *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	length := int64(r.body.Len())
	if declared, err := strconv.ParseInt(r.sent.Get("Content-Length"), 10, 64); err == nil {
		length = declared
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.sent,
		Body:          io.NopCloser(&r.body),
		ContentLength: length,
		Request:       request,
	}
}
