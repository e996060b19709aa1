// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/plog"
)

// newContext returns what expressions see of a record. It is to be closed.
func newContext(resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) *ottllog.TransformContext {
	return ottllog.NewTransformContext(resource, scope, record)
}
