// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// TestOneReplicaReadsATenant starts the receivers of many tenants in each of five replicas.
func TestOneReplicaReadsATenant(t *testing.T) {
	t.Parallel()
	busy := map[int]int{}
	for tenant := range 40 {
		running := 0
		for replica := range 5 {
			r, logs := observedReceiver(t, fmt.Sprintf("tenant_id: tenant%d.example\nendpoint: http://127.0.0.1:1/messageTraces\n"+
				"shard: {index: %d, count: 5}\nenvironment: here\ncurrent_environment: here\npoll_spread: 5m\n"+
				"authentication: {oauth: {client_id: a, client_secret: b}}", tenant, replica))
			require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
			idle := logs.FilterMessageSnippet("another replica").Len()
			assert.Equal(t, idle == 0, r.cancel != nil)
			if idle == 0 {
				running++
				busy[replica]++
			}
			require.NoError(t, r.Shutdown(t.Context()))
		}
		assert.Equal(t, 1, running)
	}
	assert.Len(t, busy, 5)
}
