// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
)

func TestTransportCarriesRequestAndAnswer(t *testing.T) {
	transport := simulator.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "sent", string(body))
		assert.Equal(t, "example.com:8443", r.Host)
		assert.Equal(t, "/path?x=1", r.RequestURI)
		w.Header().Set("Early", "1")
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("Late", "1")
		_, err = io.WriteString(w, "answered")
		assert.NoError(t, err)
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com:8443/path?x=1", strings.NewReader("sent"))
	require.NoError(t, err)
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { assert.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "answered", string(body))
	assert.Equal(t, "418 I'm a teapot", response.Status)
	assert.Equal(t, "1", response.Header.Get("Early"))
	assert.Empty(t, response.Header.Get("Late"), "headers are sent with the status")
	assert.Equal(t, int64(8), response.ContentLength)
}

func TestTransportHonoursTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	client := &http.Client{Transport: simulator.Transport(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls++
		cancel()
		<-r.Context().Done() // a handler may hang until the client gives up
	}))}
	for range 2 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x", http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(r)
		if err == nil {
			require.NoError(t, response.Body.Close())
		}
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Equal(t, 1, calls)
}

// Broken answers are what they are over a network.
func TestTransportBreaksAsNetworksDo(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		body    string
		err     error // of the request if there is no body, of the body otherwise
	}{
		"gives up at once": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", io.ErrUnexpectedEOF},
		"gives up halfway": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, "half", io.ErrUnexpectedEOF},
		"sends too little": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "8")
			_, _ = io.WriteString(w, "half")
		}, "half", io.ErrUnexpectedEOF},
		"is in order": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") }, "whole", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x", http.NoBody)
			require.NoError(t, err)
			response, err := simulator.Transport(test.handler).RoundTrip(r)
			if test.body == "" {
				require.ErrorIs(t, err, test.err)
				return
			}
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, test.body, string(body))
			require.NoError(t, response.Body.Close())
		})
	}
	assert.PanicsWithValue(t, "bug", func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x", http.NoBody)
		require.NoError(t, err)
		_, _ = simulator.Transport(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("bug") })).RoundTrip(r)
	})
}
