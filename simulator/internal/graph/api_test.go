// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	host     = "https://graph.microsoft.com"
	endpoint = host + "/v1.0" + resourcePath
)

var noon = time.Date(2026, 1, 22, 12, 0, 0, 0, time.UTC)

// anyToken accepts the token "good" and names others by what they are called.
type anyToken map[string]error

func (v anyToken) Verify(token, audience, role string, _ time.Time) error {
	if token == "good" && audience == host && role == Role {
		return nil
	}
	return v[token]
}

type page struct {
	Context string           `json:"@odata.context"`
	Next    string           `json:"@odata.nextLink"`
	Value   []map[string]any `json:"value"`
	Error   struct {
		Code, Message string
		InnerError    map[string]string
	}
}

func newAPI(tb testing.TB, rows ...mail.Row) *API {
	tb.Helper()
	store := mail.NewStore(nil)
	require.NoError(tb, store.Add(rows...))
	return &API{Store: store, Audience: host, Quota: &Quota{}, Verifier: anyToken{
		"expired": entra.ErrExpired, "audience": entra.ErrAudience, "signature": entra.ErrSignature, "role": entra.ErrRole,
		"malformed": entra.ErrMalformed,
	}}
}

func request(tb testing.TB, address string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(tb, err)
	r.Header.Set("Authorization", "Bearer good")
	return r
}

func serve(tb testing.TB, a *API, r *http.Request) (*exchange.Exchange, *httptest.ResponseRecorder) {
	tb.Helper()
	w := httptest.NewRecorder()
	x := &exchange.Exchange{Writer: w, Request: r, Now: noon, ID: "request", ClientID: "client"}
	handle := a.Handler(r.URL.Path)
	require.NotNil(tb, handle)
	handle(x)
	return x, w
}

func decode(tb testing.TB, w *httptest.ResponseRecorder) page {
	tb.Helper()
	var p page
	require.NoError(tb, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	return p
}

// list asks for a filter and returns the ids on the first page.
func list(tb testing.TB, a *API, filter string) []string {
	tb.Helper()
	_, w := serve(tb, a, request(tb, endpoint+"?$filter="+url.QueryEscape(filter)))
	require.Equal(tb, http.StatusOK, w.Code, w.Body.String())
	ids := []string{}
	for _, row := range decode(tb, w).Value {
		ids = append(ids, fmt.Sprint(row["id"]))
	}
	return ids
}

// The documentation's page comes out as it is printed there.
func TestDocumentedPage(t *testing.T) {
	want, err := os.ReadFile("testdata/documented-page.json")
	require.NoError(t, err)
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return parsed
	}
	a := newAPI(t, mail.Row{
		ID: "a3f6d2c1-5c3b-4f7a-9d1e-2c8f1b0a6e45", Sender: "sender@contoso.com", Recipient: "recipient@contoso.com",
		MessageID: new("<0d7f3a2b-6c1e-4f9a-9b9a-3c0a2b1c4d5e@contoso.com>"), Received: at("2026-01-18T10:30:00Z"),
		Subject: new("Daily report"), Size: 45678, FromIP: new("203.0.113.10"), ToIP: new(""),
	}, mail.Row{
		ID: "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f", Sender: "sender@contoso.com", Recipient: "recipient@contoso.com",
		MessageID: new("<1f2e3d4c-5b6a-7980-9a0b-1c2d3e4f5a6b@contoso.com>"), Received: at("2026-01-21T14:12:34Z"),
		Subject: new("Monthly report"), Size: 51234, FromIP: new("203.0.113.25"), ToIP: new(""),
	})
	x, w := serve(t, a, request(t, endpoint+"?$filter=receivedDateTime%20ge%202026-01-13T00:00:00Z%20and%20receivedDateTime%20le%202026-01-22T12:00:00Z"))
	require.Equal(t, http.StatusOK, w.Code)
	assert.JSONEq(t, string(want), w.Body.String())
	order := func(text string) (names []string) {
		for part := range strings.SplitSeq(text[strings.Index(text, `{"id"`):strings.Index(text, "}")], `":`) {
			names = append(names, part[strings.LastIndexByte(part, '"')+1:])
		}
		return names[:len(names)-1]
	}
	assert.Equal(t, order(string(want)), order(w.Body.String()), "order of members")
	assert.Equal(t, 2, x.Rows)
	assert.Equal(t, at("2026-01-13T00:00:00Z"), x.Start)
	assert.Equal(t, noon, x.End)
}

func TestPathsAndMethods(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/v1.0" + resourcePath, "/beta" + resourcePath, "/V1.0/Admin/exchange/tracing/MESSAGETRACES"} {
		_, w := serve(t, a, request(t, host+path))
		assert.Equal(t, http.StatusOK, w.Code, path)
	}
	for _, path := range []string{"/v1.0", "/v1.0/users", "/v1.0" + resourcePath + "/", "/v1.0" + resourcePath + "/x/getDetailsByRecipient"} {
		_, w := serve(t, a, request(t, host+path))
		assert.Equal(t, http.StatusBadRequest, w.Code, path)
		assert.Contains(t, decode(t, w).Error.Message, "Resource not found for the segment")
	}
	assert.Nil(t, a.Handler("/v2.0"+resourcePath))
	assert.Nil(t, a.Handler(""))
	r := request(t, endpoint)
	r.Method = http.MethodPost
	_, w := serve(t, a, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, http.MethodGet, w.Header().Get("Allow"))
}

func TestTokens(t *testing.T) {
	for header, test := range map[string]struct {
		status     int
		code, text string
	}{
		"":                  {401, "InvalidAuthenticationToken", "Access token is empty."},
		"Basic good":        {401, "InvalidAuthenticationToken", "Access token is empty."},
		"Bearer":            {401, "InvalidAuthenticationToken", "Access token is empty."},
		"Bearer malformed":  {401, "InvalidAuthenticationToken", "not well formed"},
		"Bearer signature":  {401, "InvalidAuthenticationToken", "Invalid signature."},
		"Bearer audience":   {401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."},
		"Bearer expired":    {401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."},
		"Bearer role":       {403, "Authorization_RequestDenied", "Insufficient privileges"},
		"bearer   good    ": {200, "", ""},
	} {
		t.Run(header, func(t *testing.T) {
			a := newAPI(t)
			r := request(t, endpoint)
			r.Header.Set("Authorization", header)
			_, w := serve(t, a, r)
			assert.Equal(t, test.status, w.Code)
			got := decode(t, w).Error
			assert.Equal(t, test.code, got.Code)
			assert.Contains(t, got.Message, test.text)
			assert.Equal(t, test.status == 401, w.Header().Get("WWW-Authenticate") != "")
			if test.status != 200 {
				assert.Equal(t, map[string]string{"date": "2026-01-22T12:00:00", "request-id": "request", "client-request-id": "client"}, got.InnerError)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	now := noon
	q := &Quota{Limit: 3, Interval: 5 * time.Minute}
	for range 3 {
		_, ok := q.take(now)
		assert.True(t, ok)
		now = now.Add(time.Second)
	}
	wait, ok := q.take(now)
	assert.False(t, ok)
	assert.Equal(t, 5*time.Minute-3*time.Second, wait)
	assert.Equal(t, "297", q.header(wait))
	assert.Equal(t, "1", q.header(time.Millisecond), "rounded up")
	now = now.Add(wait)
	_, ok = q.take(now)
	assert.True(t, ok, "the oldest has left the interval")
	_, ok = q.take(now)
	assert.False(t, ok, "the second has not")
}

func TestThrottledAnswer(t *testing.T) {
	for _, silent := range []bool{false, true} {
		a := newAPI(t)
		a.Quota = &Quota{Limit: 1, Interval: time.Minute, Silent: silent}
		unauthorized := request(t, endpoint)
		unauthorized.Header.Del("Authorization")
		serve(t, a, unauthorized) // does not count
		_, w := serve(t, a, request(t, endpoint))
		require.Equal(t, http.StatusOK, w.Code)
		_, w = serve(t, a, request(t, endpoint))
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.Equal(t, "TooManyRequests", decode(t, w).Error.Code)
		assert.Equal(t, "Your recent queries have surpassed the permitted limit, please try again later.", decode(t, w).Error.Message)
		want := "60"
		if silent {
			want = ""
		}
		assert.Equal(t, want, w.Header().Get("Retry-After"))
	}
}

func TestNewStatusesNeedAPreference(t *testing.T) {
	a := newAPI(t,
		mail.Row{ID: "1", Received: noon, Timeline: []mail.Change{{At: noon, Status: mail.Recalled}}},
		mail.Row{ID: "2", Received: noon, Timeline: []mail.Change{{At: noon, Status: "brandNew"}}},
		mail.Row{ID: "3", Received: noon})
	for prefer, want := range map[string][]any{
		"": {"unknownFutureValue", "unknownFutureValue", "delivered"},
		"odata.maxpagesize=5, Include-Unknown-Enum-Members": {"recalled", "brandNew", "delivered"},
	} {
		r := request(t, endpoint)
		r.Header.Set("Prefer", prefer)
		_, w := serve(t, a, r)
		var got []any
		for _, row := range decode(t, w).Value {
			got = append(got, row["status"])
		}
		assert.Equal(t, want, got)
		assert.Equal(t, prefer != "", w.Header().Get("Preference-Applied") != "")
	}
}
