// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

// Every kind takes the sorts of requests it says it is for.
func TestKindsMeetTargets(t *testing.T) {
	for _, kind := range append(fault.Kinds(), fault.Chaos, fault.Everything) {
		met := 0
		for _, on := range []fault.Target{"", fault.Any, fault.Page, fault.FirstPage, fault.ContinuedPage, fault.SignIn} {
			rule := fault.Rule{Kind: kind, On: on}
			if kind == fault.Replay {
				rule.Response = "x"
			}
			if rule.Validate() == nil {
				met++
			}
		}
		assert.GreaterOrEqual(t, met, 3, kind)
	}
	rule := fault.Rule{Kind: fault.EmptyPage, On: fault.Page}
	require.NoError(t, rule.Validate())
}

// Which requests a rule strikes.
func TestTargets(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	next := parse(t, got(t, sim, client, origin+tracesPath+"?"+window)).Next
	requests := map[fault.Target]string{
		fault.FirstPage:     origin + tracesPath + "?" + window,
		fault.ContinuedPage: next,
		fault.Discovery:     origin + "/" + simulator.DefaultTenantID + "/v2.0/.well-known/openid-configuration",
		fault.Elsewhere:     origin + "/v1.0/users",
	}
	for on, want := range map[fault.Target][]fault.Target{
		"":                  {fault.FirstPage, fault.ContinuedPage, fault.Discovery, fault.Elsewhere},
		fault.Any:           {fault.FirstPage, fault.ContinuedPage, fault.Discovery, fault.Elsewhere},
		fault.Page:          {fault.FirstPage, fault.ContinuedPage},
		fault.FirstPage:     {fault.FirstPage},
		fault.ContinuedPage: {fault.ContinuedPage},
		fault.SignIn:        nil,
		fault.Discovery:     {fault.Discovery},
		fault.Elsewhere:     {fault.Elsewhere},
	} {
		order(t, sim, fault.Rule{Kind: fault.ThrottledZero, On: on})
		var struck []fault.Target
		for target, address := range requests {
			if got(t, sim, client, address).status == http.StatusTooManyRequests {
				struck = append(struck, target)
			}
		}
		assert.ElementsMatch(t, want, struck, on)
	}
}

func TestConditions(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim := tenant(t, clock.Now, 250)
	struck := func() bool {
		return got(t, sim, inProcess(sim), origin+tracesPath+"?"+window).status == http.StatusTooManyRequests
	}
	for name, test := range map[string]struct {
		rule fault.Rule
		want []bool // at noon, and each half minute from then on
	}{
		"always": {fault.Rule{}, []bool{true, true, true}},
		"count":  {fault.Rule{Count: 2}, []bool{true, true, false}},
		"for":    {fault.Rule{For: time.Minute}, []bool{true, true, false}},
		"from":   {fault.Rule{From: noon.Add(time.Minute)}, []bool{false, false, true, true}},
		"from and for": {
			fault.Rule{From: noon.Add(30 * time.Second), For: 45 * time.Second},
			[]bool{false, true, true, false},
		},
		"contains the end": {fault.Rule{Contains: noon}, []bool{true}},
		"contains not":     {fault.Rule{Contains: noon.Add(1)}, []bool{false}},
		"contains before":  {fault.Rule{Contains: noon.Add(-time.Hour - 1)}, []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			clock.Set(noon)
			test.rule.Kind = fault.ThrottledZero
			order(t, sim, test.rule)
			for i, want := range test.want {
				assert.Equal(t, want, struck(), i)
				clock.Advance(30 * time.Second)
			}
		})
	}
}

// Conditions on what a request asks for, and on who asks.
func TestPageSizesAndTokens(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim := tenant(t, clock.Now, 250)
	client := inProcess(sim)
	status := func(token, query string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+tracesPath+"?"+query, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := do(t, client, r)
		require.NoError(t, err)
		return answer.status
	}
	first, second := sim.Token(), sim.Token()
	next, err := url.Parse(parse(t, got(t, sim, client, origin+tracesPath+"?"+window)).Next)
	require.NoError(t, err)
	order(t, sim, fault.Rule{Kind: fault.ServerError, Status: 504, TopAbove: 99})
	for query, want := range map[string]int{window: 504, small: 200, "": 504, "$top=99": 200, "$top=0": 504, next.RawQuery: 504, "$top=x": 400} {
		assert.Equal(t, want, status(first, query), query)
	}
	order(t, sim, fault.Rule{Kind: fault.ServerError, Status: 504, TopAbove: 99, On: fault.ContinuedPage})
	assert.Equal(t, 200, status(first, window))
	assert.Equal(t, 504, status(first, next.RawQuery))
	assert.Equal(t, 100, last(t, sim).Size)

	order(t, sim, fault.Rule{Kind: fault.ClaimsChallenge, FirstToken: true, TopAbove: 99})
	for _, step := range []struct {
		token, query string
		want         int
	}{{second, small, 200}, {first, window, 401}, {first, window, 401}, {second, window, 200}, {first, small, 200}, {first, window, 401}} {
		assert.Equal(t, step.want, status(step.token, step.query))
	}
}

func TestRulesGoInOrder(t *testing.T) {
	sim := tenant(t, standing, 250)
	faults := sim.Faults()
	order(t, sim, fault.Rule{Kind: fault.Forbidden, Count: 1})
	require.NoError(t, faults.Add(fault.Rule{Kinds: []fault.Kind{fault.InvalidToken}}))
	for _, want := range []int{403, 401, 401} {
		assert.Equal(t, want, got(t, sim, inProcess(sim), origin+tracesPath).status)
	}
	states := faults.Rules()
	assert.Equal(t, []int{1, 2}, []int{states[0].Injected, states[1].Injected})
	assert.Equal(t, fault.Forbidden, states[0].Kind)
	faults.Clear()
	assert.Equal(t, http.StatusOK, got(t, sim, inProcess(sim), origin+tracesPath).status)
	assert.Empty(t, faults.Rules())
}

// A fault that turns out to be impossible does not count.
func TestImpossibleFaultsDoNotCount(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	for _, kind := range []fault.Kind{fault.QuotedToken, fault.RelativeLink, fault.SwappedPages, fault.NamelessToken} {
		order(t, sim, fault.Rule{Kind: kind, Count: 1})
		parse(t, got(t, sim, client, origin+tracesPath+"?"+window+"&$skip=0&$count=1&x=1&$orderby=1&$select=id"))
		order(t, sim, fault.Rule{Kind: kind, Count: 1})
		full := origin + tracesPath // all rows on one page: there is no link
		parse(t, got(t, sim, client, full))
		assert.Zero(t, sim.Faults().Rules()[0].Injected, kind)
		assert.Empty(t, last(t, sim).Fault)
		parse(t, got(t, sim, client, origin+tracesPath+"?"+window))
		assert.Equal(t, 1, sim.Faults().Rules()[0].Injected, kind)
	}
}

func TestWrongRules(t *testing.T) {
	sim := tenant(t, standing, 0)
	order(t, sim, fault.Rule{Kind: fault.Hang})
	for want, rule := range map[string]fault.Rule{
		"kind is missing":                       {},
		`there is no kind "fire"`:               {Kind: "fire"},
		`there is no target "post"`:             {Kind: fault.Hang, On: "post"},
		`can do nothing to requests of sort "f`: {Kind: fault.SecretExpired, On: fault.FirstPage},
		"probability must be between 0 and 1":   {Kind: fault.Hang, Probability: 30},
		"must not be negative":                  {Kind: fault.Hang, Count: -1},
		"topAbove and durations must not be":    {Kind: fault.Hang, TopAbove: -1},
		"replay needs a response":               {Kind: fault.Replay},
		"and nothing else does":                 {Kind: fault.Hang, Response: "HTTP/1.1 200 OK"},
		"there is no HTTP status 999":           {Kind: fault.ServerError, Status: 999},
	} {
		require.ErrorContains(t, sim.Faults().Set(rule), want)
		require.ErrorContains(t, sim.Faults().Add(rule), want)
	}
	assert.Len(t, sim.Faults().Rules(), 1, "nothing changed")
}

func TestRulesAsJSON(t *testing.T) {
	rule := fault.Rule{
		Kind: fault.DeadLink, Kinds: []fault.Kind{fault.Replay}, On: fault.ContinuedPage, Probability: 0.5, Count: 3,
		From: noon, For: time.Minute, Contains: noon.Add(time.Second), Status: 410, RetryAfter: "9", Message: "<&>",
		Host: "h:1", Delay: time.Millisecond, Skew: -time.Hour, TopAbove: 5, FirstToken: true, Response: "HTTP/1.1 200 OK\r\n\r\n\ufeff",
	}
	text, err := json.Marshal(fault.State{Rule: rule})
	require.NoError(t, err)
	for _, form := range []string{string(text), "[" + string(text) + "]", "\n" + string(text) + "\n"} {
		rules, err := fault.ParseRules([]byte(form))
		require.NoError(t, err)
		assert.Equal(t, []fault.Rule{rule}, rules)
	}
	rules, err := fault.ParseRules([]byte(`{"kind":"chaos","probability":0.4,"for":"60s"}`))
	require.NoError(t, err)
	assert.Equal(t, []fault.Rule{{Kind: fault.Chaos, Probability: 0.4, For: time.Minute}}, rules)
	for _, wrong := range []string{
		``, `{`, `[]]`, `[] []`, `{"kind":"hang","delay":5}`, `{"kind":"hang","delay":"soon"}`, `{"kind":"hang","colour":1}`, `{"kind":"x"}`,
	} {
		_, err := fault.ParseRules([]byte(wrong))
		if wrong == "" {
			continue // no rules at all
		}
		assert.Error(t, err, wrong)
	}
}
