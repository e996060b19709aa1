// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Unzip returns a RoundTripper that asks for compressed responses and decompresses them. net/http does so by itself as
// well, but takes about half as long again.
func Unzip(next http.RoundTripper) http.RoundTripper { return unzip{next} }

type unzip struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (u unzip) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := u.next.RoundTrip(req)
	if err != nil || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp, err //nolint:wrapcheck // net/http wraps it
	}
	// As net/http does.
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = &unzipped{body: resp.Body}
	return resp, nil
}

// CloseIdleConnections closes those of the RoundTripper within, if it can.
func (u unzip) CloseIdleConnections() {
	if closer, ok := u.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// zips holds decompressors that are not in use, as *gzip.Reader.
var zips sync.Pool

// errClosed is what is read of a body that has been closed.
var errClosed = errors.New("read of a closed response")

// unzipped is the content of a compressed body. It is not safe for concurrent use.
type unzipped struct {
	body io.ReadCloser
	// zip is taken when the body is first read, which tells whether it is compressed at all.
	zip *gzip.Reader
	err error
}

// Read implements io.Reader.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.zip == nil && u.err == nil {
		u.open()
	}
	if u.err != nil {
		return 0, u.err
	}
	return u.zip.Read(p) //nolint:wrapcheck // io.EOF must stay as it is
}

func (u *unzipped) open() {
	zip, ok := zips.Get().(*gzip.Reader)
	if !ok {
		zip = new(gzip.Reader)
	}
	if u.err = zip.Reset(u.body); u.err == nil {
		u.zip = zip
	}
}

// Close implements io.Closer.
func (u *unzipped) Close() error {
	if u.zip != nil {
		zips.Put(u.zip)
		u.zip = nil
	}
	u.err = errClosed
	return u.body.Close() //nolint:wrapcheck // as if it were the body
}
