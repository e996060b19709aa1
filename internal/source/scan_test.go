// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// plainRows are rows that scan reads by itself.
var plainRows = []string{
	`{"ID":"1","To":"r","Index":7,"At":"2026-01-21T14:12:34Z"}`,
	`{"ID":"1","To":"r","x":true,"y":false,"z":null,"Index":-12}`,
	`{"ID":"long enough for eight at a time","To":"a\"b\\c\/d\b\f\n\r\t\u00e9\u20AC"}`,
	`{"ID":"caf` + "\u00e9 \U0001F600 \u2028" + `","To":"` + strings.Repeat("x", 100) + `"}`,
	`{"ID":"1","ID":"2","To":null,"":"","Index":"7"}`,
	`{"ID":0,"To":"\u007f` + "\x7f" + `"}`,
	`{"ID":" !#$%&'()*+,-./0123456789:;<=>?@[]^_` + "`" + `{|}~"}`,
}

// otherRows are rows that scan leaves to jsontext, damaged ones among them.
var otherRows = []string{
	``, `{`, `{}`, `{ "ID":"1"}`, `{"ID" :"1"}`, `{"ID": "1"}`, `{"ID":"1" }`, `{"ID":"1",}`, `{"ID":"1"`, `{"ID":"1`, `{"ID":`, `{"ID"`, `{"`,
	`{"ID":{"a":1}}`, `{"ID":[]}`, `{"\u0049D":"1"}`, `{"ID":"\ud83d\ude00"}`, `{"ID":"\uD83D"}`, `{"ID":"\u00g0"}`, `{"ID":"\u00"}`, `{"ID":"\x"}`, `{"ID":"\`,
	`{"Index":01}`, `{"Index":-}`, `{"Index":1.5}`, `{"Index":1e3}`, `{"Index":+1}`, `{"Index":1`, `{"a":tru}`, `{"a":nul`, `{"a":truex}`, `{'ID':"1"}`, `[1]`, `5`,
	"{\"ID\":\"1\n\"}", "{\"ID\":\"\x00\"}", "{\"ID\":\"12345678\x1f\"}", "{\"ID\":\"\xff\"}", "{\"ID\":\"1234567\xe2\x82\"}", "{\"I\xff\":1}", "{\"ID\":\"\xc3\xa9\xff\"}", "{\"ID\":\"1234\xff678 and more of it\"}",
	`{"ID":"1"}}`, `{"ID":"1"]`, `{"ID":"1";"To":"2"}`,
}

func TestScanReadsPlainRows(t *testing.T) {
	t.Parallel()
	for _, text := range plainRows {
		w := NewWalker([]byte(text+","), testDialect)
		assert.Equal(t, len(text), w.scan(0), text)
		assert.Equal(t, text, string(w.row.Raw))
		compare(t, []byte(text))
	}
}

func TestScanLeavesOtherRowsAlone(t *testing.T) {
	t.Parallel()
	for _, text := range otherRows {
		end := NewWalker([]byte(text), testDialect).scan(0)
		if end > 0 {
			assert.True(t, json.Valid([]byte(text[:end])), text)
			continue
		}
		assert.Zero(t, end, text)
	}
	for _, text := range otherRows[:len(otherRows)-3] {
		assert.Zero(t, NewWalker([]byte(text), testDialect).scan(0), text)
	}
}

// The members of a row need not be those of the row before it.
func TestRowsWithOtherMembersThanTheRowBefore(t *testing.T) {
	t.Parallel()
	body := `[{"ID":"1","To":"a","Index":1},{"To":"b","ID":"2"},{"ID":"3","x":"y","To":"c","Index":3},{"ID":"4","Total":"d"},` +
		`{"IDs":"5"},{"ID":"6","To":"f","Index":6,"At":"/Date(0)/"}]`
	var got []string
	more, err := NewWalker([]byte(body), testDialect).Rows(func(r *trace.Row, err error) bool {
		require.NoError(t, err)
		got = append(got, string(r.ID)+"/"+string(r.Recipient))
		assert.Equal(t, string(r.ID) == "6", !r.Received.IsZero())
		return true
	})
	require.NoError(t, err)
	assert.True(t, more)
	assert.Equal(t, []string{"1/a", "2/b", "3/c", "4/", "/", "6/f"}, got)
}

func FuzzScan(f *testing.F) {
	for _, text := range append(plainRows, otherRows...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		compare(t, body)
		// After another row, whose members are known by then.
		compare(t, append([]byte(plainRows[0]), body...))
	})
}

// compare has rows read by scan and by everything else that reads JSON here.
func compare(t *testing.T, body []byte) {
	t.Helper()
	fast, thorough := NewWalker(body, testDialect), NewWalker(body, testDialect)
	for pos := 0; ; {
		end := fast.scan(pos)
		if end == 0 {
			return
		}
		text := body[pos:end]
		require.True(t, json.Valid(text), "%q", text)
		thoroughEnd, err := thorough.read(pos)
		require.NoError(t, err, "%q", text)
		require.Equal(t, thoroughEnd, end, "%q", text)
		require.Equal(t, texts(&thorough.row), texts(&fast.row), "%q", text)
		require.Equal(t, thorough.row.Received, fast.row.Received, "%q", text)
		require.Equal(t, thorough.row.Index, fast.row.Index, "%q", text)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members), "%q", text)
		if id, ok := members["ID"].(string); ok {
			require.Equal(t, id, string(fast.row.ID), "%q", text)
		}
		pos = end
	}
}

func texts(r *trace.Row) []string {
	return []string{string(r.Raw), string(r.ID), string(r.Recipient)}
}
