// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var pageDialect = func() Dialect {
	d := testDialect
	d.Rows, d.Link = []string{"value"}, []string{"next"}
	return d
}()

// walkPage returns how many rows a page has before it ends, or before the error.
func walkPage(p *Page) (rows int, err error) {
	for _, err := range p.Rows {
		if err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

// members are n members of an object.
func members(n int, member string) string {
	return strings.TrimSuffix(strings.Repeat(member+",", n), ",")
}

// What is just within a limit is read, and what is just beyond is damage.
func TestLimitsOfAPage(t *testing.T) {
	t.Parallel()
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for name, c := range map[string]struct {
		within, beyond string
		rows           int
		says           string
	}{
		"members of a row":           {`[{` + members(maxMembers, `"x":1`) + `}]`, `[{` + members(maxMembers+1, `"x":1`) + `}]`, 1, "more than 1000 members"},
		"members of a row, spaced":   {`[{ ` + members(maxMembers, `"x":1`) + `}]`, `[{ ` + members(maxMembers+1, `"x":1`) + `}]`, 1, "more than 1000 members"},
		"a row that is a text":       {`[` + text(MaxValue) + `]`, `[` + text(MaxValue+1) + `]`, 1, "more than 1 MiB"},
		"a row that is an object":    {`[{"x":` + text(MaxValue-6) + `}]`, `[{"x":` + text(MaxValue-5) + `}]`, 1, "more than 1 MiB"},
		"a row of space":             {`[{` + strings.Repeat(" ", MaxValue-2) + `}]`, `[{` + strings.Repeat(" ", MaxValue-1) + `}]`, 1, "more than 1 MiB"},
		"a row of escapes":           {`[{"x":"` + strings.Repeat(`\n`, MaxValue/2-4) + `"}]`, `[{"x":"` + strings.Repeat(`\n`, MaxValue/2) + `"}]`, 1, "more than 1 MiB"},
		"rows":                       {`[` + members(maxRows, `1`) + `]`, `[` + members(maxRows+1, `1`) + `]`, maxRows, "more than 250,000 rows"},
		"depth":                      {`[` + deep(9999) + `]`, `[` + deep(10_001) + `]`, 1, "depth"},
		"a value that is no row":     {`[],"x":` + text(MaxValue), `[],"x":` + text(MaxValue+1), 0, "more than 1 MiB"},
		"an object that is no row":   {`[],"x":{"y":` + text(MaxValue-6) + `}`, `[],"x":{"y":` + text(MaxValue-5) + `}`, 0, "more than 1 MiB"},
		"a name":                     {`[],` + text(MaxValue) + `:1`, `[],` + text(MaxValue+1) + `:1`, 0, "more than 1 MiB"},
		"a link":                     {`[],"next":` + text(MaxValue), `[],"next":` + text(MaxValue+1), 0, "more than 1 MiB"},
		"nothing where rows must be": {`[]`, `{"x":` + text(MaxValue) + `}`, 0, "more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := walkPage(NewPage([]byte(`{"value":`+c.within+`}`), pageDialect, 0))
			require.NoError(t, err)
			assert.Equal(t, c.rows, rows)
			rows, err = walkPage(NewPage([]byte(`{"value":`+c.beyond+`}`), pageDialect, 0))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "damaged JSON after byte")
			assert.LessOrEqual(t, rows, c.rows)
		})
	}
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// Rows with ever new members must not be remembered by them.
func TestTheMembersOfRowsAreRememberedUpToALimit(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	body.WriteString(`[`)
	for range 100 {
		body.WriteString(`{` + members(maxMembers, `"x":1`) + `},`)
	}
	body.WriteString(`1]`)
	w := NewWalker(body.Bytes(), pageDialect)
	_, err := w.Rows(func(*trace.Row, error) bool { return true })
	require.NoError(t, err)
	assert.LessOrEqual(t, len(w.columns), maxMembers)
}

// A row can be as large after a row that had been escaped to the limit.
func TestUnescapedTextsAreForgottenWithTheirRow(t *testing.T) {
	t.Parallel()
	row := `{"ID":"` + strings.Repeat(`\n`, MaxValue/2-100) + `"}`
	w := NewWalker([]byte(`[`+members(20, row)+`]`), pageDialect)
	_, err := w.Rows(func(*trace.Row, error) bool { return true })
	require.NoError(t, err)
	assert.LessOrEqual(t, cap(w.unquoted), MaxValue)
}
