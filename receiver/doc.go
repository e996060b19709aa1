// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package receiver is the collector-facing shell of the message trace receiver: configuration, life cycle and the loop
// that decides when to read, again or no more.
package receiver
