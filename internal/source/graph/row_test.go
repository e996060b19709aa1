// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const wholeRow = `{"id":"1","senderAddress":"s@x","recipientAddress":"r@x","messageId":"<m@x>","receivedDateTime":"2026-01-21T14:12:34.109Z",` +
	`"subject":"Hello","size":45678,"fromIP":"2001:db8::1","toIP":"203.0.113.1","status":"delivered"}`

func TestEveryPropertyOfARow(t *testing.T) {
	t.Parallel()
	assert.Equal(t, kept{
		Raw: wholeRow, ID: "1", Sender: "s@x", Recipient: "r@x", MessageID: "<m@x>", Subject: "Hello", Size: number(45678),
		Received: time.Date(2026, time.January, 21, 14, 12, 34, 109_000_000, time.UTC),
		FromIP:   "2001:db8::1", ToIP: "203.0.113.1", Status: "delivered",
	}, readRow(t, wholeRow))
}

func TestTextsOfARow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ json, want string }{
		"plain":                       {`"Hello"`, "Hello"},
		"empty":                       {`""`, ""},
		"null":                        {`null`, ""},
		"every short escape":          {`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		"a code point":                {`"caf\u00e9 \u20AC"`, "café €"},
		"NUL":                         {`"a\u0000b"`, "a\x00b"},
		"a surrogate pair":            {`"\ud83d\ude00"`, "😀"},
		"a high surrogate alone":      {`"a\ud83db"`, "a\uFFFDb"},
		"a low surrogate alone":       {`"a\ude00b"`, "a\uFFFDb"},
		"surrogates in wrong order":   {`"\ude00\ud83d"`, "\uFFFD\uFFFD"},
		"a surrogate and an escape":   {`"\ud83d\n"`, "\uFFFD\n"},
		"not escaped":                 {`"é😀\u2028"`, "é😀\u2028"},
		"invalid UTF-8":               {"\"a\xffb\"", "a\uFFFDb"},
		"invalid UTF-8 and an escape": {"\"a\xc3\\n\"", "a\uFFFD\n"},
		"half a character":            {"\"a\xf0\x9f\x98\"", "a\uFFFD"},
		"a backslash at the end":      {`"a\\"`, `a\`},
		"JSON in a text":              {`"{\"id\":\"2\"}"`, `{"id":"2"}`},
		"brackets in a text":          {`"]}],"`, "]}],"},
		"a number":                    {`12.50`, "12.50"},
		"a boolean":                   {`true`, "true"},
		"an object":                   {`{"a": [1]}`, `{"a": [1]}`},
		"an array":                    {`["a", null]`, `["a", null]`},
		"a long one":                  {`"` + strings.Repeat(`\u0061b`, 5000) + `"`, strings.Repeat("ab", 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for property, of := range map[string]func(kept) string{
				"id":               func(k kept) string { return k.ID },
				"messageId":        func(k kept) string { return k.MessageID },
				"senderAddress":    func(k kept) string { return k.Sender },
				"recipientAddress": func(k kept) string { return k.Recipient },
				"subject":          func(k kept) string { return k.Subject },
				"fromIP":           func(k kept) string { return k.FromIP },
				"toIP":             func(k kept) string { return k.ToIP },
				"status":           func(k kept) string { return k.Status },
			} {
				row := readRow(t, `{"`+property+`":`+c.json+`,"after":1}`)
				assert.Equal(t, c.want, of(row), property)
				assert.False(t, row.Malformed)
			}
		})
	}
}

func TestSizesOfARow(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]trace.Number{
		`0`:                   number(0),
		`45678`:               number(45678),
		`-1`:                  number(-1),
		`2147483648`:          number(2147483648),
		`9223372036854775807`: number(9223372036854775807),
		`"45678"`:             number(45678),
		`"\u0031"`:            number(1),
		`9223372036854775808`: {},
		`1.5`:                 {},
		`1e3`:                 {},
		`null`:                {},
		`""`:                  {},
		`"large"`:             {},
		`true`:                {},
		`{}`:                  {},
		`[1]`:                 {},
	} {
		got := readRow(t, `{"size":`+json+`}`)
		assert.Equal(t, want.Valid, got.Size.Valid, json)
		if want.Valid {
			assert.Equal(t, want.Value, got.Size.Value, json)
		}
	}
}

func TestReceivedTimesOfARow(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, time.January, 21, 14, 12, 34, 0, time.UTC)
	for json, want := range map[string]time.Time{
		`"2026-01-21T14:12:34Z"`:      want,
		`"2026-01-21T14:12:34"`:       want,
		`"2026-01-21T15:12:34+01:00"`: want,
		`"2026-01-21T14:12:34\u005a"`: want,
		`"\/Date(1769004754000)\/"`:   want,
		`null`:                        {},
		`""`:                          {},
		`"yesterday"`:                 {},
		`1769004754000`:               {},
		`["2026-01-21T14:12:34Z"]`:    {},
		`"0001-01-01T00:00:00Z"`:      {},
	} {
		assert.Equal(t, want, readRow(t, `{"receivedDateTime":`+json+`}`).Received, json)
	}
}

func TestUnusualRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row  string
		want kept
	}{
		"no properties": {`{}`, kept{Fingerprint: `{}`}},
		"nothing but null": {
			`{"id":null,"senderAddress":null,"recipientAddress":null,"messageId":null,"receivedDateTime":null,"subject":null,` +
				`"size":null,"fromIP":null,"toIP":null,"status":null}`,
			kept{Fingerprint: `{"id":null,"senderAddress":null,"recipientAddress":null,"messageId":null,"receivedDateTime":null,` +
				`"subject":null,"size":null,"fromIP":null,"toIP":null,"status":null}`},
		},
		"no recipient":     {`{"id":"1"}`, kept{ID: "1", Fingerprint: `{"id":"1"}`}},
		"no ID":            {`{"recipientAddress":"r"}`, kept{Recipient: "r", Fingerprint: `{"recipientAddress":"r"}`}},
		"ID and recipient": {`{"id":"1","recipientAddress":"r"}`, kept{ID: "1", Recipient: "r"}},
		"a property twice": {`{"id":"1","id":"2","recipientAddress":"r","size":1,"size":2}`, kept{ID: "2", Recipient: "r", Size: number(2)}},
		"a property twice, null last": {
			`{"id":"1","recipientAddress":"r","size":1,"subject":"s","subject":null,"size":null}`, kept{ID: "1", Recipient: "r"},
		},
		"unknown properties": {
			`{"a":{"id":"9","b":[{"id":"8"}]},"id":"1","c":[[["id"]]],"recipientAddress":"r","d":null,"e":1e9}`,
			kept{ID: "1", Recipient: "r"},
		},
		"properties in another case": {`{"ID":"9","Subject":"s","id":"1","recipientAddress":"r"}`, kept{ID: "1", Recipient: "r"}},
		"escaped names":              {`{"\u0069d":"1","recipient\u0041ddress":"r","si\u007ae":5}`, kept{ID: "1", Recipient: "r", Size: number(5)}},
		"a name that is empty":       {`{"":"x","id":"1","recipientAddress":"r"}`, kept{ID: "1", Recipient: "r"}},
		"deep nesting": {
			`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,"id":"1","recipientAddress":"r"}`, kept{ID: "1", Recipient: "r"},
		},
		"a number":       {`5`, kept{Malformed: true, Fingerprint: `5`}},
		"a negative one": {`-0.5e+1`, kept{Malformed: true, Fingerprint: `-0.5e+1`}},
		"a string":       {`"{\"id\":\"1\"}"`, kept{Malformed: true, Fingerprint: `"{\"id\":\"1\"}"`}},
		"an array":       {`[{"id": "1"}]`, kept{Malformed: true, Fingerprint: `[{"id": "1"}]`}},
		"null":           {`null`, kept{Malformed: true, Fingerprint: `null`}},
		"a boolean":      {`false`, kept{Malformed: true, Fingerprint: `false`}},
		"space inside":   {"{ \"id\" : \"1\"\n, \"recipientAddress\":\"r\" }", kept{ID: "1", Recipient: "r"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.Raw = c.row
			assert.Equal(t, c.want, readRow(t, c.row))

			// Between others, it is the same, and so are they.
			rows, next, err := walk(t, `{"value":[`+wholeRow+", "+c.row+" \n,"+wholeRow+`],"@odata.nextLink":"l"}`)
			require.NoError(t, err)
			whole := readRow(t, wholeRow)
			assert.Equal(t, []kept{whole, c.want, whole}, rows)
			assert.Equal(t, "l", next)

			// Read again from its own text, it is the same.
			assert.Equal(t, c.want, keep(open(t, []byte(`{"value":[]}`)).Row([]byte(c.row))))
		})
	}
}

func TestARowReadAgainThatIsDamaged(t *testing.T) {
	t.Parallel()
	read := open(t, []byte(`{"value":[]}`)).Row
	for _, text := range []string{"", "{", `{"id":`, "nul"} {
		assert.Equal(t, kept{Raw: text, Fingerprint: text, Malformed: true}, keep(read([]byte(text))), text)
	}
}

// A row is borrowed until the next one: all of it is valid at once, however many of its texts had to be unescaped.
func TestABorrowedRowIsValidAsAWhole(t *testing.T) {
	t.Parallel()
	properties := []string{"id", "senderAddress", "recipientAddress", "messageId", "subject", "fromIP", "toIP", "status"}
	var members []string
	for i, property := range properties {
		members = append(members, `"`+property+`":"`+strings.Repeat(`\u00e9`, 100*(i+1))+`"`)
	}
	row := readRow(t, `{`+strings.Join(members, ",")+`}`)
	for i, text := range []string{row.ID, row.Sender, row.Recipient, row.MessageID, row.Subject, row.FromIP, row.ToIP, row.Status} {
		assert.Equal(t, strings.Repeat("é", 100*(i+1)), text, properties[i])
	}
}

// The texts of a row must not grow into each other: what a consumer appends to one stays there.
func TestABorrowedTextHasNoRoomForMore(t *testing.T) {
	t.Parallel()
	// The first row makes room that the second one's texts share.
	first := `{"subject":"` + strings.Repeat(`\u0030`, 1000) + `"}`
	for row, err := range open(t, []byte(`{"value":[`+first+`,{"id":"\u0031","subject":"\u0032","status":"\u0033"}]}`)).Rows {
		require.NoError(t, err)
		if len(row.ID) > 0 {
			_ = append(row.ID, "overwritten"...)
			assert.Equal(t, "2", string(row.Subject))
			assert.Equal(t, "3", string(row.Status))
		}
	}
}
