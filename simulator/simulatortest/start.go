// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package simulatortest runs a simulator for the length of a test.
package simulatortest

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/o365messagetrace/o365messagetrace/simulator"
)

// Instance is a simulator that a test can reach over loopback.
type Instance struct {
	*simulator.Simulator
	// URL is the root of sign-in and API alike.
	URL string
	// CAFile is a PEM file with what signed the certificate; empty without TLS.
	CAFile string

	client *http.Client
}

// Start serves a simulator with TLS and stops it when the test ends.
func Start(tb testing.TB, cfg simulator.Config) *Instance {
	tb.Helper()
	return start(tb, cfg, simulator.ListenConfig{})
}

// StartPlain serves a simulator without TLS.
func StartPlain(tb testing.TB, cfg simulator.Config) *Instance {
	tb.Helper()
	return start(tb, cfg, simulator.ListenConfig{Plain: true})
}

// Client returns a client that trusts the instance. Its connections are closed
// when the test ends.
func (i *Instance) Client() *http.Client { return i.client }

func start(tb testing.TB, cfg simulator.Config, listen simulator.ListenConfig) *Instance {
	tb.Helper()
	sim, err := simulator.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	server, err := simulator.Listen(tb.Context(), sim, listen)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	instance := &Instance{Simulator: sim, URL: server.URL()}
	transport := &http.Transport{ForceAttemptHTTP2: true}
	if authority := server.Authority(); authority != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}
		instance.CAFile = filepath.Join(tb.TempDir(), "ca.pem")
		if err := authority.WriteFile(instance.CAFile); err != nil {
			tb.Fatal(err)
		}
	}
	instance.client = &http.Client{Transport: transport}
	tb.Cleanup(transport.CloseIdleConnections) // before the server closes
	return instance
}
