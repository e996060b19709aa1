// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	endpointPath = "/v1.0/admin/exchange/tracing/messageTraces"
	// What must not reach an error, whatever the service answers.
	testToken   = "eyJ0eXAi.the-token.of-the-test"
	testAddress = "ann.o'lee+trace@contoso.example"
	testQuery   = "$filter=senderAddress%20eq%20%27ann.o%27%27lee%2Btrace%40contoso.example%27&$skiptoken=c2VjcmV0"
)

// tokens is an Authorizer that gives out its tokens in order, the last one for good.
type tokens struct {
	mu       sync.Mutex
	given    []string
	rejected []string
	// demanded are the claims that came with the rejections.
	demanded []string
	err      error
	asked    int
}

func (a *tokens) Token(context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if len(a.given) == 0 {
		return "", a.err
	}
	return a.given[min(len(a.rejected), len(a.given)-1)], nil
}

func (a *tokens) Reject(token, claims string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.demanded = append(a.demanded, claims)
	a.rejected = append(a.rejected, token)
	if a.err != nil {
		a.given = nil
	}
}

// service explains errors as Microsoft Graph does and advises what the test expects.
type service struct{}

func (service) Explain(body []byte) (code, message string) {
	var response struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(body, &response) != nil {
		return "", ""
	}
	return response.Error.Code, response.Error.Message
}

func (service) Advise(e *Error) trouble.Advice {
	return trouble.Advice{Hint: "advice on " + http.StatusText(e.Status)}
}

// serve starts a server on the loopback that answers with handler, and returns the URL of the endpoint on it.
func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return parse(t, server.URL+endpointPath)
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// newTestClient returns a client with connections of its own, which are closed with the test.
func newTestClient(t *testing.T, endpoint *url.URL, auth Authorizer) *Client {
	t.Helper()
	connections := &http.Transport{}
	t.Cleanup(connections.CloseIdleConnections)
	return newClientOver(&http.Client{Transport: connections, Timeout: time.Minute}, endpoint, auth)
}

// newClientOver returns a client that tries once and has no budget to keep.
func newClientOver(h *http.Client, endpoint *url.URL, auth Authorizer) *Client {
	return NewClient(Options{HTTP: h, Endpoint: endpoint, Auth: auth, Scheme: "Bearer", Service: service{}, Quota: NewQuota(Rate{}), Observer: nobody{}})
}

// nobody does not listen.
type nobody struct{}

func (nobody) Retrying(_ context.Context, _ error, _ string, _ int, _ time.Duration) {}

func (nobody) Throttled(context.Context, error, time.Duration) {}

// withQuery returns the URL of a page, with a query full of what is secret.
func withQuery(u *url.URL) *url.URL {
	page := *u
	page.RawQuery = testQuery
	return &page
}

// get asks a server with handler for a page.
func get(t *testing.T, handler http.HandlerFunc) (*Response, error) {
	t.Helper()
	endpoint := serve(t, handler)
	return newTestClient(t, endpoint, &tokens{given: []string{testToken}}).Get(t.Context(), trace.Live, withQuery(endpoint), http.Header{})
}

// requireError returns the *Error that err must be, and sees that it tells no secrets.
func requireError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	for _, text := range []string{e.Error(), e.Advice.Hint, e.Code, e.Message, e.RequestID, e.Target} {
		for _, secret := range []string{testToken, "the-token", "o'lee", "lee+trace", "trace@", "%40contoso", "$filter", "skiptoken", "c2VjcmV0"} {
			require.NotContains(t, text, secret)
		}
		require.False(t, strings.ContainsAny(text, "\r\n\t"), "%q has more than one line", text)
	}
	return e
}

func nobodysLog() *log.Logger { return log.New(io.Discard, "", 0) }
