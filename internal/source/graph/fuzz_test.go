// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// FuzzPage compares the walk with encoding/json, which builds the page in memory.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		`{"value":[` + wholeRow + `],"@odata.nextLink":"https://x/?a=b"}`, `{"@odata.nextLink":null,"value":null}`, `{"value":{}}`, `{}`, `[]`,
		`{"value":[1,"a",null,[{}],{},{"id":"1","recipientAddress":"r\ud83d"}]}`, `{"\u0076alue":[{"\u0069d":{"a":[1]},"size":"5"}]}`,
		`{"value":[{"id":"1","id":null,"size":1e3}]} `, `{"value":[]}{"value":[]}`, "\uFEFF{\"value\":[{\"id\":\"\xff\"}]}", `{"value":[{"id":`,
		`{"value":[],"value":[]}`, `{"":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		rows, next, err := walk(t, string(body))
		require.Equal(t, before, string(body), "a page is read, not changed")
		for _, row := range rows {
			again := keep(open(t, []byte(`{"value":[]}`)).Row([]byte(row.Raw)))
			require.Equal(t, row, again)
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			return
		}
		if errors.Is(err, source.ErrShape) && strings.Contains(err.Error(), "twice") {
			return
		}
		var page map[string]json.RawMessage
		var values []json.RawMessage
		value, found := json.RawMessage(nil), false
		if json.Unmarshal(body, &page) == nil {
			value, found = page["value"]
		}
		if !found || json.Unmarshal(value, &values) != nil {
			require.ErrorIs(t, err, source.ErrShape)
			return
		}
		require.NoError(t, err)
		require.Equal(t, textOf(page["@odata.nextLink"]), next)
		require.Len(t, rows, len(values))
		for i, value := range values {
			compare(t, value, rows[i])
		}
	})
}

func compare(t *testing.T, value json.RawMessage, row kept) {
	t.Helper()
	assert.Equal(t, string(value), row.Raw)
	assert.Equal(t, value[0] != '{', row.Malformed)
	if row.Malformed {
		assert.Equal(t, string(value), row.Fingerprint)
		return
	}
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(value, &members))
	for name, got := range map[string]string{
		"id": row.ID, "messageId": row.MessageID, "senderAddress": row.Sender, "recipientAddress": row.Recipient,
		"subject": row.Subject, "fromIP": row.FromIP, "toIP": row.ToIP, "status": row.Status,
	} {
		assert.Equal(t, textOf(members[name]), got, name)
	}
	var size int64
	_, err := fmt.Sscanf(textOf(members["size"]), "%d", &size)
	if row.Size.Valid {
		require.NoError(t, err)
		assert.Equal(t, size, row.Size.Value)
	}
	received, _ := trace.ParseTime([]byte(textOf(members["receivedDateTime"])))
	assert.Equal(t, received, row.Received)
	assert.Equal(t, row.ID == "" || row.Recipient == "", row.Fingerprint != "", "a row has a fingerprint where it needs one")
}

// textOf is the content of a JSON string, nothing for null or an absent value, and the JSON text of anything else.
func textOf(value json.RawMessage) string {
	if len(value) == 0 || value[0] == 'n' {
		return ""
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
