// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package simulator is a local Microsoft 365, as far as a collector of message
// traces can see it: sign-in, the message trace of Microsoft Graph and that of the
// older Reporting Web Service, and a tenant with mail that arrives late, changes
// its status and is odd at times.
//
// It is as strict as the real service. What Microsoft would refuse, it refuses,
// with Microsoft's status codes and texts.
//
// A Simulator is an http.Handler without goroutines, sockets or a clock of its
// own, so days can pass in milliseconds:
//
//	sim, err := simulator.New(simulator.Config{
//		Now:     clock.Now,
//		Traffic: traffic.Config{RowsPerDay: 50_000, From: monday},
//	})
//	client := &http.Client{Transport: simulator.Transport(sim)}
//
// Listen serves it over TLS with a certificate authority made on the spot, and
// package simulatortest does so for the length of a test.
//
// The parts, each of which knows only those below it:
//
//	simulator               configuration, the chain of handlers, the record of requests
//	├── fault               what goes wrong, with which requests
//	├── internal/graph      the dialect of Microsoft Graph
//	├── internal/reporting  that of the Reporting Web Service
//	├── internal/odata      what both have in common
//	├── internal/entra      sign-in
//	├── internal/imds       tokens of managed identities
//	├── traffic             invents mail
//	└── mail                rows, windows, pages; what became visible when
package simulator
