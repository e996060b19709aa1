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

func TestRefusals(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	count := 0
	for name, test := range map[string]struct {
		rule       fault.Rule
		status     int
		retryAfter string // a pattern
		code       string // of Graph's error; empty for HTML
		text       string
	}{
		"seconds": {fault.Rule{Kind: fault.ThrottledSeconds}, 429, `^5$`, "TooManyRequests", "surpassed the permitted limit"},
		"date":    {fault.Rule{Kind: fault.ThrottledDate}, 429, `^Sun, 22 Nov 2026 12:00:05 GMT$`, "TooManyRequests", ""},
		"long":    {fault.Rule{Kind: fault.ThrottledLong}, 429, `^3600$`, "TooManyRequests", ""},
		"zero":    {fault.Rule{Kind: fault.ThrottledZero}, 429, `^0$`, "TooManyRequests", ""},
		"garbage": {fault.Rule{Kind: fault.ThrottledGarbage}, 429, `^(0\.249|-1|soon|9{20})$`, "TooManyRequests", ""},
		"silent":  {fault.Rule{Kind: fault.ThrottledSilent}, 429, `^$`, "TooManyRequests", ""},
		"date of a wrong clock": {
			fault.Rule{Kind: fault.ThrottledDate, Skew: -time.Hour}, 429, `^Sun, 22 Nov 2026 11:00:05 GMT$`, "TooManyRequests", "",
		},
		"fraction":  {fault.Rule{Kind: fault.ThrottledSeconds, RetryAfter: "0.249"}, 429, `^0\.249$`, "TooManyRequests", ""},
		"own value": {fault.Rule{Kind: fault.ThrottledSilent, RetryAfter: "77", Message: "mine"}, 429, `^77$`, "TooManyRequests", "mine"},

		"500":             {fault.Rule{Kind: fault.ServerError, Status: 500}, 500, `^$`, "InternalServerError", ""},
		"502":             {fault.Rule{Kind: fault.ServerError, Status: 502}, 502, `^$`, "BadGateway", ""},
		"503":             {fault.Rule{Kind: fault.ServerError, Status: 503}, 503, `^$`, "serviceNotAvailable", ""},
		"504":             {fault.Rule{Kind: fault.ServerError, Status: 504}, 504, `^$`, "UnknownError", ""},
		"503 retry after": {fault.Rule{Kind: fault.ServerErrorRetryAfter, Status: 503}, 503, `^5$`, "serviceNotAvailable", ""},
		"502 HTML":        {fault.Rule{Kind: fault.ServerErrorHTML, Status: 502}, 502, `^$`, "", "<h1>502 Bad Gateway</h1>"},
		"503 HTML": {
			fault.Rule{Kind: fault.ServerErrorHTML, Status: 503, RetryAfter: "9"}, 503, `^9$`, "", "HTTP Error 503. The service is unavailable.",
		},

		"504 wordless": {fault.Rule{Kind: fault.ServerErrorWordless, Status: 504}, 504, `^$`, "UnknownError", `"message":""`},

		"400":           {fault.Rule{Kind: fault.BadRequest}, 400, `^$`, "BadRequest", ""},
		"400 mine":      {fault.Rule{Kind: fault.BadRequest, Message: "ResultSize is invalid"}, 400, `^$`, "BadRequest", "ResultSize is invalid"},
		"400 transient": {fault.Rule{Kind: fault.TransientBadRequest}, 400, `^$`, "ServiceUnavailable", "Try again later."},
		"page size": {
			fault.Rule{Kind: fault.PageLimit, TopAbove: 50},
			400, `^$`, "BadRequest",
			"Invalid page size specified: '100'. Must be between 1 and 50 inclusive.",
		},
		"too old": {fault.Rule{Kind: fault.TooOld}, 400, `^$`, "BadRequest", "can't be older than 90 days from today."},
		"401":     {fault.Rule{Kind: fault.InvalidToken}, 401, `^$`, "InvalidAuthenticationToken", "the token is expired"},
		"401 claims": {
			fault.Rule{Kind: fault.ClaimsChallenge}, 401, `^$`, "InvalidAuthenticationToken", "code: TokenCreatedWithOutdatedPolicies",
		},
		"407": {fault.Rule{Kind: fault.ProxyAuthentication}, 407, `^$`, "", "407 Proxy Authentication Required"},
		"302": {fault.Rule{Kind: fault.LoginRedirect}, 302, `^$`, "", "Moved"},
		"401 principal": {
			fault.Rule{Kind: fault.NotProvisioned}, 401, `^$`, "Unauthorized", "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373",
		},
		"403": {fault.Rule{Kind: fault.Forbidden}, 403, `^$`, "Forbidden", "#provision-a-service-principal"},
	} {
		t.Run(name, func(t *testing.T) {
			test.rule.Count = 1
			order(t, sim, test.rule)
			answer := got(t, sim, client, at+"?"+window)
			assert.Equal(t, test.status, answer.status)
			assert.Regexp(t, test.retryAfter, answer.header.Get("Retry-After"))
			assert.Contains(t, string(answer.body), test.text)
			var document struct {
				Error struct{ Code, Message string }
			}
			if test.code == "" {
				assert.Contains(t, answer.header.Get("Content-Type"), "text/html")
			} else {
				require.NoError(t, json.Unmarshal(answer.body, &document))
			}
			assert.Equal(t, test.code, document.Error.Code)
			assert.Equal(t, test.status == http.StatusUnauthorized, answer.header.Get("WWW-Authenticate") != "")
			count++
			r := recorded(t, sim, count)[count-1]
			assert.Equal(t, string(test.rule.Kind), r.Fault)
			assert.Equal(t, test.status, r.Status)
			assert.Len(t, parse(t, got(t, sim, client, at+"?"+window)).Rows, 100, "once")
			count++
		})
	}
}

// Without a status of their own, server errors come in all sorts.
func TestServerErrorsVary(t *testing.T) {
	sim := tenant(t, standing, 1)
	order(t, sim, fault.Rule{Kind: fault.ServerError})
	seen := make(map[int]bool)
	for range 50 {
		seen[got(t, sim, inProcess(sim), "https://x"+tracesPath).status] = true
	}
	assert.Equal(t, map[int]bool{500: true, 502: true, 503: true, 504: true}, seen)
}

func TestRedirects(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	order(t, sim, fault.Rule{Kind: fault.Redirect, Host: "127.0.0.1:9", Status: 307})
	answer := got(t, sim, client, at+"?"+window)
	assert.Equal(t, http.StatusTemporaryRedirect, answer.status)
	assert.Equal(t, "https://127.0.0.1:9"+tracesPath+"?"+window, answer.header.Get("Location"))
	order(t, sim, fault.Rule{Kind: fault.Redirect})
	assert.Contains(t, got(t, sim, client, at).header.Get("Location"), "https://foreign.example/")
}

// What comes with the words of a refusal.
func TestHeadersOfRefusals(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	for kind, want := range map[fault.Kind]map[string][]string{
		fault.ProxyAuthentication: {"Proxy-Authenticate": {"Negotiate", "NTLM"}},
		fault.LoginRedirect:       {"Location": {"https://proxy.example/login?back=" + url.QueryEscape(at+"?"+window)}},
		fault.ClaimsChallenge: {"Www-Authenticate": {`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
			`error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzk1MzQ4ODAwIn19fQ=="`}},
	} {
		order(t, sim, fault.Rule{Kind: kind, Host: "proxy.example"})
		header := got(t, sim, client, at+"?"+window).header
		for name, values := range want {
			assert.Equal(t, values, header.Values(name))
		}
	}
}

// Faults that replace the service spend nothing of its quota.
func TestRefusalsAreNotMetered(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Now: standing, Quota: 1})
	require.NoError(t, err)
	order(t, sim, fault.Rule{Kind: fault.ServerError, Count: 3})
	for range 3 {
		assert.GreaterOrEqual(t, got(t, sim, inProcess(sim), "https://x"+tracesPath).status, 500)
	}
	assert.Equal(t, http.StatusOK, got(t, sim, inProcess(sim), "https://x"+tracesPath).status)
	assert.Equal(t, http.StatusTooManyRequests, got(t, sim, inProcess(sim), "https://x"+tracesPath).status)
}

func TestClocksThatAreOff(t *testing.T) {
	clock := simulatortest.NewClock(noon)
	sim := tenant(t, clock.Now, 250)
	ask := func() reply { return got(t, sim, inProcess(sim), "https://x"+tracesPath+"?"+window) }

	order(t, sim, fault.Rule{Kind: fault.ClockBehind, Skew: time.Minute}, fault.Rule{Kind: fault.ThrottledDate, Count: 1})
	answer := ask()
	assert.Equal(t, http.StatusTooManyRequests, answer.status)
	assert.Equal(t, "Sun, 22 Nov 2026 11:59:05 GMT", answer.header.Get("Retry-After"))
	assert.Equal(t, "clock-behind,429-date", last(t, sim).Fault)
	answer = ask()
	assert.Equal(t, "Sun, 22 Nov 2026 11:59:00 GMT", answer.header.Get("Date"))
	assert.Equal(t, http.StatusBadRequest, answer.status)
	assert.Contains(t, string(answer.body), "can't be in the future")
	assert.Equal(t, noon, last(t, sim).Time, "the record goes by the clock of the test")

	order(t, sim, fault.Rule{Kind: fault.ClockAhead})
	answer = ask()
	assert.Equal(t, "Sun, 22 Nov 2026 12:05:00 GMT", answer.header.Get("Date"))
	assert.Len(t, parse(t, answer).Rows, 100)
}

// A date that is off says nothing about the clock by which windows are checked.
func TestDatesThatAreOff(t *testing.T) {
	const right, ahead, behind = "Sun, 22 Nov 2026 12:00:00 GMT", "Tue, 02 Mar 2027 12:00:00 GMT", "Sun, 22 Nov 2026 11:00:00 GMT"
	sim, client, at := overTLS(t, 1)
	for name, test := range map[string]struct {
		rules           []fault.Rule
		onPage, onError string
	}{
		"always":       {[]fault.Rule{{Kind: fault.WrongDate, Skew: 100 * 24 * time.Hour}}, ahead, ahead},
		"behind":       {[]fault.Rule{{Kind: fault.WrongDate, Skew: -time.Hour}}, behind, behind},
		"errors":       {[]fault.Rule{{Kind: fault.WrongDateOnErrors, Skew: 100 * 24 * time.Hour}}, right, ahead},
		"of two rules": {[]fault.Rule{{Kind: fault.WrongDate, Skew: -time.Hour}, {Kind: fault.WrongDateOnErrors, Skew: 100 * 24 * time.Hour}}, behind, ahead},
	} {
		for _, client := range []*http.Client{client, inProcess(sim)} {
			order(t, sim, test.rules...)
			answer := got(t, sim, client, at+"?"+window)
			assert.Len(t, parse(t, answer).Rows, 100, name)
			assert.Equal(t, test.onPage, answer.header.Get("Date"), name)
			order(t, sim, append(test.rules, fault.Rule{Kind: fault.Forbidden})...)
			answer = got(t, sim, client, at+"?"+window)
			assert.Equal(t, http.StatusForbidden, answer.status)
			assert.Equal(t, test.onError, answer.header.Get("Date"), name)
			assert.Contains(t, string(answer.body), `"date":"2026-11-22T12:00:00"`)
			order(t, sim, append(test.rules, fault.Rule{Kind: fault.ResetBody})...)
			answer, err := ask(t, sim, client, at+"?"+window)
			require.NoError(t, err)
			assert.Equal(t, test.onPage, answer.header.Get("Date"), name)
		}
	}
}
