// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// sampled returns a logger that samples as the collector's does by default.
func sampled() (*zap.Logger, *zapobserver.ObservedLogs) {
	core, logs := zapobserver.New(zapcore.InfoLevel)
	return zap.New(zapcore.NewSamplerWithOptions(core, 10*time.Second, 10, 100)), logs
}

func TestTheErrorOfEachReceiverOutlivesSampling(t *testing.T) {
	t.Parallel()
	const receivers = 60
	logger, logs := sampled()
	for i := range receivers {
		tenant := fmt.Sprintf("%08d-1111-1111-1111-111111111111", i)
		own := Unsampled(logger.With(zap.String("otelcol.component.id", fmt.Sprint("o365messagetrace/", i))), tenant)
		status := newStatus(func(*componentstatus.Event) {}, own)
		status.failed(trouble.SignIn, follows[trouble.SignIn], refusedFor("1"))
		own.With(zap.Int("n", i)).Warn("the service throttles this tenant")
	}
	heard := map[string]map[string]bool{"error": {}, "warn": {}}
	for _, line := range logs.TakeAll() {
		_, tenant, _ := strings.Cut(line.Message, " [")
		heard[line.Level.String()][tenant] = true
	}
	assert.Len(t, heard["error"], receivers)
	assert.Len(t, heard["warn"], receivers)
}

func TestWhatIsNoTroubleIsSampledAsEver(t *testing.T) {
	t.Parallel()
	logger, logs := sampled()
	for i := range 60 {
		Unsampled(logger, strconv.Itoa(i)).Info("signed in")
	}
	assert.Equal(t, 10, logs.FilterMessage("signed in").Len())
}
