// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	logobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/plan"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// outages are what a service does that answers nothing of use, whatever it is asked.
var outages = map[string]fault.Rule{
	"500":    {Kind: fault.ServerError, Status: http.StatusInternalServerError},
	"502":    {Kind: fault.ServerError, Status: http.StatusBadGateway},
	"503":    {Kind: fault.ServerError, Status: http.StatusServiceUnavailable},
	"504":    {Kind: fault.ServerError, Status: http.StatusGatewayTimeout},
	"resets": {Kind: fault.Reset},
	"silent": {Kind: fault.Hang, Delay: 24 * time.Hour},
}

func TestAnOutageSetsNothingAside(t *testing.T) {
	for name, rule := range outages {
		for _, duration := range []time.Duration{time.Hour, 24 * time.Hour} {
			if (testing.Short() || raceEnabled) && duration > time.Hour {
				continue
			}
			t.Run(name+" for "+duration.String(), func(t *testing.T) {
				punctual(t, 5_000, time.Hour, func(t *testing.T, w *world) {
					core, logs := logobserver.New(zapcore.InfoLevel)
					w.logger = zap.New(core)
					began := time.Now()
					w.start(nil)
					time.Sleep(62 * time.Minute)
					logs.TakeAll()
					before := len(w.sim.Requests())
					rule.For = duration
					require.NoError(t, w.sim.Faults().Set(rule))
					outage := time.Now()
					for range int(duration / (10 * time.Minute)) {
						time.Sleep(10 * time.Minute)
						lag := time.Since(plan.LiveUpTo(w.state()))
						assert.InDelta(t, time.Since(outage)+5*time.Minute, lag, float64(5*time.Minute+time.Second))
					}
					asked := len(w.sim.Requests()) - before
					ticks := int(duration / (5 * time.Minute))
					assert.LessOrEqual(t, asked, 2*ticks+20, "about one probe a tick and lane")
					assert.GreaterOrEqual(t, asked, ticks/2)

					time.Sleep(10*time.Minute + 35*time.Second)
					assert.LessOrEqual(t, time.Since(plan.LiveUpTo(w.state())), 5*time.Minute+time.Second, "within two ticks")
					assert.LessOrEqual(t, w.state().Unread.Duration(), time.Second)
					status, _, _ := w.current.report.Health()
					assert.Equal(t, "ok", status)
					said := map[string]int{}
					for _, line := range logs.TakeAll() {
						said[line.Level.String()+" "+strings.TrimSuffix(line.Message, " ["+simulator.DefaultTenantID+"]")]++
					}
					assert.Equal(t, 1, said["info recovered"], "%v", said)
					assert.InDelta(t, duration/(10*time.Minute), said["error "+serviceFails], 3, "once, and a reminder every ten minutes: %v", said)
					w.stop()
					w.check(began, time.Now().Add(-5*time.Minute))
				})
			})
		}
	}
}

const serviceFails = "the service cannot be read from; it is tried again at each tick, and what is missed is read then"
