// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tracesPath = "/v1.0/admin/exchange/tracing/messageTraces"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// window is the query for the hour before noon, in pages of 100 rows.
var window = "$filter=" + strings.ReplaceAll(
	"receivedDateTime ge 2026-11-22T11:00:00Z and receivedDateTime le 2026-11-22T12:00:00Z", " ", "+") + "&$top=100"

// small is the same in pages of 10 rows.
var small = strings.TrimSuffix(window, "0")

// tenant returns a simulator with rows in the hour before noon, newest first.
func tenant(tb testing.TB, clock func() time.Time, rows int) *simulator.Simulator {
	tb.Helper()
	sim, err := simulator.New(simulator.Config{Now: clock, Quota: -1, FaultSeed: 7})
	require.NoError(tb, err)
	fill(tb, sim, rows)
	return sim
}

func fill(tb testing.TB, sim *simulator.Simulator, rows int) {
	tb.Helper()
	list := make([]mail.Row, rows)
	for i := range list {
		list[i] = mail.Row{
			ID: fmt.Sprintf("id-%04d", i), Recipient: "a@contoso.com", Subject: new("Grüße & <more>"),
			Received: noon.Add(-time.Duration(i+1) * time.Second),
		}
	}
	require.NoError(tb, sim.Add(list...))
}

func standing() time.Time { return noon }

// order sets rules, which must be valid.
func order(tb testing.TB, sim *simulator.Simulator, rules ...fault.Rule) {
	tb.Helper()
	require.NoError(tb, sim.Faults().Set(rules...))
}

// reply is a response that was read to its end, or broke on the way.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// ask sends a request with a good token.
func ask(tb testing.TB, sim *simulator.Simulator, client *http.Client, address string) (reply, error) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(tb, err)
	r.Header.Set("Authorization", "Bearer "+sim.Token())
	return do(tb, client, r)
}

func do(tb testing.TB, client *http.Client, r *http.Request) (reply, error) {
	tb.Helper()
	response, err := client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { assert.NoError(tb, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, body, err}, nil
}

// got is ask for those who expect an answer.
func got(tb testing.TB, sim *simulator.Simulator, client *http.Client, address string) reply {
	tb.Helper()
	answer, err := ask(tb, sim, client, address)
	require.NoError(tb, err)
	require.NoError(tb, answer.err)
	return answer
}

// inProcess is a client without a network, which follows no redirects.
func inProcess(sim *simulator.Simulator) *http.Client {
	return &http.Client{Transport: simulator.Transport(sim), CheckRedirect: stay}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// overTLS serves a tenant and returns a client for it, of either protocol.
func overTLS(t *testing.T, version int) (*simulator.Simulator, *http.Client, string) {
	t.Helper()
	instance := simulatortest.Start(t, simulator.Config{Now: standing, Quota: -1, FaultSeed: 7})
	fill(t, instance.Simulator, 250)
	transport := instance.Client().Transport.(*http.Transport).Clone()
	if version == 1 {
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = nil
		transport.TLSClientConfig.NextProtos = nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return instance.Simulator, &http.Client{Transport: transport, CheckRedirect: stay}, instance.URL + tracesPath
}

// page is what a test looks at of a page.
type page struct {
	Next string `json:"@odata.nextLink"`
	Rows []json.RawMessage
	IDs  []string // of rows that have one
}

func parse(tb testing.TB, answer reply) page {
	tb.Helper()
	require.Equal(tb, http.StatusOK, answer.status, string(answer.body))
	p, err := parsed(answer.body)
	require.NoError(tb, err, string(answer.body))
	return p
}

func parsed(body []byte) (p page, err error) {
	if err := json.Unmarshal(body, &p); err != nil {
		return p, err
	}
	var value struct{ Value *[]json.RawMessage }
	var has map[string]json.RawMessage
	if err := json.Unmarshal(body, &value); err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &has); err != nil {
		return p, err
	}
	if _, ok := has["value"]; !ok || value.Value == nil && p.Next == "" {
		return p, fmt.Errorf("no page: %.60s", body)
	}
	if value.Value != nil {
		p.Rows = *value.Value
	}
	for _, row := range p.Rows {
		var known struct{ ID string }
		if json.Unmarshal(row, &known) == nil && known.ID != "" {
			p.IDs = append(p.IDs, known.ID)
		}
	}
	return p, nil
}

// read reads a window as a careful client does. It returns what it found and
// whether it believes that this is everything.
func read(tb testing.TB, sim *simulator.Simulator, client *http.Client, first string) (ids map[string]bool, err error) {
	tb.Helper()
	ids = make(map[string]bool)
	origin, err := url.Parse(first)
	require.NoError(tb, err)
	followed := make(map[string]bool)
	for at := first; ; {
		answer, err := ask(tb, sim, client, at)
		if err == nil {
			err = answer.err
		}
		if err != nil {
			return ids, err
		}
		if answer.status != http.StatusOK {
			return ids, fmt.Errorf("status %d", answer.status)
		}
		p, err := parsed(answer.body)
		if err != nil {
			return ids, err
		}
		for _, id := range p.IDs {
			ids[id] = true
		}
		if p.Next == "" {
			if size, err := strconv.Atoi(origin.Query().Get("$top")); err == nil && ownRows(p) == size {
				return ids, errors.New("the last page is as long as asked for")
			}
			return ids, nil
		}
		next, err := origin.Parse(p.Next)
		if err != nil {
			return ids, err
		}
		if next.Scheme != origin.Scheme || next.Host != origin.Host || next.User != nil || next.Path != origin.Path {
			return ids, fmt.Errorf("stray link %s", next)
		}
		if at = next.String(); followed[at] || len(followed) > 30 {
			return ids, fmt.Errorf("link leads nowhere: %s", at)
		}
		followed[at] = true
	}
}

// want is what a client must have found at the end.
func want(sim *simulator.Simulator) map[string]bool {
	ids := make(map[string]bool)
	for row := range sim.Visible(noon.Add(-time.Hour), noon, noon) {
		ids[row.ID] = true
	}
	return ids
}

// ownRows is how many rows of a page were not injected.
func ownRows(p page) int {
	return len(slices.DeleteFunc(slices.Clone(p.IDs), func(id string) bool { return !strings.HasPrefix(id, "id-") }))
}

// genuine drops ids that were injected.
func genuine(ids map[string]bool) map[string]bool {
	ids = maps.Clone(ids)
	maps.DeleteFunc(ids, func(id string, _ bool) bool { return !strings.HasPrefix(id, "id-") })
	return ids
}

// recorded waits until so many requests are on record: over a network, the
// client may be faster than the record.
func recorded(tb testing.TB, sim *simulator.Simulator, count int) []simulator.Request {
	tb.Helper()
	require.Eventually(tb, func() bool { return len(sim.Requests()) == count }, 5*time.Second, time.Millisecond)
	return sim.Requests()
}

// wasReset asserts that an error is what a client may see of a reset
// connection. Of the two sides of a client, the one that comes first gets the
// error from Linux, and the other no more than the end.
func wasReset(tb testing.TB, err error) {
	tb.Helper()
	require.Error(tb, err)
	for _, possible := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, possible) {
			return
		}
	}
	assert.Fail(tb, "not reset", err)
}

// last is the newest request on record.
func last(tb testing.TB, sim *simulator.Simulator) simulator.Request {
	tb.Helper()
	list := sim.Requests()
	require.NotEmpty(tb, list)
	return list[len(list)-1]
}
