// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

func TestDateLiterals(t *testing.T) {
	a := newAPI(t, mail.Row{ID: "x", Received: noon.Add(-time.Hour + 300)})
	for literal, text := range map[string]string{
		"2026-01-22T11:00:00Z":         "2026-01-22T11:00:00Z",
		"2026-01-22T11:00:00":          "2026-01-22T11:00:00Z",
		"2026-01-22T11:00:00+00:00":    "2026-01-22T11:00:00Z",
		"2026-01-22T13:00:00+02:00":    "2026-01-22T11:00:00Z",
		"2026-01-22T11:00:00.0000000Z": "2026-01-22T11:00:00Z",
		"2026-01-22T11:00:00.0000300Z": "2026-01-22T11:00:00.00003Z",
		"2026-01-22T11:00:00.1234567":  "2026-01-22T11:00:00.1234567Z",
		"2026-01-22T11:00":             "2026-01-22T11:00:00Z",
		"2026-01-22 11:00:00Z":         "",
		"2026-01-22":                   "",
		"2026-01-22T11:00:00.12345678": "",
		"2026-01-22T11:00:00,1Z":       "",
		"":                             "",
	} {
		query := filter("StartDate eq datetime'" + literal + "' and EndDate eq datetime'2026-01-22T12:00:00Z'")
		if text == "" {
			assert.Contains(t, badQuery(t, query), "Unrecognized 'Edm.DateTime' literal 'datetime'"+literal+"''", literal)
			continue
		}
		p := ask(t, a, query)
		if strings.HasSuffix(text, ":00Z") {
			require.Len(t, p.Value, 1, literal)
			assert.Equal(t, text, p.Value[0].StartDate)
			assert.Equal(t, "2026-01-22T12:00:00Z", p.Value[0].EndDate)
			assert.Equal(t, "2026-01-22T11:00:00.0000003", p.Value[0].Received)
		}
	}
	// Clients differ in what they encode, and some forget the plus sign.
	for _, query := range []string{
		"$filter=StartDate%20eq%20datetime'2026-01-22T11:00:00Z'%20and%20EndDate%20eq%20datetime'2026-01-22T12:00:00Z'",
		"%24filter=StartDate+eq+datetime%272026-01-22T11%3A00%3A00Z%27+and+EndDate+eq+datetime%272026-01-22T12%3A00%3A00Z%27",
		"$filter=EndDate+eq+datetime'2026-01-22T12:00:00+00:00'+and+StartDate+eq+datetime'2026-01-22T11:00:00+00:00'",
		"$filter=(StartDate+eq+DateTime'2026-01-22T11:00:00')+and+((EndDate+eq+datetime'2026-01-22T12:00:00'))",
	} {
		assert.Len(t, ask(t, a, query).Value, 1, query)
	}
}

func TestBoundsAreInclusiveTo100Nanoseconds(t *testing.T) {
	a := newAPI(t, mail.Row{ID: "x", Received: noon.Add(-time.Hour + 123_456_700)})
	for _, test := range []struct {
		start, end string
		found      int
	}{
		{"2026-01-22T11:00:00.1234567", "2026-01-22T11:00:00.1234567", 1},
		{"2026-01-22T11:00:00.1234568", "2026-01-22T11:00:01", 0},
		{"2026-01-22T11:00:00", "2026-01-22T11:00:00.1234566", 0},
	} {
		p := ask(t, a, filter("StartDate eq datetime'"+test.start+"' and EndDate eq datetime'"+test.end+"'"))
		assert.Len(t, p.Value, test.found, "%s to %s", test.start, test.end)
	}
}

func TestWindows(t *testing.T) {
	const start, end = "StartDate eq datetime'2026-01-22T11:00:00Z'", "EndDate eq datetime'2026-01-22T12:00:00Z'"
	for text, want := range map[string]string{
		start:                   "EndDate is required when a StartDate is entered.",
		end:                     "StartDate is required when an EndDate is entered.",
		start + " and " + start: "more than once",
		"StartDate ge datetime'2026-01-22T11:00:00Z' and " + end:                                  "'StartDate' can only be compared",
		"StartDate eq null and " + end:                                                            "'StartDate' can only be compared",
		"StartDate eq datetime'2026-01-22T12:00:00.0000001Z' and " + end:                          "can't be later than the EndDate",
		"StartDate eq datetime'2026-01-12T11:59:59Z' and " + end:                                  "Invalid StartDate value. The StartDate can't be older than 10 days from today.",
		"StartDate eq datetime'0001-01-01T00:00:00' and EndDate eq datetime'9999-12-31T00:00:00'": "can't be older than 10 days",
	} {
		assert.Contains(t, badQuery(t, filter(text)), want)
	}
	a := newAPI(t)
	for _, text := range []string{
		"StartDate eq datetime'2026-01-12T12:00:00Z' and " + end,
		start + " and EndDate eq datetime'9999-12-31T23:59:59Z'",
		start + " and EndDate eq datetime'2026-01-22T11:00:00Z'",
	} {
		assert.Empty(t, ask(t, a, filter(text)).Value)
	}
}

func TestFilters(t *testing.T) {
	a := newAPI(t, mail.Row{
		ID: "cf7a249a-5edd-4350-130a-08da8f69e0f6", Received: noon.Add(-time.Hour), Sender: "dan.o'connor@contoso.com", Recipient: "Eve@fabrikam.com",
		MessageID: new("<m@x>"), Subject: new("a and b"), FromIP: new("2001:db8::1"), ToIP: new(""), Size: 1000,
	}, mail.Row{
		ID: "00000000-0000-0000-0000-000000000002", Received: noon.Add(-2 * time.Hour), Sender: "<>", Recipient: "bob@contoso.com", Size: 2000,
		Timeline: []mail.Change{{At: noon.Add(-2 * time.Hour), Status: mail.FilteredAsSpam}},
	})
	first, second := "cf7a249a-5edd-4350-130a-08da8f69e0f6", "00000000-0000-0000-0000-000000000002"
	for text, want := range map[string][]string{
		"SenderAddress eq 'dan.o''connor@contoso.com'":                  {first},
		"SenderAddress eq '<>'":                                         {second},
		"RecipientAddress eq 'eve@FABRIKAM.com'":                        {first},
		"RecipientAddress eq '*@contoso.com'":                           {second},
		"RecipientAddress eq 'eve@fabrikam.com' and Status eq 'Failed'": {},
		"Status eq 'FilteredAsSpam'":                                    {second},
		"Status ne 'FilteredAsSpam'":                                    {first},
		"MessageId eq '<m@x>'":                                          {first},
		"MessageId eq null":                                             {second},
		"MessageId ne null":                                             {first},
		"MessageId ne '<m@x>'":                                          {second},
		"MessageTraceId eq guid'CF7A249A-5edd-4350-130a-08da8f69e0f6'":  {first},
		"FromIP eq '2001:DB8::1'":                                       {first},
		"ToIP eq null":                                                  {first, second},
		"Subject eq 'a and b'":                                          {first},
		"Subject gt 'a'":                                                {first},
		"Size eq 1000":                                                  {first},
		"Size gt 1000 and Size le 2000L":                                {second},
		"Size ne null and Size lt 3000":                                 {first, second},
		"Size eq null":                                                  {},
		"Received ge datetime'2026-01-22T11:00:00'":                     {first},
		"Received lt datetime'2026-01-22T11:00:00'":                     {second},
		"Organization eq 'contoso.com'":                                 {first, second},
		"Organization eq 'fabrikam.com'":                                {},
		"(Size eq 1000) and (((Status eq 'delivered')))":                {first},
		"Status eq 'Delivered' and StartDate eq datetime'2026-01-22T11:30:00' and EndDate eq datetime'2026-01-22T12:00:00'": {},
	} {
		assert.Equal(t, want, ids(ask(t, a, filter(text)).Value), text)
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "Expression expected at position 0",
		"Size":                                 "Expression expected",
		"Size eq":                              "Expression expected",
		"Size eq 1 and":                        "Expression expected",
		"Size eq 1 Size":                       "Syntax error at position 10",
		"Size eq 1 or Size eq 2":               "Syntax error at position 10",
		"Size is 1":                            "Syntax error at position 5",
		"Size eq one":                          "Syntax error at position 8",
		"Size gt null":                         "Syntax error",
		"Size eq '1'":                          "Operator 'eq' incompatible with operand types 'System.Int32' and 'System.String' at position 5.",
		"Subject eq 1":                         "'System.String' and 'System.Int32'",
		"Size eq datetime'2026-01-22T11:00'":   "'System.Int32' and 'System.DateTime'",
		"Size eq guid'x'":                      "'System.Int32' and 'System.Guid'",
		"MessageTraceId eq 'x'":                "'System.Guid' and 'System.String'",
		"Organizations eq 'x'":                 "No property 'Organizations' exists in type 'TenantReporting.MessageTrace' at position 0.",
		"Subject eq 'x":                        "Unterminated string literal at position 13",
		"Size eq binary'00'":                   "Syntax error at position 8",
		"'x' eq Subject":                       "Syntax error at position 0",
		"(Size eq 1":                           "')' or ',' expected",
		"Size eq 1)":                           "Syntax error",
		strings.Repeat("(", 200) + "Size eq 1": "Recursion limit",
		"Size eq 1" + strings.Repeat(" and Size eq 1", 100): "node count",
	} {
		assert.Contains(t, badQuery(t, filter(text)), want, text)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for query, want := range map[string]string{
		"$top=many":                "Incorrect format for $top argument 'many'.",
		"$top=-1":                  "Incorrect format for $top",
		"$top=":                    "Incorrect format for $top",
		"$top=3000000000":          "Incorrect format for $top",
		"$skip=x":                  "Incorrect format for $skip",
		"$skiptoken=x":             "'$skiptoken'",
		"$skiptoken=-1":            "'$skiptoken'",
		"$top=1&%24top=1":          "specified exactly once",
		"$fliter=x":                "begins with a system-reserved '$' character but is not recognized",
		"$orderby=Received":        "m365sim does not have",
		"$filter=%zz":              "query syntax",
		"%zz=1":                    "query syntax",
		"$select=RecipientAddress": "m365sim does not have",
	} {
		assert.Contains(t, badQuery(t, query), want, query)
	}
	_, w := serve(t, newAPI(t), newRequest(t, endpoint+"?x=1&top=3&rws-version=2013-V1", ""))
	assert.Equal(t, http.StatusOK, w.Code, "custom options have no effect")
}
