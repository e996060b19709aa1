// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.uber.org/zap"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
)

// inspector is the extension.
type inspector struct {
	cfg      *Config
	set      extension.Settings
	registry *jobs.Registry
	guard    *guard
	// writeTimeout is how long a reader of a capture may take for what it is sent at once.
	writeTimeout time.Duration

	// rebindInterval is the time between two attempts to listen on an endpoint that is in use.
	rebindInterval time.Duration

	server *http.Server
	// address is what the server listens on.
	address string
	// stop ends the attempts to listen.
	stop context.CancelFunc
	// served is closed when the server has ended.
	served chan struct{}
}

var _ jobs.Inspector = (*inspector)(nil)

func newInspector(set extension.Settings, cfg *Config) *inspector {
	registry := jobs.NewRegistry(cfg.MaxJobs, nil)
	if cfg.captures() {
		registry.CountAddresses()
	}
	return &inspector{
		cfg: cfg, set: set, registry: registry, guard: newGuard(cfg), writeTimeout: writeTimeout, rebindInterval: rebindInterval,
	}
}

// Open opens the record of an input's jobs.
func (i *inspector) Open(ctx context.Context, o jobs.Options) (*jobs.Recorder, error) {
	return i.registry.Open(ctx, o)
}

// Register shows an input until release is called.
func (i *inspector) Register(in jobs.Input) (release func()) {
	return i.registry.Register(in)
}

// Start serves the page and the API. An endpoint that is in use is a warning, and tried again: mail is read without the page
// as well.
func (i *inspector) Start(ctx context.Context, host component.Host) error {
	server, err := i.cfg.ToServer(ctx, host.GetExtensions(), i.set.TelemetrySettings, i.handler(i.guard), confighttpErrors())
	if err != nil {
		return err
	}
	listener, err := i.cfg.ToListener(ctx)
	var busy *net.OpError
	switch {
	case errors.As(err, &busy):
		err = fmt.Errorf("%s: endpoint: %w; free it or choose another", i.set.ID, err)
		i.set.Logger.Warn(err.Error(), zap.Stringer("tried_again_after", i.rebindInterval))
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
	case err != nil:
		return fmt.Errorf("endpoint: cannot listen: %w", err)
	default:
		i.announce(listener)
	}
	i.server, i.served = server, make(chan struct{})
	// The context of Start ends with Start.
	ctx, i.stop = context.WithCancel(context.Background())
	go func() {
		defer close(i.served)
		i.serve(ctx, host, listener)
	}()
	return nil
}

// serve serves until Shutdown, as soon as it can listen.
func (i *inspector) serve(ctx context.Context, host component.Host, listener net.Listener) {
	if listener == nil {
		var err error
		listener, err = backoff.Retry(ctx, func() (net.Listener, error) { return i.cfg.ToListener(ctx) },
			backoff.WithBackOff(backoff.NewConstantBackOff(i.rebindInterval)), backoff.WithMaxElapsedTime(0))
		if err != nil {
			// Shutdown came first.
			return
		}
		i.announce(listener)
		componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
	if err := i.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(fmt.Errorf("the server has ended: %w", err)))
	}
}

// announce logs where the page is, and what should give pause.
func (i *inspector) announce(listener net.Listener) {
	i.address = listener.Addr().String()
	scheme := "http"
	if i.cfg.TLS.HasValue() {
		scheme = "https"
	}
	link := scheme + "://" + i.shownAddress()
	if i.guard.token != "" {
		// A browser keeps what follows the # to itself.
		link += "/#token=" + i.guard.token
	}
	i.set.Logger.Info("the Job Inspector is at "+link, zap.Bool("read_only", i.cfg.ReadOnly), zap.Bool("capture", i.cfg.captures()))
	switch {
	case i.cfg.local() || i.cfg.Auth.HasValue():
	case i.guard.token != "" || i.cfg.ReadOnly:
		i.set.Logger.Warn("other machines can reach the Job Inspector and read which jobs ran; set auth")
	case i.cfg.captures():
		i.set.Logger.Warn("everybody who reaches the Job Inspector can start and cancel jobs, and sees addresses and subjects of mail " +
			"in live capture; set auth instead of open: true")
	default:
		i.set.Logger.Warn("everybody who reaches the Job Inspector can start and cancel jobs; set auth instead of open: true")
	}
}

// shownAddress is an address that a browser on this machine can open.
func (i *inspector) shownAddress() string {
	_, port, err := net.SplitHostPort(i.address)
	if err != nil {
		return i.address
	}
	return net.JoinHostPort(cmp.Or(i.cfg.endpointHost(), "localhost"), port)
}

const (
	// shutdownTimeout is how long answers under way may take at shutdown.
	shutdownTimeout = time.Second
	rebindInterval  = 10 * time.Second
)

// Shutdown ends all captures and the server.
func (i *inspector) Shutdown(ctx context.Context) error {
	if i.server == nil {
		return nil
	}
	i.stop()
	i.registry.EndCaptures()
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := i.server.Shutdown(ctx)
	if err != nil {
		err = i.server.Close()
	}
	<-i.served
	return err
}
