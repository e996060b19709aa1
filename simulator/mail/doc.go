// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package mail holds the mail a simulated tenant has seen: rows of the message
// trace, when each became visible, and how its status changed since.
//
// It is what the dialects of the simulator read from and the generator writes
// to, and knows of neither: no HTTP, no JSON of any service, no clock.
package mail
