// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answering answers every request with the same response.
type answering struct {
	*http.Response
	asked  *http.Request
	closed bool
}

func (a *answering) RoundTrip(req *http.Request) (*http.Response, error) {
	a.asked = req
	return a.Response, nil
}

func (a *answering) CloseIdleConnections() { a.closed = true }

func gzipped(text string) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = io.WriteString(zip, text)
	_ = zip.Close()
	return b.Bytes()
}

func TestUnzip(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a page ", 100_000)
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		want     string
		fails    bool
	}{
		"a compressed body":           {"gzip", gzipped(long), long, false},
		"in capitals":                 {"GZIP", gzipped("a"), "a", false},
		"of two streams":              {"gzip", append(gzipped("a"), gzipped("b")...), "ab", false},
		"without content":             {"gzip", gzipped(""), "", false},
		"none at all":                 {"gzip", nil, "", false},
		"that is not compressed":      {"gzip", []byte("<html></html>"), "", true},
		"that breaks off":             {"gzip", gzipped(long)[:100], "", true},
		"with rubbish behind it":      {"gzip", append(gzipped("a"), "rubbish, and more"...), "", true},
		"a plain one":                 {"", []byte("a page"), "a page", false},
		"one of another kind, as is":  {"br", []byte("a page"), "a page", false},
		"one that was altered on way": {"gzip", bytes.ReplaceAll(gzipped(long), []byte{0}, []byte{1}), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := &answering{Response: &http.Response{
				Header:        http.Header{"Content-Encoding": {c.encoding}, "Content-Length": {"7"}},
				Body:          io.NopCloser(bytes.NewReader(c.body)),
				ContentLength: int64(len(c.body)),
			}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/", http.NoBody)
			require.NoError(t, err)
			resp, err := Unzip(next).RoundTrip(req)
			require.NoError(t, err)
			assert.Equal(t, "gzip", next.asked.Header.Get("Accept-Encoding"))
			assert.Empty(t, req.Header, "a request must not be changed")
			if strings.EqualFold(c.encoding, "gzip") {
				assert.Empty(t, resp.Header.Get("Content-Encoding"))
				assert.Empty(t, resp.Header.Get("Content-Length"))
				assert.EqualValues(t, -1, resp.ContentLength)
			}
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, resp.Body.Close())
			if c.fails {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(body))
		})
	}
}

func TestAClosedBodyCannotBeRead(t *testing.T) {
	t.Parallel()
	next := &answering{Response: &http.Response{
		Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(bytes.NewReader(gzipped("a"))),
	}}
	round := Unzip(next)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/", http.NoBody)
	require.NoError(t, err)
	resp, err := round.RoundTrip(req)
	require.NoError(t, err)
	one := make([]byte, 1)
	_, _ = resp.Body.Read(one)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, resp.Body.Close())
	_, err = resp.Body.Read(one)
	require.ErrorIs(t, err, errClosed)

	round.(interface{ CloseIdleConnections() }).CloseIdleConnections()
	assert.True(t, next.closed)
}
