// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/o365messagetrace/o365messagetrace/internal/findings"
)

// Every attribute that is written is declared in metadata.yaml, and the other way round.
func TestAttributesAreDeclared(t *testing.T) {
	declared, err := confmaptest.LoadConf("metadata.yaml")
	require.NoError(t, err)
	logs := logsOf([]findings.Finding{{
		UID: "1", Tenant: "t", Rule: "bulk_mail", Messages: []string{"m"}, Recipients: []string{"r"},
	}}, "1.0", time.Now())
	resource := logs.ResourceLogs().At(0)
	record := resource.ScopeLogs().At(0).LogRecords().At(0)

	event := declared.Get("events").(map[string]any)[eventName].(map[string]any)
	var names []string
	for _, name := range event["attributes"].([]any) {
		names = append(names, name.(string))
	}
	assert.ElementsMatch(t, names, slices.Collect(maps.Keys(record.Attributes().AsRaw())))
	assert.ElementsMatch(t, slices.Collect(maps.Keys(declared.Get("resource_attributes").(map[string]any))),
		slices.Collect(maps.Keys(resource.Resource().Attributes().AsRaw())))
	text, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	for _, rule := range findings.RuleNames() {
		assert.Contains(t, string(text), "`"+rule+"`")
	}
}
