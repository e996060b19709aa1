// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// events keeps the status that is reported.
type events struct{ all []*componentstatus.Event }

func (e *events) add(event *componentstatus.Event) { e.all = append(e.all, event) }

// take returns what has been reported since the last time, as status and text.
func (e *events) take() (reports []string) {
	for _, event := range e.all {
		text := event.Status().String()
		if event.Err() != nil {
			text += ": " + event.Err().Error()
		}
		reports = append(reports, text)
	}
	e.all = nil
	return reports
}

func newTestStatus() (*status, *events, *zapobserver.ObservedLogs) {
	core, logs := zapobserver.New(zapcore.DebugLevel)
	e := &events{}
	return newStatus(e.add, zap.New(core)), e, logs
}

// lines returns what has been logged since the last time.
func lines(logs *zapobserver.ObservedLogs) (lines []string) {
	for _, entry := range logs.TakeAll() {
		lines = append(lines, entry.Level.String()+": "+entry.Message)
	}
	return lines
}

func refusedFor(requestID string) error {
	return &transport.Error{Target: "graph/x", Status: 403, Code: "Forbidden", RequestID: requestID, Advice: trouble.Advice{Hint: "grant the permission"}}
}

const refusedText = "request refused: graph/x: status 403: Forbidden"

func TestAFailureIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, host, logs := newTestStatus()
		h.failed(trouble.Window, "cannot read", refusedFor("1"), zap.String("lane", "live"))
		require.Equal(t, 1, logs.Len())
		line := logs.TakeAll()[0]
		assert.Equal(t, zapcore.ErrorLevel, line.Level)
		assert.Equal(t, "cannot read", line.Message)
		assert.Equal(t, map[string]any{"lane": "live", "error": refusedText + " (request id 1)", "hint": "grant the permission"}, line.ContextMap())
		assert.Equal(t, []string{"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission"}, host.take())

		// What differs each time does not make a new failure of it.
		for range 9 {
			pass(time.Minute)
			h.failed(trouble.Window, "cannot read", refusedFor("2"))
		}
		assert.Empty(t, lines(logs))
		assert.Empty(t, host.take())
	})
}

// An outage is one failure, whatever is answered in it.
func TestAnOutageIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, host, logs := newTestStatus()
		for _, status := range []int{503, 504, 500, 502, 503} {
			h.failed(trouble.Service, "cannot read", &transport.Error{Target: "graph/x", Status: status, Code: strconv.Itoa(status)})
			pass(time.Minute)
		}
		h.ok(trouble.Service)
		assert.Equal(t, []string{"error: cannot read", "info: recovered"}, lines(logs))
		assert.Len(t, host.take(), 2)
	})
}

func TestAFailureThatGoesOnIsLoggedAgainAfterTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, host, logs := newTestStatus()
		h.failed(trouble.Window, "cannot read", refusedFor("0"))
		lines(logs)
		host.take()
		for round := range 3 {
			for i := 1; i <= 9; i++ {
				pass(time.Minute)
				h.failed(trouble.Window, "cannot read", refusedFor(strconv.Itoa(i)))
			}
			pass(time.Minute - time.Nanosecond)
			h.failed(trouble.Window, "cannot read", refusedFor("almost"))
			require.Zero(t, logs.Len(), "round %d", round)
			pass(time.Nanosecond)
			h.failed(trouble.Window, "cannot read", refusedFor("due"))
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
	h, host, logs := newTestStatus()
	h.failed(trouble.Window, "cannot read", refusedFor("1"))
	h.failed(trouble.Window, "cannot sign in", &entra.Error{Code: 7000215, Message: "AADSTS7000215: wrong.", Advice: trouble.Advice{Hint: "set client_secret"}})
	h.failed(trouble.Window, "cannot set up", errors.New("no hint"))
	assert.Equal(t, []string{"error: cannot read", "error: cannot sign in", "error: cannot set up"}, lines(logs))
	assert.Equal(t, []string{
		"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission",
		"StatusRecoverableError: sign-in failed: AADSTS7000215: wrong.; set client_secret",
		"StatusRecoverableError: no hint",
	}, host.take())
}

func TestAnErrorWithoutHintHasNoHintField(t *testing.T) {
	t.Parallel()
	h, _, logs := newTestStatus()
	h.failed(trouble.Window, "cannot read", errors.New("no hint"))
	assert.Equal(t, map[string]any{"error": "no hint"}, logs.All()[0].ContextMap())
}

func TestAHintIsFoundInAWrappedError(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestStatus()
	h.failed(trouble.Window, "cannot read", fmt.Errorf("window: %w", refusedFor("1")))
	assert.Equal(t, "grant the permission", logs.All()[0].ContextMap()["hint"])
	assert.Equal(t, []string{"StatusRecoverableError: window: " + refusedText + " (request id 1); grant the permission"}, host.take())
	h.failed(trouble.Window, "cannot read", fmt.Errorf("window: %w", refusedFor("2")))
	assert.Empty(t, host.take())
}

func TestTheEventCarriesTheError(t *testing.T) {
	t.Parallel()
	h, host, _ := newTestStatus()
	h.failed(trouble.Window, "cannot read", refusedFor("1"))
	var refused *transport.Error
	require.ErrorAs(t, host.all[0].Err(), &refused)
	assert.Equal(t, 403, refused.Status)
}

func TestRecoveryIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testRecovery)
}

func testRecovery(t *testing.T) {
	h, host, logs := newTestStatus()
	h.ok(trouble.Window)
	assert.Empty(t, lines(logs), "there is nothing to recover from")
	assert.Empty(t, host.take())

	for range 2 {
		h.failed(trouble.Window, "cannot read", refusedFor("1"))
		h.ok(trouble.Window)
		h.ok(trouble.Window)
		assert.Equal(t, []string{"error: cannot read", "info: recovered"}, lines(logs))
		assert.Equal(t, []string{"StatusRecoverableError: " + refusedText + " (request id 1); grant the permission", "StatusOK"}, host.take())
		pass(relogAfter)
	}
	h.failed(trouble.Window, "cannot read", refusedFor("1"))
	lines(logs)
	h.ok(trouble.Window)
	lines(logs)
	h.failed(trouble.Window, "cannot read", refusedFor("1"))
	h.ok(trouble.Window)
	assert.Empty(t, lines(logs), "what comes and goes is logged once in five minutes")
	assert.Len(t, host.take(), 4, "the status tells it all the same")
}

func TestAReceiverIsAsWellAsTheWorstOfItsParts(t *testing.T) {
	t.Parallel()
	h, host, logs := newTestStatus()
	h.failed(trouble.Storage, "cannot store", errors.New("disk full"))
	h.failed(trouble.Service, "cannot read", errors.New("refused"))
	assert.Equal(t, []string{"StatusRecoverableError: disk full", "StatusRecoverableError: refused"}, host.take())

	h.failed(trouble.Storage, "cannot store", errors.New("disk full"))
	assert.Empty(t, host.take(), "the failures of one part are no news of another's")

	h.ok(trouble.Pipeline)
	assert.Empty(t, host.take(), "this part did not fail")
	h.ok(trouble.Service)
	assert.Equal(t, []string{"StatusRecoverableError: disk full"}, host.take(), "the other part still fails")
	h.ok(trouble.Storage)
	assert.Equal(t, []string{"StatusOK"}, host.take())
	assert.Equal(t, []string{"error: cannot store", "error: cannot read", "info: recovered", "info: recovered"}, lines(logs))
}

// pass lets time pass on the fake clock.
func pass(d time.Duration) { <-time.After(d) }
