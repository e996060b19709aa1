// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// Connections that do not come about have net/http's errors in process.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := tenant(t, standing, 1)
		fail := func(kind fault.Kind) error {
			order(t, sim, fault.Rule{Kind: kind, Count: 1})
			_, err := ask(t, sim, inProcess(sim), origin+tracesPath)
			var dial *net.OpError
			require.ErrorAs(t, err, &dial)
			assert.Equal(t, "dial", dial.Op)
			assert.Equal(t, string(kind), last(t, sim).Fault)
			assert.Zero(t, last(t, sim).Status)
			assert.Len(t, parse(t, got(t, sim, inProcess(sim), origin+tracesPath)).Rows, 1, "once")
			return err
		}
		require.ErrorIs(t, fail(fault.ConnectionRefused), syscall.ECONNREFUSED)
		begin := time.Now()
		err := fail(fault.ConnectTimeout)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, fault.DefaultDelay, time.Since(begin))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())

		order(t, sim, fault.Rule{Kind: fault.UnknownHost})
		forms := make(map[string]bool)
		for range 40 {
			_, err := ask(t, sim, inProcess(sim), origin+tracesPath)
			var dns *net.DNSError
			require.ErrorAs(t, err, &dns)
			assert.Equal(t, "graph.microsoft.com:8443", dns.Name)
			assert.Equal(t, dns.Err == "no such host", dns.IsNotFound)
			forms[dns.Err] = true
		}
		assert.Len(t, forms, 3)
	})
}

// Over a network they are reset.
func TestUnreachableOverANetwork(t *testing.T) {
	for _, kind := range []fault.Kind{fault.UnknownHost, fault.ConnectionRefused, fault.ConnectTimeout} {
		sim, client, at := overTLS(t, 1)
		order(t, sim, fault.Rule{Kind: kind, Count: 1, Delay: 20 * time.Millisecond})
		_, err := ask(t, sim, client, at)
		wasReset(t, err)
		assert.Equal(t, http.StatusOK, got(t, sim, client, at).status)
	}
}

// A connection that has fallen silent stays so, and a new one works.
func TestSilence(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) {
			sim, client, at := overTLS(t, version)
			got(t, sim, client, at) // the connection is in use
			order(t, sim, fault.Rule{Kind: fault.Silence, Count: 1})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+sim.Token())
			_, err = client.Do(r)
			require.ErrorIs(t, err, context.DeadlineExceeded)

			if version == 2 { // HTTP/1 gives up a connection with its request, HTTP/2 does not
				client.Timeout = 200 * time.Millisecond
				_, err = ask(t, sim, client, at)
				require.ErrorIs(t, err, context.DeadlineExceeded, "on the same connection, though the rule is spent")
				assert.Len(t, sim.Requests(), 1, "the service has seen no end of the first one, and nothing of the second")
				transport := client.Transport.(*http.Transport).Clone()
				defer transport.CloseIdleConnections()
				client = &http.Client{Transport: transport}
			}
			assert.Equal(t, http.StatusOK, got(t, sim, client, at).status)
		})
	}
}

// Answers that are on their way do not arrive either.
func TestSilenceStopsWhatIsUnderWay(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	order(t, sim,
		fault.Rule{Kind: fault.SlowBody, On: fault.FirstPage, Count: 1, Delay: 300 * time.Millisecond},
		fault.Rule{Kind: fault.Silence, On: fault.Elsewhere, Count: 1})
	client.Timeout = 600 * time.Millisecond
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"?"+window, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+sim.Token())
	response, err := client.Do(r)
	require.NoError(t, err)
	_, err = ask(t, sim, client, strings.TrimSuffix(at, tracesPath)+"/v1.0/users")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, response.Body.Close())
}

// What pings of HTTP/2 are for: the connection is given up before the request is.
func TestPingsNoticeSilence(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	transport := client.Transport.(*http.Transport)
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond}
	got(t, sim, client, at)

	order(t, sim, fault.Rule{Kind: fault.Hang, Count: 1, Delay: 500 * time.Millisecond})
	assert.Equal(t, http.StatusOK, got(t, sim, client, at).status, "pings are answered while a request hangs")

	order(t, sim, fault.Rule{Kind: fault.Silence, Count: 1})
	begin := time.Now()
	_, err := ask(t, sim, client, at)
	require.Error(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second)
	assert.Equal(t, http.StatusOK, got(t, sim, client, at).status)
}

func TestSilenceEnds(t *testing.T) {
	sim, client, at := overTLS(t, 1)
	order(t, sim, fault.Rule{Kind: fault.Silence, Count: 1, Delay: 20 * time.Millisecond})
	_, err := ask(t, sim, client, at)
	wasReset(t, err)

	synctest.Test(t, func(t *testing.T) {
		sim := tenant(t, standing, 1)
		order(t, sim, fault.Rule{Kind: fault.Silence})
		client := inProcess(sim)
		client.Timeout = time.Minute
		begin := time.Now()
		_, err := ask(t, sim, client, origin+tracesPath)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(begin))
	})
}

// An outage lasts as long as its rule, by the clock of the simulator.
func TestOutages(t *testing.T) {
	for _, rule := range []fault.Rule{
		{Kind: fault.ServerError, Status: 500},
		{Kind: fault.ServerError, Status: 502},
		{Kind: fault.ServerError, Status: 503},
		{Kind: fault.ServerError, Status: 504},
		{Kind: fault.Reset},
		{Kind: fault.ConnectTimeout},
		{Kind: fault.UnknownHost},
		{Kind: fault.Silence},
		{Kind: fault.LoginRedirect},
		{Kind: fault.HTMLPage},
		{Kind: fault.ProxyAuthentication},
		{Kind: fault.ThrottledSeconds, RetryAfter: "1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim := tenant(t, time.Now, 0)
			rule.For = time.Hour
			order(t, sim, rule)
			client := inProcess(sim)
			client.Timeout = 10 * time.Second
			begin := time.Now()
			for time.Since(begin) < 59*time.Minute {
				if answer, err := ask(t, sim, client, origin+tracesPath); err == nil && answer.status == http.StatusOK {
					_, err := parsed(answer.body)
					require.Error(t, err, rule.Kind)
				}
				<-time.After(time.Minute)
			}
			<-time.After(time.Until(begin.Add(time.Hour)))
			assert.Equal(t, http.StatusOK, got(t, sim, client, origin+tracesPath).status, rule.Kind)
		})
	}
}
