// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
)

// reporting is a collector that keeps what components report of their status.
type reporting struct {
	host
	events chan *componentstatus.Event
}

func (r reporting) Report(event *componentstatus.Event) { r.events <- event }

// busy returns an inspector whose endpoint is in use until the listener is closed.
func busy(t *testing.T) (*inspector, net.Listener, *observer.ObservedLogs) {
	t.Helper()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	cfg.NetAddr.Endpoint = other.Addr().String()
	set := extensiontest.NewNopSettings(metadata.Type)
	core, logs := observer.New(zapcore.InfoLevel)
	set.Logger = zap.New(core)
	i := newInspector(set, cfg)
	i.rebindInterval = 5 * time.Millisecond
	return i, other, logs
}

func TestAPortInUseIsAWarningUntilItIsFree(t *testing.T) {
	t.Parallel()
	i, other, logs := busy(t)
	collector := reporting{host{}, make(chan *componentstatus.Event, 2)}
	require.NoError(t, i.Start(t.Context(), collector))
	event := <-collector.events
	assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	require.ErrorContains(t, event.Err(), "o365jobinspector")
	require.ErrorContains(t, event.Err(), "endpoint: listen tcp "+other.Addr().String()+": bind: address already in use; free it or choose another")
	require.Len(t, logs.TakeAll(), 1)

	require.NoError(t, other.Close())
	assert.Equal(t, componentstatus.StatusOK, (<-collector.events).Status())
	assert.Contains(t, logs.TakeAll()[0].Message, "the Job Inspector is at http://")
	connection, err := net.Dial("tcp", i.address)
	require.NoError(t, err)
	require.NoError(t, connection.Close())
	require.NoError(t, i.Shutdown(context.Background()))
}

func TestShutdownEndsTheWaitForAPort(t *testing.T) {
	t.Parallel()
	i, other, _ := busy(t)
	require.NoError(t, i.Start(t.Context(), host{}))
	require.NoError(t, i.Shutdown(t.Context()))
	require.NoError(t, other.Close())
}

func TestWhatNoWaitingMendsIsAnError(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "{endpoint: 'localhost:0', tls: {cert_file: missing.pem, key_file: missing.pem}}")
	require.NoError(t, err)
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.ErrorContains(t, i.Start(t.Context(), host{}), "missing.pem")
	require.NoError(t, i.Shutdown(t.Context()))
}
