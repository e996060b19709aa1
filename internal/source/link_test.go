// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testEndpoint = "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"

func follow(tb testing.TB, link string) (*url.URL, error) {
	tb.Helper()
	endpoint, err := url.Parse(testEndpoint)
	require.NoError(tb, err)
	return Follow(endpoint, link)
}

func TestLinksAreFollowedAsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, want string }{
		"nothing to escape":                  {"$skiptoken=eyJTdGFydERhdGUiOi==&$top=5000", ""},
		"escapes in lower case":              {"$skiptoken=Pc2%2bab%2fcd%3d%3d&$top=5000", ""},
		"escapes of what is reserved":        {"$skipToken=a%26b%23c%25d%2F%3F", ""},
		"escapes of what needs none":         {"%24skip%74oken=%41%7E", ""},
		"a plus":                             {"$filter=receivedDateTime+ge+2026-11-22T10:00:00Z", ""},
		"all that is legal":                  {"-._~:/?[]@!$&'()*+,;=09azAZ", ""},
		"empty options":                      {"$skiptoken=&&a", ""},
		"spaces":                             {"$filter=receivedDateTime ge 2026-10-01T00:00:00Z&$skiptoken=x", "$filter=receivedDateTime%20ge%202026-10-01T00:00:00Z&$skiptoken=x"},
		"umlauts":                            {"a=J\u00fcrgen&b=\u65e5", "a=J%C3%BCrgen&b=%E6%97%A5"},
		"umlauts that are no UTF-8":          {"a=J\xfcrgen", "a=J%FCrgen"},
		"quotation marks":                    {`a="b"&c='d'`, "a=%22b%22&c='d'"},
		"control characters":                 {"a=\x00\t\r\n\x7f", "a=%00%09%0D%0A%7F"},
		"everything else":                    {"a=<>\\^`{|}", "a=%3C%3E%5C%5E%60%7B%7C%7D"},
		"a percent sign that is no escape":   {"a=100%&b=%zz&c=%2&d=%", "a=100%25&b=%25zz&c=%252&d=%25"},
		"what is escaped beside what is not": {"a=%20 %C3%BC\u00fc", "a=%20%20%C3%BC%C3%BC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.want == "" {
				c.want = c.query
			}
			for _, base := range []string{testEndpoint, "", "messageTraces", "/v1.0/admin/exchange/tracing/messageTraces", "//graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces"} {
				u, err := follow(t, base+"?"+c.query)
				require.NoError(t, err)
				assert.Equal(t, testEndpoint+"?"+c.want, u.String(), base)
				request, err := http.NewRequest(http.MethodGet, u.String(), http.NoBody)
				require.NoError(t, err)
				assert.Equal(t, "/v1.0/admin/exchange/tracing/messageTraces?"+c.want, request.URL.RequestURI(), "on the wire")
			}
		})
	}
}

func TestThePathOfALinkStaysAsItIsWritten(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a%2Fb": "", "/a%2bb+c": "", "/%61": "", "/('x')": "", "/a b": "/a%20b", "/\u00fc": "/%C3%BC", "/%zz": "/%25zz", "/a%": "/a%25",
	} {
		if want == "" {
			want = path
		}
		u, err := follow(t, testEndpoint+path+"?x")
		require.NoError(t, err)
		assert.Equal(t, testEndpoint+want+"?x", u.String(), path)
	}
}

func TestALinkThatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"https://[::1/?ann.lee", ":ann.lee", "https://graph.microsoft.com:ann.lee/", "https://ann lee/"} {
		_, err := follow(t, link)
		require.ErrorIs(t, err, ErrShape, link)
		assert.NotContains(t, err.Error(), "ann", link)
	}
}

// FuzzFollow sees that a link arrives as it was sent, but for what is illegal in a URL.
func FuzzFollow(f *testing.F) {
	for _, seed := range []string{"$skiptoken=a%2Bb c&d=%e9'()*;,", "\x00\"<>\\^`{|}\x7f\xff", "%", "%4", "%zz", "?#", "a=J\u00fcrgen"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		escaped := escapeIllegal(query)
		assert.Equal(t, escaped, escapeIllegal(escaped), "what is legal stays")
		plain, err := url.PathUnescape(escaped)
		require.NoError(t, err)
		if sent, err := url.PathUnescape(query); err == nil {
			assert.Equal(t, sent, plain)
		}
		u, err := follow(t, "?"+query)
		require.NoError(t, err)
		request, err := http.NewRequest(http.MethodGet, u.String(), http.NoBody)
		require.NoError(t, err)
		assert.Equal(t, escaped, request.URL.RawQuery+fragment(escaped))
	})
}

// fragment is what of a link is never sent, and the sign before it.
func fragment(link string) string {
	for i := range len(link) {
		if link[i] == '#' {
			return link[i:]
		}
	}
	return ""
}
