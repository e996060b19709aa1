// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func tenants(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("tenant%d.example", i))
	}
	return all
}

// TestOwnersNeverChange holds what replicas of different versions have to agree on.
func TestOwnersNeverChange(t *testing.T) {
	t.Parallel()
	for tenant, want := range map[string][]int{
		"contoso.com":                          {0, 0, 2, 2, 2, 2, 6, 6, 6, 9, 9, 9},
		"fabrikam.com":                         {0, 0, 2, 3, 3, 3, 3, 3, 8, 8, 8, 11},
		"11111111-1111-1111-1111-111111111111": {0, 0, 2, 2, 2, 2, 6, 6, 6, 9, 9, 9},
	} {
		var owners []int
		for count := 1; count <= len(want); count++ {
			owners = append(owners, Owner(tenant, count))
		}
		assert.Equal(t, want, owners, tenant)
	}
}

func TestOneMoreReplicaTakesItsShareAndNothingElseMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tenant := rapid.String().Draw(t, "tenant")
		count := rapid.IntRange(1, 50).Draw(t, "count")
		before, after := Owner(tenant, count), Owner(tenant, count+1)
		assert.True(t, before < count && (after == before || after == count))
		assert.Equal(t, after, Owner(strings.ToLower(tenant), count+1))
	})
}

func TestSharesAreEven(t *testing.T) {
	t.Parallel()
	const n = 10_000
	for count := 1; count <= 20; count++ {
		shares, moved := make([]int, count), 0
		for _, tenant := range tenants(n) {
			shares[Owner(tenant, count)]++
			if Owner(tenant, count+1) != Owner(tenant, count) {
				moved++
			}
		}
		for _, share := range shares {
			assert.InEpsilon(t, n/count, share, 0.2, "of %d", count)
		}
		assert.InEpsilon(t, n/(count+1), moved, 0.1, "to replica %d", count)
	}
}
