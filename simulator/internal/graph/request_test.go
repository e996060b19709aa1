// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

func between(start, end time.Time) string {
	const format = "2006-01-02T15:04:05.999999999Z"
	return fmt.Sprintf("receivedDateTime ge %s and receivedDateTime le %s", start.Format(format), end.Format(format))
}

func TestLimitsOfTheWindow(t *testing.T) {
	day := 24 * time.Hour
	oldest := noon.Truncate(day).AddDate(0, 0, -90)
	for name, test := range map[string]struct{ filter, want string }{
		"no end":        {"receivedDateTime ge 2026-01-22T11:00:00Z", "EndDate is required when a StartDate is entered."},
		"no start":      {"receivedDateTime le 2026-01-22T11:00:00Z", "StartDate is required when an EndDate is entered."},
		"backwards":     {between(noon, noon.Add(-100)), "The StartDate can't be later than the EndDate."},
		"an instant":    {between(noon, noon), ""},
		"ten days":      {between(noon.Add(-10*day), noon), ""},
		"over ten days": {between(noon.Add(-10*day-100), noon), "|System.ArgumentException|The interval between StartDate and EndDate can't be longer than 10 days."},
		"oldest":        {between(oldest, oldest.Add(day)), ""},
		"too old":       {between(oldest.Add(-100), oldest.Add(day)), "Invalid StartDate value. The StartDate can't be older than 90 days from today."},
		"future":        {between(noon.Add(-day), noon.Add(100)), "Invalid EndDate value. The EndDate can't be in the future."},
	} {
		t.Run(name, func(t *testing.T) {
			_, w := serve(t, newAPI(t), request(t, endpoint+"?$filter="+url.QueryEscape(test.filter)))
			if test.want == "" {
				assert.Equal(t, http.StatusOK, w.Code, w.Body.String())
				return
			}
			assert.Equal(t, http.StatusBadRequest, w.Code)
			assert.Contains(t, decode(t, w).Error.Message, test.want)
		})
	}
}

func TestDefaultPeriodIsTwoDays(t *testing.T) {
	a := newAPI(t,
		mail.Row{ID: "in", Received: noon.Add(-48 * time.Hour)},
		mail.Row{ID: "out", Received: noon.Add(-48*time.Hour - time.Millisecond)})
	x, w := serve(t, a, request(t, endpoint))
	require.Len(t, decode(t, w).Value, 1)
	assert.Equal(t, "in", decode(t, w).Value[0]["id"])
	assert.Equal(t, noon.Add(-48*time.Hour), x.Start)
	assert.Equal(t, noon, x.End)
}

func TestQueryOptions(t *testing.T) {
	a := newAPI(t, manyRows(5001)...)
	for query, want := range map[string]int{
		"":          1000,
		"$top=0":    1000,
		"$top=5000": 5000,
		"%24top=7":  7,
		"top=7":     1000, // no system option without $
		"$select=id&$orderby=x&$count=true&$top=3": 3,
		"$filter=id+eq+%27id-0005%27":              1,
		"$filter=id%20eq%20'id-0005'":              1,
		"%24filter=id%20eq%20%27id%2D0005%27&&x=;": 1,
		"$filter=contains(subject,'a%26b;c%2Bd')":  1000,
	} {
		_, w := serve(t, a, request(t, endpoint+"?"+query))
		if assert.Equal(t, http.StatusOK, w.Code, "%s: %s", query, w.Body) {
			assert.Len(t, decode(t, w).Value, want, query)
		}
	}
	for query, want := range map[string]string{
		"$top=5001":          "ResultSize is invalid",
		"$top=-1":            "ResultSize is invalid",
		"$top=many":          "non-negative integer",
		"$top=":              "non-negative integer",
		"$top=1&%24top=1":    "more than once",
		"$fliter=x":          "'$fliter' is not supported",
		"$filter=%zz":        "not valid",
		"%zz=1":              "not valid",
		"$filter=":           "the filter ends",
		"$skiptoken=&$top=1": "skip token",
	} {
		_, w := serve(t, a, request(t, endpoint+"?"+query))
		assert.Equal(t, http.StatusBadRequest, w.Code, query)
		assert.Contains(t, decode(t, w).Error.Message, want, query)
	}
}

// manyRows are rows that share milliseconds and recipients as much as they can.
func manyRows(n int) []mail.Row {
	rows := make([]mail.Row, n)
	for i := range rows {
		rows[i] = mail.Row{
			ID: fmt.Sprintf("id-%04d", i), Recipient: fmt.Sprintf("user%d@contoso.com", i%3), Subject: new("a&b;c+d"),
			Received: noon.Add(-time.Duration(i/50)*time.Millisecond - time.Duration(i%7)*100),
		}
	}
	return rows
}

func TestFollowingLinksFindsEveryRowOnce(t *testing.T) {
	for _, test := range []struct {
		query        string
		pages, total int
	}{
		{"$top=17", 59, 1000},
		{"%24top=5", 200, 1000},
		{"$top=500&$filter=" + url.QueryEscape("recipientAddress eq 'user1@contoso.com' and "+between(noon.Add(-time.Hour), noon)), 1, 333},
		{"$top=100&$filter=" + url.QueryEscape("recipientAddress eq 'user1@contoso.com'"), 4, 333},
		{"", 1, 1000},
	} {
		a := newAPI(t, manyRows(1000)...)
		seen := make(map[any]bool)
		pages, last := 0, "9999"
		for address := endpoint + "?" + test.query; address != ""; pages++ {
			x, w := serve(t, a, request(t, address))
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			p := decode(t, w)
			for _, row := range p.Value {
				require.False(t, seen[row["id"]], "twice: %v", row)
				seen[row["id"]] = true
				received, _ := row["receivedDateTime"].(string)
				require.LessOrEqual(t, strings.TrimSuffix(received, "Z"), last, "newest first")
				last = received
			}
			assert.Equal(t, pages > 0, x.Continued)
			assert.Equal(t, noon, x.End, "the window asked for, on every page")
			address = p.Next
			if address != "" {
				require.True(t, strings.HasPrefix(address, endpoint+"?"), address)
			}
		}
		assert.Equal(t, test.pages, pages, test.query)
		assert.Len(t, seen, test.total, test.query)
	}
}

func TestSkipTokenIsTheRealOnes(t *testing.T) {
	a := newAPI(t, manyRows(60)...)
	_, w := serve(t, a, request(t, endpoint+"?$top=55"))
	link, err := url.Parse(decode(t, w).Next)
	require.NoError(t, err)
	text, err := base64.RawStdEncoding.DecodeString(link.Query().Get("$skiptoken"))
	require.NoError(t, err, "unpadded base64")
	var got map[string]string
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, map[string]string{
		"StartDate": "2026-01-20T12:00:00.0000000Z", "EndDate": "2026-01-22T11:59:59.9980000Z",
		"StartingRecipientAddress": "user1@contoso.com", "ResultSize": "55", "LastId": got["LastId"],
	}, got)
	assert.NotEmpty(t, got["LastId"])
}

func TestSkipTokensThatAreRefused(t *testing.T) {
	good := `{"StartDate":"2026-01-22T11:00:00Z","EndDate":"2026-01-22T12:00:00Z","StartingRecipientAddress":"a@b","ResultSize":"10"}`
	for name, test := range map[string]struct{ from, to, want string }{
		"good":         {"", "", ""},
		"start quoted": {`"2026-01-22T11:00:00Z"`, `"\"2026-01-22T11:00:00Z\""`, "Cannot process argument transformation on parameter 'StartDate'"},
		"end":          {`"2026-01-22T12:00:00Z"`, `""`, "Cannot process argument transformation on parameter 'EndDate'"},
		"size":         {`"10"`, `"ten"`, "Cannot process argument transformation on parameter 'ResultSize'"},
		"size 0":       {`"10"`, `"0"`, "ResultSize is invalid"},
		"recipient":    {`"a@b"`, `""`, "|System.ArgumentException|Invalid starting recipient address"},
		"too old":      {"2026-01-22T11", "2025-01-22T11", "can't be longer than 10 days"},
		"not JSON":     {"{", "[", "skip token in the request is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, test.from, test.to, 1)
			for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.URLEncoding} {
				_, w := serve(t, newAPI(t), request(t, endpoint+"?$skiptoken="+url.QueryEscape(encoding.EncodeToString([]byte(text)))))
				assert.Equal(t, test.want == "", w.Code == http.StatusOK)
				assert.Contains(t, decode(t, w).Error.Message, test.want)
			}
		})
	}
	_, w := serve(t, newAPI(t), request(t, endpoint+"?$skiptoken=****"))
	assert.Equal(t, http.StatusBadRequest, w.Code)
}

// A token without the simulator's own field repeats rows rather than losing
// them.
func TestForeignSkipTokenLosesNothing(t *testing.T) {
	a := newAPI(t, manyRows(3)...)
	token := base64.RawStdEncoding.EncodeToString([]byte(
		`{"StartDate":"2026-01-20T12:00:00Z","EndDate":"2026-01-22T11:59:59.999Z","StartingRecipientAddress":"user1@contoso.com","ResultSize":"10"}`))
	_, w := serve(t, a, request(t, endpoint+"?$skiptoken="+token))
	assert.Len(t, decode(t, w).Value, 2)
}
