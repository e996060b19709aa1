// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package mappings tests what people copy: the processors in examples/mappings and the filters in docs/records.md. Both are run
// on golden records. It is a module of its own, so that the processor and jq stay out of that of the receiver.
package mappings
