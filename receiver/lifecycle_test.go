// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// newTestReceiver returns a receiver of a service on the loopback that nobody plays.
func newTestReceiver(t *testing.T, change func(cfg *Config)) *messageTraceReceiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "https://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	cfg, err := load(t, least, "endpoint: "+nobody+"/messageTraces\nauthority_host: "+nobody+"\nretry: {type: disabled}\nunhealthy_after: 0")
	require.NoError(t, err)
	if change != nil {
		change(cfg)
	}
	r, err := newMessageTraceReceiver(receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	return r
}

func TestShutdownWithoutStart(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestShutdownTwice(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	require.NoError(t, r.Start(t.Context(), &statusHost{}))
	require.NoError(t, r.Shutdown(t.Context()))
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestStartDoesNotWaitForTheNetwork(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	dialled := make(chan struct{})
	r.dial = func(ctx context.Context, _ *url.URL) (collect.Source, error) {
		close(dialled)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	require.NoError(t, r.Start(t.Context(), &statusHost{}))
	<-dialled
	require.NoError(t, r.Shutdown(t.Context()), "Shutdown ends what is waited for")
}

func TestTheContextOfStartDoesNotEndTheLoop(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	started, release := make(chan context.Context), make(chan struct{})
	r.dial = func(ctx context.Context, _ *url.URL) (collect.Source, error) {
		started <- ctx
		<-release
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, r.Start(ctx, &statusHost{}))
	loop := <-started
	cancel()
	require.NoError(t, loop.Err())
	close(release)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.ErrorIs(t, loop.Err(), context.Canceled)
}

func TestShutdownWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	release, dialled := make(chan struct{}), make(chan struct{})
	r.dial = func(ctx context.Context, _ *url.URL) (collect.Source, error) {
		close(dialled)
		<-release
		return nil, ctx.Err()
	}
	require.NoError(t, r.Start(t.Context(), &statusHost{}))
	<-dialled
	over, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.Shutdown(over)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "did not end in time")
	close(release)
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestAServiceThatCannotBeReachedIsReported(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, nil)
	host := &statusHost{shown: make(chan *componentstatus.Event, 10)}
	require.NoError(t, r.Start(t.Context(), host))
	event := <-host.shown
	assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	require.ErrorContains(t, event.Err(), "sign-in failed")
	require.ErrorContains(t, event.Err(), "authority_host")
	require.NoError(t, r.Shutdown(t.Context()))
}

func TestAFileThatIsMissingLeavesTheReceiverIdle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(cfg *Config, path string)
		hint   string
	}{
		"a certificate authority": {func(cfg *Config, path string) { cfg.TLS.CAFile = path }, "tls.ca_file"},
		"the secret": {func(cfg *Config, path string) {
			cfg.Authentication.OAuth.Get().ClientSecret, cfg.Authentication.OAuth.Get().ClientSecretFile = "", path
		}, "authentication.oauth.client_secret_file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTestReceiver(t, func(cfg *Config) { c.change(cfg, filepath.Join(t.TempDir(), "missing")) })
			host := &statusHost{shown: make(chan *componentstatus.Event, 10)}
			require.NoError(t, r.Start(t.Context(), host), "other receivers must run")
			event := <-host.shown
			assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
			require.ErrorContains(t, event.Err(), c.hint)
			require.NoError(t, r.Shutdown(t.Context()))
		})
	}
}

func TestStartFailsOnlyForAnExtensionThatIsNotThere(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("file_storage")
	for name, c := range map[string]struct {
		change     func(cfg *Config)
		extensions map[component.ID]component.Component
		says       string
	}{
		"no such storage": {func(cfg *Config) { cfg.StorageID = &id }, nil, `storage: there is no extension "file_storage"`},
		"no storage at all": {
			func(cfg *Config) { cfg.StorageID = &id }, map[component.ID]component.Component{id: nil}, `storage: the extension "file_storage" is no storage`,
		},
		"no such middleware": {
			func(cfg *Config) { cfg.Middlewares = []configmiddleware.Config{{ID: id}} }, nil, `middlewares: there is no extension "file_storage"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTestReceiver(t, c.change)
			require.ErrorContains(t, r.Start(t.Context(), &statusHost{extensions: c.extensions}), c.says)
			require.NoError(t, r.Shutdown(t.Context()), "the collector shuts down what did not start")
		})
	}
}
