// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

func TestTheFirstRequestOfAWindow(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		window trace.Window
		filter string
	}{
		"whole seconds": {
			trace.Window{Start: start, End: start.Add(30 * time.Minute)},
			"receivedDateTime ge 2026-11-22T10:00:00Z and receivedDateTime le 2026-11-22T10:30:00Z",
		},
		"milliseconds": {
			trace.Window{Start: start.Add(5 * time.Millisecond), End: start.Add(1250 * time.Millisecond)},
			"receivedDateTime ge 2026-11-22T10:00:00.005Z and receivedDateTime le 2026-11-22T10:00:01.25Z",
		},
		"another zone": {
			trace.Window{Start: start.In(time.FixedZone("", 2*3600)), End: start.Add(time.Hour).In(time.FixedZone("", -5*3600))},
			"receivedDateTime ge 2026-11-22T10:00:00Z and receivedDateTime le 2026-11-22T11:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &fakeGetter{response: &transport.Response{}}
			client := newTestClient(t, g)
			client.query.PageSize = 1234
			_, err := client.First(t.Context(), trace.Backfill, c.window, 0)
			require.NoError(t, err)
			u, err := url.Parse(g.url)
			require.NoError(t, err)
			assert.Equal(t, url.Values{"$filter": {c.filter}, "$top": {"1234"}}, u.Query())
			assert.Regexp(t, `^\$filter=receivedDateTime%20ge%20[^$+ ]+&\$top=1234$`, u.RawQuery, "written as Graph's documentation does")
			u.RawQuery = ""
			assert.Equal(t, testEndpoint, u.String())
			assert.Equal(t, trace.Backfill, g.lane)
		})
	}
}

func TestEveryRequestAsksForEveryStatus(t *testing.T) {
	t.Parallel()
	want := http.Header{"Accept": {"application/json"}, "Prefer": {"include-unknown-enum-members"}}
	g := &fakeGetter{response: &transport.Response{}}
	_, err := newTestClient(t, g).First(t.Context(), trace.Live, trace.Window{}, 0)
	require.NoError(t, err)
	assert.Equal(t, want, g.header)
	_, err = newTestClient(t, g).Next(t.Context(), trace.Live, pageSize+testEndpoint+"?$skiptoken=a")
	require.NoError(t, err)
	assert.Equal(t, want, g.header)
}

func TestTheEndpointStaysAsItIs(t *testing.T) {
	t.Parallel()
	client := newTestClient(t, &fakeGetter{response: &transport.Response{}})
	_, err := client.First(t.Context(), trace.Live, trace.Window{}, 0)
	require.NoError(t, err)
	assert.Equal(t, testEndpoint, client.endpoint.String())
}

func TestLinksAreFollowed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ link, want string }{
		"verbatim": {
			testEndpoint + "?$filter=receivedDateTime+ge+2026-11-22T10:00:00Z&$top=1000&$skiptoken=eyJTdGFydERhdGUiOi==", "",
		},
		"verbatim, however it is escaped":                  {testEndpoint + "?%24skiptoken=a%2Bb+c%20d&x=%e9'()*;,", ""},
		"verbatim, empty options":                          {testEndpoint + "?$skiptoken=&&a", ""},
		"to another host, for the transport to refuse":     {"https://evil.example/messageTraces?$skiptoken=a", ""},
		"relative to the root":                             {"/v1.0/admin/exchange/tracing/messageTraces?$skiptoken=a", testEndpoint + "?$skiptoken=a"},
		"relative to the endpoint":                         {"messageTraces?$skiptoken=a", testEndpoint + "?$skiptoken=a"},
		"a query alone":                                    {"?$skiptoken=a", testEndpoint + "?$skiptoken=a"},
		"relative to the scheme":                           {"//evil.example/x?$skiptoken=a", "https://evil.example/x?$skiptoken=a"},
		"out of the endpoint, for the transport to refuse": {"../../me?$skiptoken=a", "https://graph.microsoft.com/v1.0/admin/me?$skiptoken=a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &fakeGetter{response: &transport.Response{}}
			_, err := newTestClient(t, g).Next(t.Context(), trace.Live, pageSize+c.link)
			require.NoError(t, err)
			if c.want == "" {
				c.want = c.link
			}
			assert.Equal(t, c.want, g.url)
			assert.Equal(t, trace.Live, g.lane)
		})
	}
}

func TestALinkThatIsNoURLIsAnErrorThatDoesNotRepeatIt(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"https://graph.microsoft.com:x/?$filter=senderAddress eq 'ann.lee@contoso.com'",
		"https://[::1/?ann.lee",
		":ann.lee",
		"https://graph.microsoft.com:ann.lee/",
	} {
		g := &fakeGetter{}
		_, err := newTestClient(t, g).Next(t.Context(), trace.Live, pageSize+link)
		var e *transport.Error
		require.ErrorAs(t, err, &e, link)
		require.ErrorIs(t, err, source.ErrShape)
		assert.NotContains(t, err.Error(), "ann.lee")
		assert.Empty(t, g.url, "nothing may be asked")
	}
}

func TestErrorsOfRequestsComeAsTheyAre(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	page, err := newTestClient(t, &fakeGetter{err: refused}).First(t.Context(), trace.Live, trace.Window{}, 0)
	require.ErrorIs(t, err, refused)
	assert.Nil(t, page)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, code, message string }{
		"an error":            {`{"error":{"code":"BadRequest","message":"ResultSize is invalid","innerError":{"date":"d"}}}`, "BadRequest", "ResultSize is invalid"},
		"a code alone":        {`{"error":{"code":"BadRequest"}}`, "BadRequest", ""},
		"an error of OAuth":   {`{"error":"invalid_client"}`, "invalid_client", ""},
		"null":                {`{"error":null}`, "", ""},
		"no JSON":             {`<html></html>`, "", ""},
		"nothing":             {``, "", ""},
		"a message of a kind": {`{"error":{"message":5}}`, "", ""},
	} {
		code, message := Service{}.Explain([]byte(c.body))
		assert.Equal(t, c.code, code, name)
		assert.Equal(t, c.message, message, name)
	}
}

func TestAdvise(t *testing.T) {
	t.Parallel()
	const notProvisioned = "Service principal-less Authentication failed: the service principal for App ID " +
		"8bd644d1-64a1-4d4b-ae52-2e0cbf64e373 was not found. Please create a service principal for this app in your tenant."
	for _, c := range []struct {
		status  int
		message string
		advice  string
	}{
		{401, notProvisioned, "New-MgServicePrincipal -AppId 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"},
		{403, notProvisioned, "provisioning takes hours"},
		{401, "Access token validation failure. Invalid audience.", "check resource and api"},
		{401, "Lifetime validation failed, the token is expired.", "clock"},
		{401, "", "ExchangeMessageTrace.Read.All"},
		{403, "", "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"},
		{404, "", "check endpoint"},
		{410, "", "check endpoint"},
		{429, "", "poll_interval"},
		{400, "Your recent queries have surpassed the permitted limit, please try again later.", "poll_interval"},
		{400, "", "check endpoint and filter"},
		{400, "Invalid StartDate value.", ""},
		{400, "ResultSize is invalid", "page_size"},
		{500, "", "Service health"},
		{503, "", "Service health"},
		{0, "", ""},
	} {
		e := &transport.Error{Status: c.status, Message: c.message}
		if c.advice == "page_size" {
			e.Reason = transport.PageSize
		}
		got := Service{}.Advise(e).Hint
		assert.Contains(t, got, c.advice, "status %d", c.status)
		assert.Equal(t, c.advice == "", got == "", "status %d: %s", c.status, got)
	}
}
