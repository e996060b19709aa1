// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzRetryAfter(f *testing.F) {
	const date = "Mon, 02 Mar 2026 10:00:00 GMT"
	for _, value := range []string{
		"", "0", "1.5", "-1", "1e300", "NaN", "Inf", "0x1p4", "999999999999999999999", date, "Mon, 02 Mar 2026 10:00:30 GMT",
		"Monday, 02-Mar-26 10:05:00 GMT", "Mon Mar  2 10:05:00 2026",
	} {
		f.Add(value, date)
		f.Add(value, "")
	}
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		wait := RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, maxRetryAfter)
		require.Zero(t, wait%time.Second)
	})
}

func FuzzChallenge(f *testing.F) {
	for _, claims := range []string{`{"access_token":{"nbf":{"essential":true,"value":"1"}}}`, "{}", "[]", "{"} {
		f.Add(`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`)
	}
	f.Fuzz(func(t *testing.T, value string) {
		claims := challenge(http.Header{"Www-Authenticate": {value}})
		if claims == "" {
			return
		}
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(claims), &object))
		require.NotEmpty(t, object)
		require.LessOrEqual(t, len(claims), maxChallenge)
	})
}

// What a service says is one line of bounded length without the secret.
func FuzzClean(f *testing.F) {
	for _, text := range []string{
		"", "a\r\nb", "\xff", "to " + testAddress + " and %40x", "Bearer " + testToken, `"a b"@contoso.example`, strings.Repeat("é", maxMessage),
		"malformed HTTP response \"x\"", "s3cr3t-of-the-test", "s3cr3t-\x00of-the-test",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := Clean(text, "s3cr3t-of-the-test", testToken)
		require.LessOrEqual(t, len(clean), maxMessage+len(" …"))
		require.True(t, utf8.ValidString(clean))
		require.False(t, strings.ContainsFunc(clean, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) && r != ' ' }), "%q", clean)
		require.NotContains(t, clean, "s3cr3t-of-the-test")
		require.NotContains(t, clean, testToken)
		require.NotRegexp(t, `[a-z]@[a-z]`, clean)
		if len(clean) <= maxMessage && strings.Count(text, `"`) <= maxNested { // else it is cut off again, or nested more deeply
			require.Equal(t, clean, Clean(clean), "cleaning again changes nothing")
		}
	})
}

// A link that is followed leads to the endpoint, as net/http understands it.
func FuzzPin(f *testing.F) {
	const root = "https://graph.microsoft.com" + endpointPath
	for _, link := range []string{
		root, root + "?$skiptoken=a", "https://graph.microsoft.com:443" + endpointPath + "/x", "https://GRAPH.microsoft.com" + endpointPath + "/../x",
		"//evil.example" + endpointPath, "https://a@graph.microsoft.com" + endpointPath, "http://graph.microsoft.com" + endpointPath,
		"https://graph.microsoft.com\\@evil.example" + endpointPath, root + "/%2e%2e/x", "https:" + endpointPath, "?a",
	} {
		f.Add(link, false)
		f.Add(strings.ToUpper(link), true)
	}
	endpoint, err := url.Parse(root)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, link string, foldPath bool) {
		u, err := url.Parse(link)
		if err != nil {
			return
		}
		u = endpoint.ResolveReference(u)
		if err := pin(endpoint, u, foldPath); err != nil {
			require.ErrorIs(t, err, ErrForeignLink)
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), http.NoBody)
		if err != nil {
			return
		}
		require.Equal(t, "https", r.URL.Scheme)
		require.Equal(t, "graph.microsoft.com", strings.ToLower(r.URL.Hostname()))
		require.Contains(t, []string{"", "443"}, r.URL.Port())
		require.Nil(t, r.URL.User)
		sent, _, _ := strings.Cut(r.URL.RequestURI(), "?")
		if foldPath {
			sent = strings.ToLower(sent)
		}
		require.NotContains(t, sent, "/../")
	})
}

func FuzzUnzip(f *testing.F) {
	whole := gzipped(strings.Repeat("rows ", 100))
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add([]byte("no gzip"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		resp, err := unzip{&answering{Response: &http.Response{
			Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(bytes.NewReader(body)),
		}}}.RoundTrip(&http.Request{Header: http.Header{}})
		require.NoError(t, err)
		content, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err == nil && len(body) < 18 {
			require.Empty(t, content, "header and trailer have 18 bytes")
		}
		require.NoError(t, resp.Body.Close())
		_, err = resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, errClosed)
	})
}
