// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const graphEndpoint = "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"

func TestPinAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ endpoint, link string }{
		{graphEndpoint, graphEndpoint},
		{graphEndpoint, graphEndpoint + "?$filter=a&$skiptoken=b"},
		{graphEndpoint, graphEndpoint + "/"},
		{graphEndpoint + "/", graphEndpoint},
		{graphEndpoint, graphEndpoint + "/next"},
		{graphEndpoint, graphEndpoint + "/a/b/"},
		{graphEndpoint, strings.Replace(graphEndpoint, "graph.microsoft.com", "Graph.Microsoft.COM", 1)},
		{graphEndpoint, strings.Replace(graphEndpoint, "https", "HTTPS", 1)},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com:443/", 1)},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com:/", 1)},
		{"https://host:443/p", "https://host/p"},
		{"https://host:8443/p", "https://host:8443/p"},
		{"http://localhost/p", "http://localhost:80/p"},
		{"http://[::1]:8080/p", "http://[::1]:8080/p/q"},
		{"https://host", "https://host"},
		{"https://host", "https://host/"},
		{"https://host/", "https://host"},
		{"https://host/", "https://host/?a=b"},
		{"https://host", "https://host/a/b"},
		{"https://host/a..b", "https://host/a..b"},
		{"https://host/p", "https://host/%70"},
	} {
		t.Run(c.endpoint+" "+c.link, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, pin(parse(t, c.endpoint), parse(t, c.link), false))
		})
	}
}

func TestPinRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ endpoint, link, says string }{
		{graphEndpoint, "https://evil.example/v1.0/admin/exchange/tracing/messageTraces", "https://evil.example"},
		{graphEndpoint, "http://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces", "http://graph.microsoft.com"},
		{graphEndpoint, "ftp://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces", "ftp://"},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com:8443/", 1), "https://graph.microsoft.com:8443"},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com:80/", 1), ":80"},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com./", 1), "graph.microsoft.com."},
		{graphEndpoint, strings.Replace(graphEndpoint, ".com/", ".com.evil.example/", 1), "evil.example"},
		{graphEndpoint, strings.Replace(graphEndpoint, "graph.", "evilgraph.", 1), "evilgraph"},
		{graphEndpoint, "https://graph.microsoft.com@evil.example/v1.0/admin/exchange/tracing/messageTraces", "https://evil.example"},
		{graphEndpoint, `https://evil.example#@graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces`, "https://evil.example"},
		{graphEndpoint, strings.Replace(graphEndpoint, "graph.", "user@graph.", 1), "user information"},
		{graphEndpoint, strings.Replace(graphEndpoint, "graph.", "user:password@graph.", 1), "user information"},
		{graphEndpoint, graphEndpoint + "X", "another path"},
		{graphEndpoint, strings.TrimSuffix(graphEndpoint, "s"), "another path"},
		{graphEndpoint, "https://graph.microsoft.com/v1.0/me/messages", "another path"},
		{graphEndpoint, "https://graph.microsoft.com/", "another path"},
		{graphEndpoint, "https://graph.microsoft.com", "another path"},
		{graphEndpoint, strings.Replace(graphEndpoint, "messageTraces", "MESSAGETRACES", 1), "another path"},
		{graphEndpoint, graphEndpoint + "/..", "another path"},
		{graphEndpoint, graphEndpoint + "/../messageTraces", "another path"},
		{graphEndpoint, graphEndpoint + "/../../me", "another path"},
		{graphEndpoint, graphEndpoint + "/./x", "another path"},
		{graphEndpoint, graphEndpoint + "//x", "another path"},
		{graphEndpoint, graphEndpoint + "//", "another path"},
		{graphEndpoint, graphEndpoint + "/%2e%2e/me", "another path"},
		{graphEndpoint, graphEndpoint + "/%2E%2e/%2e./me", "another path"},
		{graphEndpoint, graphEndpoint + "%2f..%2fme", "another path"},
		{graphEndpoint, "https://graph.microsoft.com/x/../v1.0/admin/exchange/tracing/messageTraces", "another path"},
		{graphEndpoint, "/v1.0/admin/exchange/tracing/messageTraces", "refused to follow"},
		{graphEndpoint, "//graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces", "refused to follow"},
		{graphEndpoint, "https:graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces", "refused to follow"},
		{graphEndpoint, "?$skiptoken=x", "refused to follow"},
		{graphEndpoint, "", "refused to follow"},
		{"http://[::1]:8080/p", "http://[::1]:8081/p", "8081"},
		{"https://host", "https://host/../x", "another path"},
		{"https://host", "https://host//evil.example", "another path"},
	} {
		t.Run(c.link, func(t *testing.T) {
			t.Parallel()
			err := pin(parse(t, c.endpoint), parse(t, c.link), false)
			require.ErrorIs(t, err, ErrForeignLink)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestAForeignLinkIsNotAskedForAtAll(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	endpoint := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	client := newTestClient(t, endpoint, &tokens{given: []string{testToken}})
	_, err := client.Get(t.Context(), trace.Live, endpoint, http.Header{})
	require.NoError(t, err)
	links := []string{
		endpoint.String() + "X", endpoint.String() + "/../..", "http://" + testToken + "/" + testAddress + "?" + testQuery,
		strings.Replace(endpoint.String(), "http://", "http://"+strings.Replace(testAddress, "@", "%40", 1)+"@", 1),
	}
	for _, link := range links {
		_, err := client.Get(t.Context(), trace.Live, parse(t, link), http.Header{})
		e := requireError(t, err)
		require.ErrorIs(t, e, ErrForeignLink)
		assert.Equal(t, endpoint.Host+endpointPath, e.Target)
		assert.Contains(t, e.Hint(), "endpoint")
		assert.Equal(t, trouble.Window, e.Scope())
	}
	assert.EqualValues(t, 1, requests.Load(), "but the endpoint is")
}

func TestARedirectToAnotherOriginNeverSeesTheToken(t *testing.T) {
	t.Parallel()
	var foreign atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { foreign.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for name, location := range map[string]string{
		"another port":                    elsewhere.URL + endpointPath + "?" + testQuery,
		"an address and the token":        elsewhere.URL + "/" + testAddress + "/" + testToken,
		"another path":                    "/v1.0/me/messages",
		"a path that leads out":           endpointPath + "/../../me",
		"another host named by the token": "//" + testToken + ".example" + endpointPath,
	} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			t.Run(fmt.Sprintf("%d to %s", status, name), func(t *testing.T) {
				t.Parallel()
				_, err := get(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				e := requireError(t, err)
				require.ErrorIs(t, e, ErrForeignLink)
				assert.Contains(t, e.Hint(), "endpoint")
				assert.Zero(t, foreign.Load(), "a request reached the other server")
			})
		}
	}
}

func TestARedirectBelowTheEndpointIsFollowed(t *testing.T) {
	t.Parallel()
	response, err := get(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == endpointPath {
			http.Redirect(w, r, endpointPath+"/moved", http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, r.Header.Get("Authorization"))
	})
	require.NoError(t, err)
	assert.Equal(t, "Bearer "+testToken, string(response.Body))
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	for says, c := range map[string]struct {
		// to is where the n-th answer leads, below the endpoint.
		to       func(n int32) string
		requests int32
	}{
		"in a circle":   {func(int32) string { return "" }, 2},
		"ten redirects": {func(n int32) string { return fmt.Sprint("/", n) }, 10},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			_, err := get(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, endpointPath+c.to(requests.Add(1)), http.StatusFound)
			})
			e := requireError(t, err)
			require.ErrorIs(t, e, ErrForeignLink)
			require.ErrorContains(t, e, says)
			assert.Equal(t, c.requests, requests.Load())
		})
	}
}

// A link that leads away may repeat the token. To keep it out of the error, it is enough to know what has been sent.
func TestMaskingAnErrorNeverSignsIn(t *testing.T) {
	t.Parallel()
	endpoint := serve(t, func(http.ResponseWriter, *http.Request) {})
	auth := &tokens{given: []string{testToken}}
	client := newTestClient(t, endpoint, auth)
	foreign := parse(t, "https://elsewhere.example/"+testToken)
	_, err := client.Get(t.Context(), trace.Live, foreign, http.Header{})
	require.ErrorIs(t, err, ErrForeignLink)
	assert.Zero(t, auth.asked, "nothing has been sent yet that could be repeated")

	_, err = client.Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
	require.NoError(t, err)
	assert.Equal(t, 1, auth.asked)
	_, err = client.Get(t.Context(), trace.Live, foreign, http.Header{})
	require.ErrorIs(t, requireError(t, err), ErrForeignLink)
	assert.Equal(t, 1, auth.asked)
}
