// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the state of this format to testdata/state, unless there is one")

// What builds have stored is in testdata/state, a file for each format, and never changes. A burst that was one message short of
// a finding is found with that message by every later build.
func TestTheStateOfThisFormatIsKept(t *testing.T) {
	t.Parallel()
	fixture := fmt.Sprintf("../../testdata/state/findings-%d.json", format)
	all := bulk("a@away.example", noon, 6)
	if _, err := os.Stat(fixture); os.IsNotExist(err) && *update {
		e, stored := New(small(), secret), disk{}
		require.Empty(t, feedOnly(e, all[:5]))
		e.Save(func(key string, value []byte) {
			if len(value) > 5 {
				stored[key] = value
			}
		})
		text, err := json.MarshalIndent(stored, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(fixture, append(text, '\n'), 0o600))
	}
	var stored disk
	text, err := os.ReadFile(fixture)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &stored))
	e := New(small(), secret)
	require.NoError(t, e.Load(func(key string) ([]byte, error) { return stored[key], nil }))
	found := append(feedOnly(e, all[5:]), e.Settle(later)...)
	require.Len(t, found, 1)
	assert.Equal(t, "bulk_mail", found[0].Rule)
	assert.Equal(t, int64(6), found[0].Count)
}

// A part of a later format is left out and reported; it ends nothing.
func TestALaterFormatIsLeftOut(t *testing.T) {
	t.Parallel()
	stored := disk{}
	e := New(small(), secret)
	feedOnly(e, bulk("a@away.example", noon, 5))
	stored.reload(t, e, small())
	for key, part := range stored {
		stored[key] = sealed(append([]byte{format + 1}, part[5:]...))
	}
	e = New(small(), secret)
	require.ErrorIs(t, e.Load(func(key string) ([]byte, error) { return stored[key], nil }), errDamaged)
	assert.Len(t, append(feedOnly(e, bulk("a@away.example", noon, 6)), e.Settle(later)...), 1)
}
