// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// statusHost is a host that notes the status of its components.
type statusHost struct {
	extensions map[component.ID]component.Component

	mu     sync.Mutex
	events []*componentstatus.Event
	// told gets each event as well, if somebody listens.
	told chan *componentstatus.Event
}

var _ componentstatus.Reporter = (*statusHost)(nil)

func (h *statusHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	h.events = append(h.events, event)
	h.mu.Unlock()
	if h.told != nil {
		h.told <- event
	}
}

// take returns what has been reported since the last time, as status and text.
func (h *statusHost) take() (reports []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range h.events {
		text := event.Status().String()
		if event.Err() != nil {
			text += ": " + event.Err().Error()
		}
		reports = append(reports, text)
	}
	h.events = nil
	return reports
}

func newTestHealth() (*health, *statusHost, *zapobserver.ObservedLogs) {
	core, logs := zapobserver.New(zapcore.DebugLevel)
	host := &statusHost{}
	return newHealth(host, zap.New(core, zap.AddStacktrace(zapcore.ErrorLevel))), host, logs
}

// lines returns what has been logged since the last time.
func lines(logs *zapobserver.ObservedLogs) (lines []string) {
	for _, entry := range logs.TakeAll() {
		lines = append(lines, entry.Level.String()+": "+entry.Message)
	}
	return lines
}

func refusedFor(requestID string) error {
	return &transport.Error{Target: "graph/x", Status: 403, Code: "Forbidden", RequestID: requestID, Advice: "grant the permission"}
}

const refusedText = "request refused: graph/x: status 403: Forbidden"

func TestAFailureIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, host, logs := newTestHealth()
		h.failed(reading, "cannot read", refusedFor("1"), zap.String("lane", "live"))
		require.Equal(t, 1, logs.Len())
		line := logs.TakeAll()[0]
		assert.Equal(t, zapcore.ErrorLevel, line.Level)
		assert.Equal(t, "cannot read", line.Message)
		assert.Equal(t, map[string]any{"lane": "live", "error": refusedText + " (request id 1)", "hint": "grant the permission"}, line.ContextMap())
		assert.Empty(t, line.Stack, "a failure of the service is nobody's stack")
		assert.Equal(t, []string{"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission"}, host.take())

		// What differs each time does not make a new failure of it.
		for range 9 {
			pass(time.Minute)
			h.failed(reading, "cannot read", refusedFor("2"))
		}
		assert.Empty(t, lines(logs))
		assert.Empty(t, host.take())
	})
}

func TestAFailureThatGoesOnIsLoggedAgainAfterTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, host, logs := newTestHealth()
		h.failed(reading, "cannot read", refusedFor("0"))
		lines(logs)
		host.take()
		for round := range 3 {
			for i := 1; i <= 9; i++ {
				pass(time.Minute)
				h.failed(reading, "cannot read", refusedFor(strconv.Itoa(i)))
			}
			pass(time.Minute - time.Nanosecond)
			h.failed(reading, "cannot read", refusedFor("almost"))
			require.Zero(t, logs.Len(), "round %d", round)
			pass(time.Nanosecond)
			h.failed(reading, "cannot read", refusedFor("due"))
			require.Equal(t, 1, logs.Len(), "round %d", round)
			assert.Equal(t, map[string]any{
				"repeated": int64(10), "error": refusedText + " (request id due)", "hint": "grant the permission",
			}, logs.TakeAll()[0].ContextMap())
			assert.Empty(t, host.take(), "the status has not changed")
		}
	})
}

func TestAnotherFailureIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestHealth()
	h.failed(reading, "cannot read", refusedFor("1"))
	h.failed(reading, "cannot sign in", &entra.Error{Code: 7000215, Message: "AADSTS7000215: wrong.", Advice: "set client_secret"})
	h.failed(reading, "cannot set up", errors.New("no hint"))
	assert.Equal(t, []string{"error: cannot read", "error: cannot sign in", "error: cannot set up"}, lines(logs))
	assert.Equal(t, []string{
		"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission",
		"StatusRecoverableError: sign-in failed: AADSTS7000215: wrong.; set client_secret",
		"StatusRecoverableError: no hint",
	}, host.take())
}

func TestAnErrorWithoutHintHasNoHintField(t *testing.T) {
	t.Parallel()
	h, _, logs := newTestHealth()
	h.failed(reading, "cannot read", errors.New("no hint"))
	assert.Equal(t, map[string]any{"error": "no hint"}, logs.All()[0].ContextMap())
}

func TestAHintIsFoundInAWrappedError(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestHealth()
	h.failed(reading, "cannot read", fmt.Errorf("window: %w", refusedFor("1")))
	assert.Equal(t, "grant the permission", logs.All()[0].ContextMap()["hint"])
	assert.Equal(t, []string{"StatusRecoverableError: window: " + refusedText + " (request id 1); grant the permission"}, host.take())
	h.failed(reading, "cannot read", fmt.Errorf("window: %w", refusedFor("2")))
	assert.Empty(t, host.take())
}

func TestTheEventCarriesTheError(t *testing.T) {
	t.Parallel()
	h, host, _ := newTestHealth()
	h.failed(reading, "cannot read", refusedFor("1"))
	var refused *transport.Error
	require.ErrorAs(t, host.events[0].Err(), &refused)
	assert.Equal(t, 403, refused.Status)
}

func TestRecoveryIsReportedOnce(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestHealth()
	h.ok(reading)
	assert.Empty(t, lines(logs), "there is nothing to recover from")
	assert.Empty(t, host.take())

	for range 2 {
		h.failed(reading, "cannot read", refusedFor("1"))
		h.ok(reading)
		h.ok(reading)
		assert.Equal(t, []string{"error: cannot read", "info: recovered"}, lines(logs))
		assert.Equal(t, []string{"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission", "StatusOK"}, host.take())
	}
}

func TestAReceiverIsAsWellAsTheWorstOfItsParts(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestHealth()
	h.failed(storing, "cannot store", errors.New("disk full"))
	h.failed(reading, "cannot read", errors.New("refused"))
	assert.Equal(t, []string{"StatusRecoverableError: disk full", "StatusRecoverableError: refused"}, host.take())

	h.failed(storing, "cannot store", errors.New("disk full"))
	assert.Empty(t, host.take(), "the failures of one part are no news of another's")

	h.ok(delivering)
	assert.Empty(t, host.take(), "this part did not fail")
	h.ok(reading)
	assert.Equal(t, []string{"StatusRecoverableError: disk full"}, host.take(), "the other part still fails")
	h.ok(storing)
	assert.Equal(t, []string{"StatusOK"}, host.take())
	assert.Equal(t, []string{"error: cannot store", "error: cannot read", "info: recovered", "info: recovered"}, lines(logs))
}

func TestAHostThatWantsNoStatusIsLeftAlone(t *testing.T) {
	t.Parallel()
	core, logs := zapobserver.New(zapcore.DebugLevel)
	h := newHealth(plainHost{}, zap.New(core))
	h.failed(reading, "cannot read", refusedFor("1"))
	h.ok(reading)
	assert.Equal(t, []string{"error: cannot read", "info: recovered"}, lines(logs))
}

type plainHost struct{}

func (plainHost) GetExtensions() map[component.ID]component.Component { return nil }
