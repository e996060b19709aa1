// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mappings

import (
	"flag"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenRecords returns the records that the receiver makes of a page with mail of all kinds; internal/records tests that it does.
func goldenRecords(t *testing.T) plog.Logs {
	t.Helper()
	logs, err := golden.ReadLogs("../../internal/records/testdata/questions-page.yaml")
	require.NoError(t, err)
	return logs
}

func recordsOf(logs plog.Logs) plog.LogRecordSlice {
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
}
