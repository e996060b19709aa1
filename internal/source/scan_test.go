// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// soundRows are rows that scan reads by itself.
var soundRows = []string{
	`{"ID":"1","To":"r","Index":7,"At":"2026-01-21T14:12:34Z"}`,
	`{"ID":"1","To":"r","x":true,"y":false,"z":null,"Index":-12}`,
	`{"ID":"long enough for eight at a time","To":"a\"b\\c\/d\b\f\n\r\t\u00e9\u20AC"}`,
	`{"ID":"caf` + "\u00e9 \U0001F600 \u2028" + `","To":"` + strings.Repeat("x", 100) + `"}`,
	`{"ID":"1","ID":"2","To":null,"":"","Index":"7"}`,
	`{"ID":0,"To":"\u007f` + "\x7f" + `"}`,
	`{"ID":" !#$%&'()*+,-./0123456789:;<=>?@[]^_` + "`" + `{|}~"}`,
	`{ "ID":"1"}`, `{"ID" :"1"}`, `{"ID": "1"}`, `{"ID":"1" }`, "{\r\n\t\"ID\" \n:\t\"1\" ,\r\"Index\" : 7\n}",
	`{"\u0049D":"1"}`, `{"ID":"\ud83d\ude00"}`, `{"ID":"\uD83D","To":"\ude00\ud83d"}`,
	`{"ID":{"a":1}}`, `{"ID":[]}`, `{"ID":{}}`, `{"x":[ {"a" : [null, {"b":""}], "c\n":true} , 1 ],"ID":"1"}`, `{"x":[[[[]]],{"":{}}],"To":"2"}`,
	`{"Index":1.5}`, `{"Index":1e3}`, `{"Index":-0.0E-10}`, `{"Index":0}`, `{"Index":10e+0}`,
	`{"ID":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
}

// otherRows are rows that scan leaves to jsontext, damaged ones most of them.
var otherRows = []string{
	``, `{`, `{}`, `{ }`, `{"ID":"1",}`, `{"ID":"1"`, `{"ID":"1`, `{"ID":`, `{"ID"`, `{"`, `{,"ID":"1"}`, `{"ID":"1" "To":"2"}`, `{"ID":"1",,"To":"2"}`,
	`{"ID":"\u00g0"}`, `{"ID":"\u00"}`, `{"ID":"\x"}`, `{"ID":"\`, `{"ID":{"a"}}`, `{"ID":{"a":}}`, `{"ID":{"a":1,}}`, `{"ID":{1:2}}`, `{"ID":[1,]}`, `{"ID":[,1]}`,
	`{"ID":[1}}`, `{"ID":{"a":1]}`, `{"ID":[1`, `{"ID":{`, `{"ID":[`, `{"ID":["\x"]}`, `{"ID":{"\x":1}}`, `{"ID":[1 2]}`, `{"ID":{"a" 1}}`,
	`{"Index":01}`, `{"Index":-}`, `{"Index":+1}`, `{"Index":1`, `{"Index":1.}`, `{"Index":.5}`, `{"Index":1e}`, `{"Index":1e+}`, `{"Index":1.e1}`, `{"Index":0x1}`,
	`{"a":tru}`, `{"a":nul`, `{"a":truex}`, `{'ID':"1"}`, `[1]`, `5`,
	"{\"ID\":\"1\n\"}", "{\"ID\":\"\x00\"}", "{\"ID\":\"12345678\x1f\"}", "{\"ID\":\"\xff\"}", "{\"ID\":\"1234567\xe2\x82\"}", "{\"I\xff\":1}", "{\"ID\":\"\xc3\xa9\xff\"}", "{\"ID\":\"1234\xff678 and more of it\"}",
	"{\"ID\":[\"\xff\"]}", "{\"ID\":\v\"1\"}", "{\u00a0\"ID\":\"1\"}",
	`{"ID":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`,
	`{"ID":"1"]`, `{"ID":"1";"To":"2"}`,
}

func TestScanReadsSoundRows(t *testing.T) {
	t.Parallel()
	for _, text := range soundRows {
		w := NewWalker([]byte(text+","), testDialect)
		assert.Equal(t, len(text), w.scan(0), text)
		assert.Equal(t, text, string(w.row.Raw))
		compare(t, []byte(text))
	}
}

func TestScanLeavesOtherRowsAlone(t *testing.T) {
	t.Parallel()
	for _, text := range otherRows {
		assert.Zero(t, NewWalker([]byte(text), testDialect).scan(0), text)
	}
}

// However many members a row has, and in whatever order, each is expected where it was, or found by its name.
func TestScanReadsMembersInAnyOrder(t *testing.T) {
	t.Parallel()
	names := []string{"ID", "To", "Index", "At", "ID2", "I", "x", "y"}
	rapid.Check(t, func(t *rapid.T) {
		var body strings.Builder
		for range rapid.IntRange(1, 8).Draw(t, "rows") {
			members := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID).Draw(t, "members")
			space := rapid.SampledFrom([]string{"", " ", "\r\n "}).Draw(t, "space")
			for i, name := range members {
				value := rapid.SampledFrom([]string{`"a"`, `"\u003c"`, "null", "17", "[{}]"}).Draw(t, "value")
				members[i] = `"` + name + `"` + space + ":" + space + value
			}
			body.WriteString("{" + space + strings.Join(members, space+","+space) + space + "}")
		}
		require.Equal(t, body.Len(), compare(t, []byte(body.String())))
	})
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
	for _, text := range append(soundRows, otherRows...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		compare(t, body)
		// After another row, whose members are known by then.
		compare(t, append([]byte(soundRows[0]), body...))
	})
}

// compare has rows read by scan and by everything else that reads JSON here, and returns how far scan came.
func compare(t require.TestingT, body []byte) (pos int) {
	fast, thorough := NewWalker(body, testDialect), NewWalker(body, testDialect)
	for {
		end := fast.scan(pos)
		if end == 0 {
			return pos
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
