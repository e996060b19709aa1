// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOldRequestsAreForgotten(t *testing.T) {
	var log requestLog
	for i := range 2*MaxRequests + 1 {
		log.add(Request{Rows: i})
	}
	list := log.all()
	assert.Len(t, list, MaxRequests+1)
	assert.Equal(t, MaxRequests, list[0].Rows)
	assert.Equal(t, 2*MaxRequests, list[MaxRequests].Rows)
}
