// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

// Responses arrive as they were recorded, over either protocol and in process.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("../../testdata/service/F*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, version := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) {
			sim, client, at := overTLS(t, max(version, 1))
			if version == 0 {
				client = inProcess(sim)
			}
			for i, file := range files {
				name := filepath.Base(file)
				text := simulatortest.Case(t, name, noon)
				head, body, _ := strings.Cut(text, "\r\n\r\n")
				order(t, sim, fault.Rule{Kind: fault.Replay, Response: text, Count: 1})
				client.CloseIdleConnections() // the last one is at its end, which takes a moment to be noticed
				answer, err := ask(t, sim, client, at+"?"+window)
				require.NoError(t, err, name)
				assert.Contains(t, head, "HTTP/1.1 "+strconv.Itoa(answer.status)+" ")
				for line := range strings.Lines(head) {
					key, value, found := strings.Cut(strings.TrimSpace(line), ": ")
					if found && key != "Transfer-Encoding" {
						assert.Equal(t, value, answer.header.Get(key), name)
					}
				}
				assert.Empty(t, answer.header.Get("Date"), "of its own")
				if name == "F21-200-cut-connection.http" {
					require.Error(t, answer.err)
					assert.Contains(t, body, string(answer.body))
					if version != 2 { // a stream that is reset may take with it what has arrived
						assert.NotEmpty(t, answer.body)
					}
				} else {
					require.NoError(t, answer.err, name)
					assert.Equal(t, body, string(answer.body), name)
				}
				r := recorded(t, sim, 2*i+1)[2*i]
				assert.Equal(t, "replay", r.Fault)
				assert.Equal(t, answer.status, r.Status)
				assert.Len(t, parse(t, got(t, sim, client, at+"?"+window)).Rows, 100, "once")
			}
		})
	}
}

// With HTTP/1, not a byte differs.
func TestReplayIsExact(t *testing.T) {
	text, err := os.ReadFile("../../testdata/service/F21-200-cut-connection.http")
	require.NoError(t, err)
	instance, client, at := overTLS(t, 1)
	host := strings.TrimSuffix(strings.TrimPrefix(at, "https://"), tracesPath)
	for _, response := range []string{string(text), "no HTTP at all"} {
		order(t, instance, fault.Rule{Kind: fault.Replay, Response: response})
		dialer := tls.Dialer{Config: client.Transport.(*http.Transport).TLSClientConfig.Clone()}
		conn, err := dialer.DialContext(t.Context(), "tcp", host)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", tracesPath)
		require.NoError(t, err)
		received, err := io.ReadAll(bufio.NewReader(conn))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		assert.Equal(t, response, string(received))
	}
}

// What is no response is an error where there are no bytes.
func TestReplayOfNonsense(t *testing.T) {
	sim := tenant(t, standing, 1)
	order(t, sim, fault.Rule{Kind: fault.Replay, Response: "no HTTP at all"})
	_, err := ask(t, sim, inProcess(sim), origin+tracesPath)
	require.ErrorContains(t, err, "malformed HTTP")
	assert.Zero(t, last(t, sim).Status)
}

// Rules select which requests a recorded page answers.
func TestReplayByCondition(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	page := func(name string) string {
		return simulatortest.Case(t, name, noon, "https://graph.microsoft.com", origin)
	}
	order(t, sim,
		fault.Rule{Kind: fault.Replay, On: fault.FirstPage, Response: page("F3-boundary-first.json")},
		fault.Rule{Kind: fault.Replay, On: fault.ContinuedPage, Response: page("F3-boundary-second.json")})
	first := parse(t, got(t, sim, client, origin+tracesPath+"?"+window))
	require.Len(t, first.Rows, 2)
	second := parse(t, got(t, sim, client, first.Next))
	assert.Equal(t, first.IDs[1], second.IDs[0])
	assert.Contains(t, string(second.Rows[0]), "2026-11-22T12:00:00.123Z")

	order(t, sim, fault.Rule{Kind: fault.Replay, TopAbove: 50, Response: page("F39-400-page-size.http")})
	assert.Equal(t, http.StatusBadRequest, got(t, sim, client, origin+tracesPath+"?"+window).status)
	assert.Equal(t, http.StatusOK, got(t, sim, client, origin+tracesPath+"?"+small).status)

	order(t, sim, fault.Rule{Kind: fault.Replay, On: fault.SignIn, Response: page("F29-token-53003.http")})
	answer, err := signIn(t, client, "https://login.microsoftonline.com")
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, answer.status)
	assert.Contains(t, string(answer.body), "AADSTS53003: Access has been blocked by Conditional Access policies.")

	// Names of options may be in any case, as in F37-link-reserved.
	order(t, sim, fault.Rule{Kind: fault.Forbidden, On: fault.ContinuedPage})
	assert.Equal(t, http.StatusForbidden, got(t, sim, client, origin+tracesPath+"?$skipToken=a%26b").status)
}
