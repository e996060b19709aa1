// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testDialect names properties as no service does. What a row says about the query, after "echo", is not part of its
// fingerprint.
var testDialect = Dialect{
	Properties: func(r *trace.Row, name []byte) (text *[]byte, number *trace.Number) {
		switch string(name) {
		case "ID":
			return &r.ID, nil
		case "To":
			return &r.Recipient, nil
		case "Index":
			return nil, &r.Index
		}
		return nil, nil
	},
	Received: "At",
	Fingerprint: func(raw []byte) []byte {
		before, _, _ := bytes.Cut(raw, []byte(`,"echo"`))
		return before
	},
}

func TestADialectSaysWhereEachPropertyBelongs(t *testing.T) {
	t.Parallel()
	row, err := NewWalker([]byte(`{"ID":"1","id":"2","To":"r","Index":7,"At":"/Date(0)/","receivedDateTime":"2026-01-21T14:12:34Z"}`), testDialect).Row()
	require.NoError(t, err)
	assert.Equal(t, "1", string(row.ID))
	assert.Equal(t, "r", string(row.Recipient))
	assert.Equal(t, trace.Number{Value: 7, Valid: true}, row.Index)
	assert.Equal(t, time.Unix(0, 0).UTC(), row.Received)
	assert.Empty(t, row.Fingerprint, "ID and recipient identify the row")
}

func TestTheFingerprintIsTheDialects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"ID":"1","echo":"10:00"}`: `{"ID":"1"`,
		`{"To":"r","echo":"11:00"}`: `{"To":"r"`,
		`{"ID":"","To":"r"}`:        `{"ID":"","To":"r"}`,
		`5`:                         `5`,
		`["a","echo"]`:              `["a","echo"]`,
	} {
		row, err := NewWalker([]byte(text), testDialect).Row()
		require.NoError(t, err)
		assert.Equal(t, want, string(row.Fingerprint), text)
	}
}

func TestMembersOfAnObject(t *testing.T) {
	t.Parallel()
	w := NewWalker([]byte(`{"a":"caf\u00e9","\u0062":{"a":1},"c":[{"ID":"1"},2],"d":null}`), testDialect)
	require.NoError(t, w.Object())
	var names []string
	for {
		name, ok, err := w.Member()
		require.NoError(t, err)
		if !ok {
			break
		}
		names = append(names, string(name))
		switch string(name) {
		case "a":
			text, err := w.Text()
			require.NoError(t, err)
			assert.Equal(t, "café", text)
		case "c":
			rows := 0
			more, err := w.Rows(func(_ *trace.Row, err error) bool { rows++; return assert.NoError(t, err) })
			require.NoError(t, err)
			assert.True(t, more)
			assert.Equal(t, 2, rows)
		case "d":
			text, err := w.Text()
			require.NoError(t, err)
			assert.Empty(t, text)
		default:
			_, err := w.Value()
			require.NoError(t, err)
		}
	}
	assert.Equal(t, []string{"a", "b", "c", "d"}, names)
}

func TestRowsStopWhenAsked(t *testing.T) {
	t.Parallel()
	rows := 0
	more, err := NewWalker([]byte(`[1,2,damaged`), testDialect).Rows(func(*trace.Row, error) bool { rows++; return rows < 2 })
	require.NoError(t, err)
	assert.False(t, more)
	assert.Equal(t, 2, rows)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	none := func(*trace.Row, error) bool { return true }
	for name, c := range map[string]struct {
		text string
		read func(w *Walker) error
		want error
	}{
		"no object":                {`[]`, (*Walker).Object, ErrShape},
		"nothing for an object":    {` `, (*Walker).Object, io.ErrUnexpectedEOF},
		"no array of rows":         {`{}`, func(w *Walker) error { _, err := w.Rows(none); return err }, ErrShape},
		"nothing for rows":         {``, func(w *Walker) error { _, err := w.Rows(none); return err }, io.EOF},
		"half a null":              {`nu`, func(w *Walker) error { _, err := w.Rows(none); return err }, io.ErrUnexpectedEOF},
		"an array without end":     {`[1`, func(w *Walker) error { _, err := w.Rows(none); return err }, io.ErrUnexpectedEOF},
		"nothing for a row":        {``, func(w *Walker) error { _, err := w.Row(); return err }, io.EOF},
		"half a row":               {`{"ID":"1"`, func(w *Walker) error { _, err := w.Row(); return err }, io.ErrUnexpectedEOF},
		"half a property":          {`{"ID":`, func(w *Walker) error { _, err := w.Row(); return err }, io.ErrUnexpectedEOF},
		"half a time":              {`{"At":"2`, func(w *Walker) error { _, err := w.Row(); return err }, io.ErrUnexpectedEOF},
		"half an unknown property": {`{"x":[`, func(w *Walker) error { _, err := w.Row(); return err }, io.ErrUnexpectedEOF},
		"half a text":              {`"a`, func(w *Walker) error { _, err := w.Text(); return err }, io.ErrUnexpectedEOF},
		"half a value":             {`[1,`, func(w *Walker) error { _, err := w.Value(); return err }, io.ErrUnexpectedEOF},
		"an object without a name": {`{`, func(w *Walker) error { return errors.Join(w.Object(), second(w.Member())) }, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, c.read(NewWalker([]byte(c.text), testDialect)), c.want)
		})
	}
}

func second(_ []byte, _ bool, err error) error { return err }

func TestDamageNamesNoProperty(t *testing.T) {
	t.Parallel()
	_, err := NewWalker([]byte(`{"ann.lee@contoso.com":{"b":}}`), testDialect).Row()
	require.EqualError(t, err, "damaged JSON after byte 28: invalid character '}' at start of value")
}

func TestABodyIsNotChanged(t *testing.T) {
	t.Parallel()
	text := "\uFEFF[{\"ID\":\"\xff\\u00e9\",\"To\":\"\\n\"},5]"
	body := []byte(text)
	_, err := NewWalker(body, testDialect).Rows(func(_ *trace.Row, err error) bool { return assert.NoError(t, err) })
	require.NoError(t, err)
	assert.Equal(t, text, string(body))
}
