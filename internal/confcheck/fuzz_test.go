// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package confcheck

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What reads as a duration is one; where the text means one, what the error says to write is read.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{
		"", "5m", "90d", "1d12h", "-1.5d", ".5d", "5 minutes", "1 hour and 30 min.", "2 weeks", "1e9d", "99999999999999999999d", "5µs", "d", "1dd", "+5 m",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err == nil {
			again, err := ParseDuration(d.String())
			require.NoError(t, err)
			require.Equal(t, d, again)
			return
		}
		require.Zero(t, d)
		if write := suggested(text); write != "" && write != text {
			if _, err := ParseDuration(write); err != nil {
				require.ErrorContains(t, err, "is too long")
			}
		}
	})
}
