// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestABatchIsFullOfRecordsOrOfBytes(t *testing.T) {
	for name, c := range map[string]struct {
		items, text int
		want        bool
	}{
		"nothing":               {0, 0, false},
		"one less than allowed": {maxBatch - 1, maxBatchText - 1, false},
		"records":               {maxBatch, 0, true},
		"bytes":                 {4, maxBatchText, true},
		"the last row is long":  {1, maxBatchText + 1<<20, true},
	} {
		b := batch{items: make([]item, c.items), text: c.text}
		assert.Equal(t, c.want, b.full(), name)
	}
}
