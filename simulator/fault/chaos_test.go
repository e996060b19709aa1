// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// impatient gives up on a request after a while.
func impatient(sim *simulator.Simulator) *http.Client {
	client := inProcess(sim)
	client.Timeout = 20 * time.Second
	return client
}

// Whatever goes wrong: a client that is careful and believes to have read
// everything has done so, and the tenant stays as it is.
func TestNoKindHidesRows(t *testing.T) {
	for _, kind := range fault.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := tenant(t, standing, 25)
				before := want(sim)
				for count := range 4 {
					rule := fault.Rule{Kind: kind, Count: count}
					if kind == fault.Replay {
						rule.Response = "HTTP/1.1 200 OK\r\n\r\n" + `{"value":[{"id":"id-0001"}{"id":"id-0002"}]}`
					}
					order(t, sim, rule)
					ids, err := read(t, sim, impatient(sim), "https://graph.microsoft.com"+tracesPath+"?"+small)
					if err == nil {
						assert.Equal(t, before, genuine(ids))
					}
					sim.Faults().Clear()
					assert.Equal(t, want(sim), before)
				}
			})
		})
	}
}

// elsewhere are kinds that pages of Graph never meet.
var elsewhere = []fault.Kind{fault.WorthlessToken, fault.WrongIndex}

// A client that begins again after every failure gets everything in the end,
// and the mixtures have in them what they should.
func TestMixtures(t *testing.T) {
	for mixture, without := range map[fault.Kind][]fault.Kind{
		fault.Chaos: {
			fault.ThrottledLong, fault.SecretRefused, fault.SecretExpired, fault.TenantUnknown, fault.ApplicationUnknown,
			fault.ClockAhead, fault.ClockBehind, fault.WrongDate, fault.WrongDateOnErrors, fault.ClaimsChallenge,
			fault.LoginRedirect, fault.ProxyAuthentication, fault.Silence,
		},
		fault.Everything: {},
	} {
		without = append(without, fault.TooOld, fault.NoLink, fault.PageLimit, fault.Replay)
		t.Run(string(mixture), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := tenant(t, standing, 25)
				order(t, sim, fault.Rule{Kind: mixture, Probability: 0.5})
				found, complete := make(map[string]bool), 0
				for range 400 {
					ids, err := read(t, sim, impatient(sim), "https://graph.microsoft.com"+tracesPath+"?"+small)
					for id := range genuine(ids) {
						found[id] = true
					}
					if err == nil {
						assert.Equal(t, want(sim), genuine(ids))
						complete++
					}
				}
				assert.Equal(t, want(sim), found)
				assert.Positive(t, complete)

				seen := make(map[fault.Kind]int)
				for _, r := range sim.Requests() {
					for kind := range strings.SplitSeq(r.Fault, ",") {
						seen[fault.Kind(kind)]++
					}
				}
				for _, kind := range fault.Kinds() {
					if slices.Contains(without, kind) {
						assert.Zero(t, seen[kind], kind)
					} else if !slices.Contains(elsewhere, kind) && !strings.HasPrefix(string(kind), "AADSTS") {
						assert.Positive(t, seen[kind], kind)
					}
				}
				share := float64(len(sim.Requests())-seen[""]) / float64(len(sim.Requests()))
				assert.InDelta(t, 0.5, share, 0.05)
			})
		})
	}
}

// A window that cannot be read by links can be read in parts, since pages that
// are the last have none.
func TestDeadLinksInADenseSecond(t *testing.T) {
	sim := tenant(t, standing, 0)
	dense := noon.Add(-30 * time.Minute)
	rows := make([]mail.Row, 1_200)
	for i := range rows {
		rows[i] = mail.Row{ID: "x", Received: dense.Add(time.Duration(i%100*10) * time.Millisecond), Recipient: string(rune('a' + i/100))}
	}
	require.NoError(t, sim.Add(rows...))
	order(t, sim, fault.Rule{Kind: fault.DeadLink, On: fault.ContinuedPage, Contains: dense.Add(500 * time.Millisecond)})
	client := inProcess(sim)
	found := 0
	var halve func(from, to time.Time)
	halve = func(from, to time.Time) {
		at := "https://graph.microsoft.com" + tracesPath + "?$top=500&$filter=receivedDateTime+ge+" +
			from.Format("2006-01-02T15:04:05.999Z") + "+and+receivedDateTime+le+" + to.Format("2006-01-02T15:04:05.999Z")
		for rows := 0; at != ""; {
			answer := got(t, sim, client, at)
			if answer.status != http.StatusOK {
				middle := from.Add(to.Sub(from) / 2).Truncate(time.Millisecond)
				halve(from, middle)
				halve(middle.Add(time.Millisecond), to)
				return
			}
			p := parse(t, answer)
			rows += len(p.Rows)
			if at = p.Next; at == "" {
				found += rows
			}
		}
	}
	halve(dense, dense.Add(999*time.Millisecond))
	assert.Equal(t, 1_200, found)
	assert.Positive(t, sim.Faults().Rules()[0].Injected)
}

// The same requests in the same order meet the same faults.
func TestChanceRepeats(t *testing.T) {
	run := func(seed uint64) (list []string) {
		synctest.Test(t, func(t *testing.T) {
			sim, err := simulator.New(simulator.Config{Now: standing, FaultSeed: seed, Quota: -1})
			require.NoError(t, err)
			fill(t, sim, 150)
			order(t, sim, fault.Rule{Kind: fault.Chaos, Probability: 0.7})
			client := impatient(sim)
			for range 40 {
				_, err := ask(t, sim, client, "https://graph.microsoft.com"+tracesPath+"?"+window)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
			}
			for _, r := range sim.Requests() {
				list = append(list, r.Fault)
			}
		})
		return list
	}
	first := run(1)
	assert.Equal(t, first, run(1))
	assert.NotEqual(t, first, run(2))
}
