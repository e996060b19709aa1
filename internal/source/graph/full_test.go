// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

func TestThePageSizeIsChosenPerRequestUpToTheClients(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]string{0: "1234", 1: "1", 617: "617", 1234: "1234", 5000: "1234"} {
		g := &fakeGetter{response: &transport.Response{}}
		client := newTestClient(t, g)
		client.query.PageSize = 1234
		_, err := client.First(t.Context(), trace.Live, trace.Window{}, asked)
		require.NoError(t, err)
		u, err := url.Parse(g.url)
		require.NoError(t, err)
		assert.Equal(t, want, u.Query().Get("$top"), "asked for %d", asked)
	}
}

// A page as long as asked for need not be the last one, even if it has no link.
func TestAFullPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows string
		full bool
	}{
		"no rows":              {`"value":[]`, false},
		"a short page":         {`"value":[{}]`, false},
		"as long as asked for": {`"value":[{},{}]`, true},
		"longer":               {`"value":[{},{},{}]`, true},
		"whatever the rows":    {`"value":[1,null]`, true},
		"link behind the rows": {`"value":[{},{}],"@odata.nextLink":"?a"`, false},
		"link before the rows": {`"@odata.nextLink":"?a","value":[{},{}]`, false},
		"a link that is null":  {`"value":[{},{}],"@odata.nextLink":null`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &fakeGetter{response: &transport.Response{Body: []byte(`{` + c.rows + `}`)}}
			client := newTestClient(t, g)
			first, err := client.First(t.Context(), trace.Live, trace.Window{}, 2)
			require.NoError(t, err)
			assertFull(t, c.full, first)
			linked, err := client.Next(t.Context(), trace.Live, "2 "+testEndpoint)
			require.NoError(t, err)
			assertFull(t, c.full, linked)
			if link := linked.Next(); link != "" {
				assert.Equal(t, "2 ?a", link, "the size goes from page to page")
			}
		})
	}
}

func assertFull(t *testing.T, want bool, page *source.Page) {
	t.Helper()
	for _, err := range page.Rows {
		require.NoError(t, err)
	}
	assert.Equal(t, want, page.Full())
}
