// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// check looks at an answer, or at why there is none.
type check func(t *testing.T, answer reply, err error)

// What each fault looks like to a client, by either protocol and in process.
func TestOnTheWire(t *testing.T) {
	broken := func(t *testing.T, answer reply, err error) {
		t.Helper()
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, answer.status)
		require.Error(t, answer.err)
		assert.NotEmpty(t, answer.body)
	}
	invalid := func(t *testing.T, answer reply, err error) {
		t.Helper()
		require.NoError(t, err)
		require.NoError(t, answer.err)
		assert.Equal(t, http.StatusOK, answer.status)
		_, err = parsed(answer.body)
		require.Error(t, err)
	}
	checks := map[fault.Kind]check{
		fault.Reset: func(t *testing.T, _ reply, err error) {
			t.Helper()
			wasReset(t, err)
		},
		fault.ResetBody: func(t *testing.T, answer reply, err error) {
			t.Helper()
			broken(t, answer, err)
			wasReset(t, answer.err)
		},
		fault.ShortBody: func(t *testing.T, answer reply, err error) {
			t.Helper()
			broken(t, answer, err)
			assert.ErrorIs(t, answer.err, io.ErrUnexpectedEOF)
		},
		fault.TruncatedBody: func(t *testing.T, answer reply, err error) {
			t.Helper()
			invalid(t, answer, err)
			assert.Equal(t, strconv.Itoa(len(answer.body)), answer.header.Get("Content-Length"))
			assert.Equal(t, `{"@odata.context"`, string(answer.body[:17]))
		},
		fault.InvalidGzip: func(t *testing.T, answer reply, err error) {
			t.Helper()
			require.NoError(t, err)
			assert.Equal(t, "gzip", answer.header.Get("Content-Encoding"))
			unpacker, err := gzip.NewReader(bytes.NewReader(answer.body))
			if err == nil {
				_, err = io.ReadAll(unpacker)
			}
			assert.Error(t, err)
		},
		fault.HTMLPage: func(t *testing.T, answer reply, err error) {
			t.Helper()
			invalid(t, answer, err)
			assert.Contains(t, string(answer.body), "<html")
			assert.Equal(t, "text/html; charset=utf-8", answer.header.Get("Content-Type"))
		},
		fault.EmptyBody: func(t *testing.T, answer reply, err error) {
			t.Helper()
			invalid(t, answer, err)
			assert.Empty(t, answer.body)
		},
		fault.OtherShape: func(t *testing.T, answer reply, err error) {
			t.Helper()
			invalid(t, answer, err)
			assert.True(t, json.Valid(answer.body))
		},
		fault.SlowBody: func(t *testing.T, answer reply, err error) {
			t.Helper()
			require.NoError(t, err)
			require.NoError(t, answer.err)
			assert.Len(t, parse(t, answer).Rows, 100)
		},
		fault.Hang: func(t *testing.T, answer reply, err error) {
			t.Helper()
			require.NoError(t, err)
			assert.Len(t, parse(t, answer).Rows, 100)
		},
	}
	for _, version := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) {
			sim, client, at := overTLS(t, max(version, 1))
			if version == 0 {
				client = inProcess(sim)
			} else {
				client.Transport.(*http.Transport).DisableCompression = true
			}
			for kind, check := range checks {
				t.Run(string(kind), func(t *testing.T) { strikeThrice(t, sim, client, at+"?"+window, kind, check) })
			}
		})
	}
}

func strikeThrice(t *testing.T, sim *simulator.Simulator, client *http.Client, at string, kind fault.Kind, check check) {
	t.Helper()
	const delay = 20 * time.Millisecond
	before := len(sim.Requests())
	order(t, sim, fault.Rule{Kind: kind, On: fault.FirstPage, Count: 3, Delay: delay})
	for range 3 {
		client.CloseIdleConnections() // on one that was used before, net/http would ask again after a reset
		begin := time.Now()
		answer, err := ask(t, sim, client, at)
		check(t, answer, err)
		if kind == fault.Hang || kind == fault.SlowBody {
			assert.GreaterOrEqual(t, time.Since(begin), delay*9/10)
		}
	}
	assert.Len(t, parse(t, got(t, sim, client, at)).Rows, 100, "spent")
	var faults []string // the order is that of their ends
	for _, r := range recorded(t, sim, before+4)[before:] {
		faults = append(faults, r.Fault)
		assert.True(t, r.Authorized)
		assert.Equal(t, noon.Add(-time.Hour), r.Start)
		assert.Equal(t, noon, r.End)
	}
	assert.ElementsMatch(t, []string{string(kind), string(kind), string(kind), ""}, faults)
}

// In process, resets have the error that they mostly have.
func TestResetsInProcess(t *testing.T) {
	sim := tenant(t, standing, 250)
	order(t, sim, fault.Rule{Kind: fault.Reset, Count: 1}, fault.Rule{Kind: fault.ResetBody, Count: 1})
	_, err := ask(t, sim, inProcess(sim), origin+tracesPath)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Zero(t, last(t, sim).Status)
	answer, err := ask(t, sim, inProcess(sim), origin+tracesPath)
	require.NoError(t, err)
	require.ErrorIs(t, answer.err, syscall.ECONNRESET)
	assert.Equal(t, http.StatusOK, last(t, sim).Status)
	assert.Zero(t, last(t, sim).Rows, "damaged")
}

// Bodies are damaged as they are on the wire, compressed if so asked.
func TestDamageIsDoneToTheCompressedBody(t *testing.T) {
	sim, client, at := overTLS(t, 1)
	for _, kind := range []fault.Kind{fault.TruncatedBody, fault.ResetBody, fault.InvalidGzip, fault.ShortBody} {
		for range 5 { // among them all ways of being invalid
			order(t, sim, fault.Rule{Kind: kind})
			answer, err := ask(t, sim, client, at+"?"+window)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, answer.status)
			assert.Empty(t, answer.header.Get("Content-Encoding"), "net/http unpacked it")
			require.Error(t, answer.err, kind)
		}
	}
	order(t, sim, fault.Rule{Kind: fault.SlowBody, Delay: time.Millisecond})
	assert.Len(t, parse(t, got(t, sim, client, at+"?"+window)).Rows, 100)
}

// Waiting ends with the client.
func TestClientsThatGo(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Hang, fault.SlowBody} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", kind, version), func(t *testing.T) {
				sim, client, at := overTLS(t, version)
				order(t, sim, fault.Rule{Kind: kind, Delay: time.Hour})
				client.Timeout = 500 * time.Millisecond // enough for a handshake under the race detector
				answer, err := ask(t, sim, client, at+"?"+window)
				if kind == fault.SlowBody {
					require.NoError(t, err, "headers come at once")
					err = answer.err
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, string(kind), recorded(t, sim, 1)[0].Fault)
			})
		}
	}
}

// Waiting ends with the server: goleak would tell if it did not.
func TestServersThatClose(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Hang, fault.SlowBody} {
		failed := make(chan error, 1)
		t.Run(string(kind), func(t *testing.T) {
			sim, client, at := overTLS(t, 1)
			order(t, sim, fault.Rule{Kind: kind, Delay: time.Hour})
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, at+"?"+window, http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+sim.Token())
			go func() {
				response, err := client.Do(r)
				if err == nil {
					_, err = io.ReadAll(response.Body)
					_ = response.Body.Close()
				}
				failed <- err
			}()
			require.Eventually(t, func() bool { return sim.Faults().Rules()[0].Injected == 1 }, 5*time.Second, time.Millisecond)
		})
		assert.Error(t, <-failed)
	}
}

// A body that was handed over waits on the bubble's clock, not in the handler.
func TestWaitingInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := tenant(t, standing, 250)
		client := inProcess(sim)
		at := "https://graph.microsoft.com" + tracesPath + "?" + window

		order(t, sim, fault.Rule{Kind: fault.SlowBody, Delay: time.Hour})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+sim.Token())
		begin := time.Now()
		response, err := client.Do(r)
		require.NoError(t, err)
		assert.Zero(t, time.Since(begin), "headers come at once")
		_, err = io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.InDelta(t, time.Hour, time.Since(begin), float64(2*time.Minute))
		require.NoError(t, response.Body.Close())

		response, err = client.Do(r)
		require.NoError(t, err)
		go func() { assert.NoError(t, response.Body.Close()) }()
		synctest.Wait()
		_, err = io.ReadAll(response.Body)
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)

		order(t, sim, fault.Rule{Kind: fault.Hang})
		client.Timeout = time.Minute
		begin = time.Now()
		_, err = ask(t, sim, client, at)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(begin))
	})
}
