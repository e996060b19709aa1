// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// FuzzPage sees that whatever the service answers gives rows of JSON, damage, or a link that can be followed.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		`{"value":[{"MessageTraceId":"1","RecipientAddress":"a","Index":0},{"Index":1}],"odata.nextLink":"../x?$skiptoken=1"}`,
		`{"d":{"results":[{"Received":"\/Date(1658751973240)\/","Index":"7"}],"__next":null}}`, `{"d":[1,{}]}`, `{"d":{"d":{"value":null}}}`,
		feed + entry(`<d:Index m:type="Edm.Int32">0</d:Index>`) + entry(`<d:Index m:type="Edm.Int32">1</d:Index>`) + `<link rel="next" href="?"/></feed>`,
		"\uFEFF<feed", " <html>", "\uFEFF{\"value\":[{\"Index\":-1},{\"Index\":9223372036854775807}]}", `{"value":[{"a":"\ud83d` + "\xff" + `"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, f := newClient(t, 2, string(body), `{"value":[]}`)
		page, err := c.First(t.Context(), trace.Live, window(), 0)
		require.NoError(t, err)
		rows := 0
		for row, err := range page.Rows {
			if err != nil {
				var refused *transport.Error
				require.True(t, errors.As(err, &refused) && refused.Damaged)
				return
			}
			rows++
			require.True(t, utf8.Valid(row.Raw))
			require.True(t, json.Valid(row.Raw), "%s", row.Raw)
			require.Equal(t, row.Malformed, row.Raw[0] != '{')
			require.Equal(t, row.Identified(), len(row.Fingerprint) == 0)
		}
		link := page.Next()
		require.False(t, page.Full() && (link != "" || rows < 2))
		if link == "" {
			return
		}
		if _, err = c.Next(t.Context(), trace.Live, link); len(f.asked) == 2 {
			require.NoError(t, err)
			require.NotContains(t, f.asked[1].String(), " ")
		}
	})
}
