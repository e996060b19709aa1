// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build ottl_v0_161

package fields

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/plog"
)

// newContext returns what expressions see of a record. It is to be closed. OTTL has renamed its function in v0.161.0, without
// keeping the old name, and a module cannot tell which version it is built with.
func newContext(resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) *ottllog.TransformContext {
	return ottllog.NewTransformContext(resource, scope, record)
}
