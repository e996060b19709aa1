// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

func TestFilterPicksRows(t *testing.T) {
	a := newAPI(t,
		mail.Row{
			ID: "AAAA", Received: noon, Sender: "dan.o'connor@contoso.com", Recipient: "Uma@Contoso.com", MessageID: new("<1@x>"),
			Subject: new("Weekly Digest: updates"), FromIP: new("2001:DB8::1"), ToIP: new(""),
		},
		mail.Row{
			ID: "bbbb", Received: noon.Add(-time.Hour), Sender: "<>", Recipient: "uma@fabrikam.example",
			Timeline: []mail.Change{{At: noon, Status: mail.Failed}},
		})
	for filter, want := range map[string][]string{
		"id eq 'aaaa'": {"AAAA"},
		"senderAddress eq 'Dan.O''Connor@contoso.com'":                      {"AAAA"},
		"senderAddress eq '*@contoso.com'":                                  {"AAAA"},
		"senderAddress eq '*@toso.com'":                                     {},
		"senderAddress eq '<>'":                                             {"bbbb"},
		"recipientAddress eq 'uma@contoso.com'":                             {"AAAA"},
		"status eq 'failed'":                                                {"bbbb"},
		"status eq 'pending'":                                               {},
		"messageId eq '<1@x>'":                                              {"AAAA"},
		"messageId eq '<1@X>'":                                              {},
		"fromIP eq '2001:db8::1'":                                           {"AAAA"},
		"toIP eq ''":                                                        {"AAAA"},
		"contains(subject, 'digest')":                                       {"AAAA"},
		"startsWith(subject,'weekly')":                                      {"AAAA"},
		"endswith(subject,'weekly')":                                        {},
		"contains(senderAddress,'nobody')":                                  {"AAAA", "bbbb"}, // ignored
		"status ne 'failed'":                                                {"AAAA", "bbbb"}, // ignored
		"status in ('failed','pending')":                                    {"AAAA", "bbbb"}, // ignored
		"not (status eq 'failed')":                                          {"AAAA", "bbbb"}, // ignored
		"status eq 'failed' or id eq 'aaaa'":                                {},               // as if it were and
		"status eq 'failed' or status eq 'delivered'":                       {"AAAA"},         // the last one wins
		"(status eq 'failed' and (id eq 'bbbb'))":                           {"bbbb"},
		"id eq 'bbbb' and contains(subject,'x') and startswith(subject,'')": {},
		// Bounds are inclusive, and the last value of each counts.
		"receivedDateTime ge 2026-01-22T12:00:00.000Z and receivedDateTime le 2026-01-22T12:00:00Z":                                               {"AAAA"},
		"receivedDateTime ge 2026-01-22T11:00:00.0000001Z and receivedDateTime le 2026-01-22T13:00:00+01:00":                                      {"AAAA"},
		"receivedDateTime ge 2026-01-22T11:00:00Z and receivedDateTime le 2026-01-22T11:59:59.9999999Z":                                           {"bbbb"},
		"receivedDateTime ge 2026-01-22T11:59Z and receivedDateTime le 2026-01-22T12:00:00Z and receivedDateTime ge 2026-01-22T10:00:00.1234567Z": {"AAAA", "bbbb"},
	} {
		assert.Equal(t, want, list(t, a, filter), filter)
	}
}

func TestFilterIsRefused(t *testing.T) {
	for filter, want := range map[string]string{
		"":                                     "the filter ends",
		"id":                                   "the filter ends",
		"id eq":                                "the filter ends",
		"id eq 'x":                             "unterminated string",
		"id eq 'x' 'y'":                        "Syntax error at 'y'",
		"id eq 'x' and":                        "the filter ends",
		"(id eq 'x'":                           "the filter ends",
		"id eq 'x')":                           "Syntax error at ')'",
		"id like 'x'":                          "Syntax error at 'like'",
		"id EQ 'x'":                            "Syntax error at 'EQ'",
		"id in 'x'":                            "Syntax error at 'x'",
		"id in ('x',)":                         "Syntax error at ')'",
		"'x' eq id":                            "Syntax error at 'x'",
		"id eq (":                              "Syntax error at '('",
		"nothing eq 'x'":                       "Could not find a property named 'nothing'",
		"ID eq 'x'":                            "Could not find a property named 'ID'",
		"status eq delivered":                  "Could not find a property named 'delivered'",
		"status eq 'shredded'":                 "'shredded' is not a valid enumeration type constant",
		"senderAddress ge 'x'":                 "'ge' is not supported for the property 'senderAddress'",
		"subject eq 'x'":                       "'subject' cannot be used",
		"size eq 5":                            "'size' cannot be used",
		"tolower(subject) eq 'x'":              "unknown function with name 'tolower'",
		"contains(nothing,'x')":                "Could not find a property named 'nothing'",
		"contains(subject 'x')":                "Syntax error at 'x'",
		"contains('a','x')":                    "Syntax error at 'a'",
		"contains(subject,x)":                  "Syntax error at 'x'",
		"contains(subject,'x'":                 "the filter ends",
		"receivedDateTime eq " + "2026-01-22Z": "not a valid Edm.DateTimeOffset",
		"receivedDateTime ge '2026-01-22T12:00:00Z'":            "incompatible types",
		"receivedDateTime ge 2026-01-22T12:00:00":               "not a valid Edm.DateTimeOffset",
		"receivedDateTime ge 2026-01-22T12:00:00.12345678Z":     "not a valid Edm.DateTimeOffset",
		"receivedDateTime ge 2026-01-22T12:00:00,5Z":            "not a valid Edm.DateTimeOffset",
		"receivedDateTime gt 2026-01-22T11:00:00Z":              "'gt' is not supported for the property 'receivedDateTime'",
		"receivedDateTime lt 2026-01-22T11:00:00Z":              "'lt' is not supported for the property 'receivedDateTime'",
		"receivedDateTime eq 2026-01-22T11:00:00Z":              "'eq' is not supported for the property 'receivedDateTime'",
		strings.Repeat("(", 200) + "id eq 'x'":                  "recursion limit",
		strings.Repeat("id eq 'x' and ", 100) + "id eq 'x'":     "node count limit",
		strings.Repeat("not ", 100_000) + "id":                  "the filter ends",
		strings.Repeat("id eq 'x' and (", 100_000) + "id eq 'x": "unterminated",
	} {
		_, e := parseFilter(filter)
		if assert.NotNil(t, e, filter) {
			assert.Equal(t, 400, e.status)
			assert.Equal(t, "BadRequest", e.code)
			assert.Contains(t, e.message, want, filter)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"$filter=receivedDateTime+ge+2026-01-22T11:00:00Z+and+receivedDateTime+le+2026-01-22T12:00:00.5Z&$top=5",
		"%24filter=contains(subject,%27x%27)%20or%20not%20(id%20in%20('a','b'))",
		"$skiptoken=eyJTdGFydERhdGUiOiIyMDI2In0", "$top=-1&$top=2", "$filter=%ZZ", "$filter='", "&&=;;",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r, e := parseRequest(query, noon)
		require.NotEqual(t, r == nil, e == nil)
		if e != nil {
			require.Equal(t, 400, e.status)
			return
		}
		require.Positive(t, r.size)
		require.LessOrEqual(t, r.size, maxSize)
		require.False(t, r.end.After(noon) || r.start.After(r.end))
	})
}
