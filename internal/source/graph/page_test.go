// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

func TestThePublishedPage(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../../testdata/graph-docs-page.json")
	require.NoError(t, err)
	rows, next, err := walk(t, string(body))
	require.NoError(t, err)
	assert.Empty(t, next)
	require.Len(t, rows, 2)
	for _, row := range rows {
		assert.True(t, strings.HasPrefix(row.Raw, `{"id":`), row.Raw)
		assert.True(t, strings.HasSuffix(row.Raw, `"status":"delivered"}`), row.Raw)
		assert.Contains(t, string(body), row.Raw)
	}
	rows[0].Raw, rows[1].Raw = "", ""
	assert.Equal(t, []kept{
		{
			ID: "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f", Sender: "sender@contoso.com", Recipient: "recipient@contoso.com",
			MessageID: "<1f2e3d4c-5b6a-7980-9a0b-1c2d3e4f5a6b@contoso.com>", Subject: "Monthly report", Size: number(51234),
			Received: time.Date(2026, time.January, 21, 14, 12, 34, 0, time.UTC), FromIP: "203.0.113.25", Status: "delivered",
		},
		{
			ID: "a3f6d2c1-5c3b-4f7a-9d1e-2c8f1b0a6e45", Sender: "sender@contoso.com", Recipient: "recipient@contoso.com",
			MessageID: "<0d7f3a2b-6c1e-4f9a-9b9a-3c0a2b1c4d5e@contoso.com>", Subject: "Daily report", Size: number(45678),
			Received: time.Date(2026, time.January, 18, 10, 30, 0, 0, time.UTC), FromIP: "203.0.113.10", Status: "delivered",
		},
	}, rows)
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		ids  []string
		next string
	}{
		"the last page":               {`{"value":[{"id":"1"},{"id":"2"}]}`, []string{"1", "2"}, ""},
		"link before the rows":        {`{"@odata.nextLink":"https://x/?a=b","value":[{"id":"1"}]}`, []string{"1"}, "https://x/?a=b"},
		"link after the rows":         {`{"value":[{"id":"1"}],"@odata.nextLink":"https://x/?a=b"}`, []string{"1"}, "https://x/?a=b"},
		"no rows":                     {`{"value":[]}`, nil, ""},
		"no rows, but a link":         {`{"value":[],"@odata.nextLink":"l"}`, nil, "l"},
		"null for rows":               {`{"value":null}`, nil, ""},
		"null for rows, but a link":   {`{"value":null,"@odata.nextLink":"l"}`, nil, "l"},
		"a link, then null for rows":  {`{"@odata.nextLink":"l","value":null}`, nil, "l"},
		"null for a link":             {`{"value":[{"id":"1"}],"@odata.nextLink":null}`, []string{"1"}, ""},
		"an escaped link":             {`{"value":[],"@odata.nextLink":"https:\/\/x\/?\u0024top=1\u0026a=\"b\""}`, nil, `https://x/?$top=1&a="b"`},
		"the last of two links":       {`{"@odata.nextLink":"l","value":[],"@odata.nextLink":"m"}`, nil, "m"},
		"unknown members":             {`{"@odata.context":"c","a":{"value":[{"id":"9"}]},"b":[1,{}],"value":[{"id":"1"}],"c":null}`, []string{"1"}, ""},
		"names that are similar":      {`{"Value":[{"id":"9"}],"@odata.nextlink":"l","value":[{"id":"1"}]}`, []string{"1"}, ""},
		"escaped names":               {`{"\u0076alue":[{"\u0069d":"1"}],"\u0040odata.nextLink":"l"}`, []string{"1"}, "l"},
		"space everywhere":            {" \r\n\t{ \"value\" : [ { \"id\" : \"1\" } , {\n\"id\":\"2\" } ] , \"@odata.nextLink\" : \"l\" } \n", []string{"1", "2"}, "l"},
		"a byte order mark":           {"\uFEFF{\"value\":[{\"id\":\"1\"}]}", []string{"1"}, ""},
		"invalid UTF-8 in a link":     {"{\"value\":[],\"@odata.nextLink\":\"a\xffb\"}", nil, "a\xffb"},
		"a byte order mark in a text": {"{\"value\":[{\"id\":\"\uFEFF1\"}]}", []string{"\uFEFF1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, next, err := walk(t, c.body)
			require.NoError(t, err)
			var ids []string
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
			assert.Equal(t, c.ids, ids)
			assert.Equal(t, c.next, next)
		})
	}
}

func TestWhatIsNoPage(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000)
	for name, c := range map[string]struct {
		body  string
		shape bool // it is JSON, but of another shape
		says  string
		rows  int
	}{
		"nothing":                        {"", false, "EOF", 0},
		"space":                          {" \n", false, "EOF", 0},
		"a byte order mark alone":        {"\uFEFF", false, "EOF", 0},
		"no value":                       {`{}`, true, "it has no value", 0},
		"no value, but a link":           {`{"@odata.nextLink":"l"}`, true, "it has no value", 0},
		"an error with status 200":       {`{"error":{"code":"x"}}`, true, "it has no value", 0},
		"an array":                       {`[{"id":"1"}]`, true, "expected an object", 0},
		"a string":                       {`"value"`, true, "expected an object", 0},
		"null":                           {`null`, true, "expected an object", 0},
		"a number":                       {`5`, true, "expected an object", 0},
		"rows in an object":              {`{"value":{"id":"1"}}`, true, "expected an array of rows", 0},
		"rows as a text":                 {`{"value":"[]"}`, true, "expected an array of rows", 0},
		"rows as a number":               {`{"value":0}`, true, "expected an array of rows", 0},
		"rows as a boolean":              {`{"value":false}`, true, "expected an array of rows", 0},
		"HTML":                           {`<html></html>`, false, "after byte 0", 0},
		"a comma too many":               {`{"value":[{"id":"1"},]}`, false, "after byte 20", 1},
		"a comma missing":                {`{"value":[{"id":"1"}{"id":"2"}]}`, false, "after byte 20", 1},
		"a comment":                      {`{"value":[{"id":"1"}/**/]}`, false, "after byte 20", 1},
		"single quotes":                  {`{'value':[]}`, false, "after byte 1", 0},
		"a name without quotes":          {`{value:[]}`, false, "after byte 1", 0},
		"NaN":                            {`{"value":[{"size":NaN}]}`, false, "after byte", 0},
		"a line break in a text":         {"{\"value\":[{\"id\":\"1\n\"}]}", false, "after byte", 0},
		"an escape that is none":         {`{"value":[{"id":"\x31"}]}`, false, "after byte", 0},
		"half an escape":                 {`{"value":[{"id":"\u00"}]}`, false, "after byte", 0},
		"a bracket of the wrong kind":    {`{"value":[{"id":"1"}}}`, false, "after byte", 1},
		"a damaged member after a row":   {`{"value":[{"id":"1"}],"a":x}`, false, "after byte", 1},
		"depth without end":              {`{"value":[` + deep, false, "after byte", 0},
		"depth without end outside rows": {`{"a":` + deep, false, "after byte", 0},
		"depth without end in a row":     {`{"value":[{"id":"1"},{"a":` + deep, false, "after byte", 1},
		"a damaged row that looks whole": {`{"value":[{"id":"1"},{"id":"2","size":}]}`, false, "after byte", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, _, err := walk(t, c.body)
			var e *transport.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, trouble.Window, e.Scope(), "another page may be whole")
			assert.Equal(t, 200, e.Status)
			assert.Equal(t, c.shape, errors.Is(err, source.ErrShape), "%v", err)
			require.ErrorContains(t, err, "graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces: status 200")
			require.ErrorContains(t, err, c.says)
			assert.Len(t, rows, c.rows, "whole rows before the damage are still worth something")
		})
	}
}

func TestATruncatedPageIsAnErrorWhereverItEnds(t *testing.T) {
	t.Parallel()
	first, second := `{"id":"1","subject":"\u00e9\\","size":12,"a":{"b":[null,true]}}`, ` {"id":"2"}`
	bodies := []string{
		`{"@odata.context":"c","value":[` + first + `,` + second + `],"@odata.nextLink":"https://x/?a=b"}`,
		`{"@odata.nextLink":"https://x/?a=b","value":[` + first + `,` + second + `]}`,
	}
	for _, body := range bodies {
		firstEnds := strings.Index(body, first) + len(first)
		secondEnds := strings.Index(body, second) + len(second)
		whole, _, err := walk(t, body)
		require.NoError(t, err)
		require.Len(t, whole, 2)
		for n := range len(body) {
			rows, _, err := walk(t, body[:n])
			require.Error(t, err, body[:n])
			var e *transport.Error
			require.ErrorAs(t, err, &e)
			complete := 0
			if n >= firstEnds {
				complete++
			}
			if n >= secondEnds {
				complete++
			}
			require.Len(t, rows, complete, body[:n])
			require.Equal(t, whole[:complete], append([]kept{}, rows...), body[:n])
			if n > 0 {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, body[:n])
			}
		}
	}
}

func TestAWalkMayStopEarly(t *testing.T) {
	t.Parallel()
	calls := 0
	open(t, []byte(`{"value":[{"id":"1"},{"id":"2"},damaged`)).Rows(func(row *trace.Row, err error) bool {
		calls++
		require.NoError(t, err)
		assert.Equal(t, "1", string(row.ID))
		return false
	})
	assert.Equal(t, 1, calls)
}

func TestAPageSaysWhereItComesFrom(t *testing.T) {
	t.Parallel()
	arrived, served := time.Now(), time.Now().Add(-time.Second)
	body := []byte(`{"value":[]}`)
	page, err := newTestClient(t, &fakeGetter{response: &transport.Response{Body: body, Arrived: arrived, Date: served}}).
		First(t.Context(), trace.Live, trace.Window{}, 0)
	require.NoError(t, err)
	assert.Equal(t, arrived, page.Arrived)
	assert.Equal(t, served, page.Served)
	assert.Equal(t, len(body), page.Size)
}

func TestAPageThatIsNoJSONAdvisesToLookAtTheEndpoint(t *testing.T) {
	t.Parallel()
	for contentType, advised := range map[string]bool{
		"text/html; charset=utf-8": true, "": true,
		"application/json": false,
		"application/json;odata.metadata=minimal;charset=utf-8": false,
	} {
		response := &transport.Response{Body: []byte("<html>Sign in</html>"), ContentType: contentType}
		page, err := newTestClient(t, &fakeGetter{response: response}).First(t.Context(), trace.Live, trace.Window{}, 0)
		require.NoError(t, err)
		for _, err := range page.Rows {
			var e *transport.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, advised, strings.Contains(e.Hint(), "endpoint and proxy_url"), contentType)
			if advised {
				assert.ErrorContains(t, err, contentType)
			}
		}
	}
}

func TestTheNamesOfPropertiesReachNoError(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"ann.lee@contoso.com":{"x":`, `{"value":[{"ann.lee@contoso.com":[`, `{"value":[{"id":"ann.lee@contoso.com","x":y`,
		`{"value":[{"ann.lee@contoso.com":{"x":"\q"}}]}`, `{"ann.lee@contoso.com":1}`, `{"value":{"ann.lee@contoso.com":1}}`,
	} {
		_, _, err := walk(t, body)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "ann", body)
	}
}
