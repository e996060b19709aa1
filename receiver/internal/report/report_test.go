// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// TestTheFirstRequestsThatFailAreToldBeforeTheirRetriesAreThrough has no page read before, or one.
func TestTheFirstRequestsThatFailAreToldBeforeTheirRetriesAreThrough(t *testing.T) {
	t.Parallel()
	const line = "warn: no page has been read yet: requests fail, and are sent again"
	err := &transport.Error{Target: "graph/x", Status: 503, Advice: trouble.Advice{Hint: "wait"}}
	for name, c := range map[string]struct {
		answered []int
		want     []string
	}{
		"nothing":  {nil, []string{line}},
		"no page":  {[]int{503}, []string{line}},
		"one page": {[]int{503, 200}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logs := zapobserver.New(zapcore.InfoLevel)
			settings := receivertest.NewNopSettings(metadata.Type)
			settings.Logger = zap.New(core)
			r, failure := New(Options{Settings: settings})
			require.NoError(t, failure)
			defer r.Shutdown()
			for _, status := range c.answered {
				r.Answered(t.Context(), &http.Response{StatusCode: status})
			}
			r.Retrying(t.Context(), err, "status", 1, time.Second)
			assert.Empty(t, lines(logs), "one failure is no news")
			r.Retrying(t.Context(), &entra.Error{Err: context.DeadlineExceeded}, "sign_in", 1, time.Second)
			assert.Equal(t, c.want, lines(logs), "unless it took long")
			r.Retrying(t.Context(), err, "status", 2, time.Second)
			r.Retrying(t.Context(), err, "status", 3, time.Second)
			assert.Empty(t, lines(logs), "it is told once")
		})
	}
}
