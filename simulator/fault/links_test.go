// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

const origin = "https://graph.microsoft.com:8443"

// Where a page links to, given where it should.
func TestLinks(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	first := origin + tracesPath + "?" + window
	plain := parse(t, got(t, sim, client, first)).Next
	require.NotEmpty(t, plain)
	_, query, _ := strings.Cut(plain, "?")
	query = "?" + query
	for kind, want := range map[fault.Kind]string{
		fault.LinkToItself:         first,
		fault.StalledLink:          first + "&m365sim=0.1",
		fault.EmptyPage:            first + "&m365sim=0.1",
		fault.NullValue:            first + "&m365sim=0.1",
		fault.EmptyPageToItself:    first,
		fault.NoLink:               "",
		fault.ForeignHostLink:      "https://evil.test:99" + tracesPath + query,
		fault.ForeignPortLink:      "https://graph.microsoft.com:99" + tracesPath + query,
		fault.OtherSchemeLink:      "http://graph.microsoft.com:8443" + tracesPath + query,
		fault.UserinfoLink:         "https://user:password@graph.microsoft.com:8443" + tracesPath + query,
		fault.DisguisedLink:        "https://graph.microsoft.com:8443@evil.test:99" + tracesPath + query,
		fault.OtherPathLink:        origin + "/v1.0/users" + query,
		fault.DotDotLink:           origin + tracesPath + "/../../../../users" + query,
		fault.ProtocolRelativeLink: "//evil.test:99" + tracesPath + query,
	} {
		t.Run(string(kind), func(t *testing.T) {
			order(t, sim, fault.Rule{Kind: kind, Host: "evil.test:99"})
			p := parse(t, got(t, sim, client, first))
			assert.Equal(t, want, p.Next)
			if !slices.Contains([]fault.Kind{fault.EmptyPage, fault.NullValue, fault.EmptyPageToItself}, kind) {
				assert.Len(t, p.Rows, 100)
			} else {
				assert.Empty(t, p.Rows)
			}
		})
	}
	order(t, sim, fault.Rule{Kind: fault.ForeignPortLink})
	assert.Contains(t, parse(t, got(t, sim, client, first)).Next, "https://graph.microsoft.com:8444/")
	order(t, sim, fault.Rule{Kind: fault.ForeignHostLink, Host: "http://evil.test"})
	assert.Contains(t, parse(t, got(t, sim, client, origin+tracesPath)).Next, "http://evil.test/", "even without a link")
}

// The pages behind links that stand still, and what they cost.
func TestLinksThatStandStill(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	first := origin + tracesPath + "?" + window
	for kind, rows := range map[fault.Kind]int{fault.StalledLink: 100, fault.EmptyPage: 0, fault.NullValue: 0} {
		order(t, sim, fault.Rule{Kind: kind, On: fault.ContinuedPage, Count: 12})
		second := parse(t, got(t, sim, client, first)).Next
		seen := make(map[string]bool)
		at := second
		for range 12 {
			p := parse(t, got(t, sim, client, at))
			assert.Len(t, p.Rows, rows)
			assert.Equal(t, rows, last(t, sim).Rows)
			assert.True(t, last(t, sim).Continued)
			assert.False(t, seen[p.Next], "always another link")
			seen[p.Next], at = true, p.Next
		}
		assert.Equal(t, parse(t, got(t, sim, client, second)).IDs, parse(t, got(t, sim, client, at)).IDs, "once it is over")
	}
	order(t, sim, fault.Rule{Kind: fault.NullValue, Count: 1})
	assert.Contains(t, string(got(t, sim, client, first).body), `"value":null`)

	order(t, sim, fault.Rule{Kind: fault.LinkToStart})
	second := parse(t, got(t, sim, client, first)).Next
	again := parse(t, got(t, sim, client, second)).Next
	assert.Equal(t, second, parse(t, got(t, sim, client, again)).Next, "the circle is closed")
}

func TestDeadLinks(t *testing.T) {
	sim := tenant(t, standing, 450)
	client := inProcess(sim)
	order(t, sim, fault.Rule{Kind: fault.DeadLink, On: fault.ContinuedPage, Count: 3})
	next := parse(t, got(t, sim, client, origin+tracesPath+"?"+window)).Next
	for range 3 {
		answer := got(t, sim, client, next)
		assert.Contains(t, []int{400, 404, 410}, answer.status)
		assert.Contains(t, string(answer.body), `{"error":{"code":`)
		assert.Equal(t, "dead-link", last(t, sim).Fault)
		assert.Len(t, parse(t, got(t, sim, client, origin+tracesPath+"?"+window)).Rows, 100, "asking anew works")
	}
	assert.Len(t, parse(t, got(t, sim, client, next)).Rows, 100, "the next 3, no more")
	for _, status := range []int{400, 404, 410} {
		order(t, sim, fault.Rule{Kind: fault.DeadLink, Status: status})
		assert.Equal(t, status, got(t, sim, client, next).status)
	}
}

// Poisoned tokens are refused by the service itself, each time.
func TestPoisonedTokens(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	for kind, text := range map[fault.Kind]string{
		fault.QuotedToken:   "Cannot process argument transformation on parameter 'StartDate'",
		fault.NamelessToken: "|System.ArgumentException|Invalid starting recipient address",
	} {
		order(t, sim, fault.Rule{Kind: kind, Count: 1})
		next := parse(t, got(t, sim, client, origin+tracesPath+"?"+window)).Next
		sim.Faults().Clear()
		for range 2 {
			answer := got(t, sim, client, next)
			assert.Equal(t, http.StatusBadRequest, answer.status)
			assert.Contains(t, string(answer.body), text)
		}
	}
}

func TestRelativeLinks(t *testing.T) {
	sim := tenant(t, standing, 250)
	client := inProcess(sim)
	base, err := url.Parse(origin + tracesPath)
	require.NoError(t, err)
	plain := parse(t, got(t, sim, client, base.String()+"?"+window)).Next
	order(t, sim, fault.Rule{Kind: fault.RelativeLink})
	forms := make(map[string]bool)
	for range 30 {
		next, err := url.Parse(parse(t, got(t, sim, client, base.String()+"?"+window)).Next)
		require.NoError(t, err)
		assert.False(t, next.IsAbs())
		assert.Equal(t, plain, base.ResolveReference(next).String())
		forms[next.Path] = true
	}
	assert.Len(t, forms, 3)
}

// A listener of the test's own sees what a careless client would send there.
func TestForeignLinksLeadToTheListenerOfATest(t *testing.T) {
	tokens := make(chan string, 1)
	foreign := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tokens <- r.Header.Get("Authorization")
	}))
	defer foreign.Close()
	sim, client, at := overTLS(t, 2)
	order(t, sim, fault.Rule{Kind: fault.ForeignHostLink, Host: foreign.URL})
	next := parse(t, got(t, sim, client, at)).Next
	got(t, sim, foreign.Client(), next)
	assert.Contains(t, <-tokens, "Bearer ")
}

// In process, the record tells which host a request was meant for.
func TestForeignLinksInProcess(t *testing.T) {
	sim := tenant(t, standing, 250)
	order(t, sim, fault.Rule{Kind: fault.ForeignHostLink, Count: 1})
	next := parse(t, got(t, sim, inProcess(sim), origin+tracesPath)).Next
	got(t, sim, inProcess(sim), next)
	assert.Equal(t, "foreign.example", last(t, sim).Host)
	assert.True(t, last(t, sim).Authorized)
	assert.Empty(t, last(t, sim).Fault)
}
