// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package o365messagetrace is an OpenTelemetry Collector receiver of Office 365 / Exchange Online message traces: who
// mailed whom, when, and what became of it. This package is the face that the OpenTelemetry Collector Builder imports;
// the receiver itself is in package receiver.
package o365messagetrace

import (
	collectorreceiver "go.opentelemetry.io/collector/receiver"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// NewFactory returns the factory of the receiver, component type o365messagetrace.
func NewFactory() collectorreceiver.Factory {
	return receiver.NewFactory()
}
