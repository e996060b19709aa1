// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package findings is the connector that looks at the records of message trace receivers and emits what it finds. The
// rules are in internal/findings.
package findings
