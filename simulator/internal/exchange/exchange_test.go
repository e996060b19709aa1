// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSONIsCompressedOnlyOnRequest(t *testing.T) {
	long := `"` + strings.Repeat("x", 1000) + `"`
	for name, test := range map[string]struct {
		accept, body string
		packed       bool
	}{
		"not asked":   {"", long, false},
		"asked":       {"gzip", long, true},
		"among":       {"br, GZIP;q=0.5", long, true},
		"refused":     {"gzip;q=0", long, false},
		"other":       {"br, deflate", long, false},
		"not worth":   {"gzip", "{}", false},
		"odd weights": {"gzip;q=much", long, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.Header.Set("Accept-Encoding", test.accept)
			x := &Exchange{Writer: w, Request: r}
			x.JSON(http.StatusAccepted, []byte(test.body))
			assert.Equal(t, http.StatusAccepted, w.Code)
			assert.Equal(t, http.StatusAccepted, x.Status)
			var body io.Reader = w.Body
			if test.packed {
				require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
				var err error
				body, err = gzip.NewReader(body)
				require.NoError(t, err)
			}
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			assert.Equal(t, test.body, string(got))
		})
	}
}

func TestBaseURL(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", http.NoBody)
	assert.Equal(t, "http://example.com", (&Exchange{Request: r}).BaseURL())
	r.URL.Scheme = "https"
	assert.Equal(t, "https://example.com", (&Exchange{Request: r}).BaseURL())
	r.URL.Scheme = ""
	r.TLS = &tls.ConnectionState{}
	assert.Equal(t, "https://example.com", (&Exchange{Request: r}).BaseURL())
}
