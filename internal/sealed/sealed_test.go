// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package sealed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsSealedIsReadAsItWas(t *testing.T) {
	t.Parallel()
	var got map[string]int
	require.NoError(t, Open(Seal(map[string]int{"a": 1}), &got))
	assert.Equal(t, map[string]int{"a": 1}, got)
}

func TestEveryDamagedByteIsNoticed(t *testing.T) {
	t.Parallel()
	stored := Seal(map[string]string{"name": "value"})
	for i := range stored {
		damaged := append([]byte(nil), stored...)
		damaged[i] ^= 0x20
		require.ErrorIs(t, Open(damaged, new(any)), errChecksum, "byte %d", i)
	}
	for n := range stored {
		require.ErrorIs(t, Open(stored[:n], new(any)), errChecksum, "cut to %d", n)
	}
}

func TestRecordOfAnotherShapeIsAnError(t *testing.T) {
	t.Parallel()
	require.Error(t, Open(Seal("text"), new(int)))
}
