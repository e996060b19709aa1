// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// What services under load are known to answer with status 200: what is whole is a row, nothing is taken from inside of
// another, and the rest is damage, so that the page is asked for again.
func TestDamagedResponses(t *testing.T) {
	t.Parallel()
	const first, second = "3f6d0a52-0000-4000-8000-000000000001", "3f6d0a52-0000-4000-8000-000000000002"
	for file, c := range map[string]struct {
		ids     []string
		damaged bool
	}{
		"F21-200-truncated": {[]string{first}, true},
		"F22-200-no-comma":  {[]string{first}, true},
		"F23-200-bom":       {[]string{first, second}, false},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../../../testdata/service/" + file + ".http")
			require.NoError(t, err)
			response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			rows, next, err := walk(t, string(body))
			var refused *transport.Error
			assert.Equal(t, c.damaged, errors.As(err, &refused) && refused.Damaged, "%v", err)
			assert.Empty(t, next)
			var ids []string
			for _, row := range rows {
				ids = append(ids, row.ID)
				assert.False(t, row.Malformed)
				assert.Contains(t, string(body), row.Raw)
			}
			assert.Equal(t, c.ids, ids)
		})
	}
}
