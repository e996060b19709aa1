// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/test/deploy/dashboards"
)

func TestDashboardsAreUpToDate(t *testing.T) {
	boards, err := dashboards.Boards()
	require.NoError(t, err)
	for name, board := range boards {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		require.NoError(t, encoder.Encode(board))
		upToDate(t, filepath.Join(folder, "grafana", name), text.String())
	}
}

// shown returns the dashboards as they are in the files.
func shown(t *testing.T) map[string]dashboard.Dashboard {
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob(folder + "/grafana/*.json")
	require.NoError(t, err)
	require.Len(t, files, 3)
	boards := map[string]dashboard.Dashboard{}
	for _, file := range files {
		var board dashboard.Dashboard
		// Without errors it returns an empty list of them, which is no nil error.
		if err := board.UnmarshalJSONStrict([]byte(read(t, file))); err != nil {
			require.Empty(t, err.Error(), file)
		}
		// It also forgets the panels once it has looked at them.
		require.NoError(t, json.Unmarshal([]byte(read(t, file)), &board), file)
		require.NoError(t, board.Validate(), file)
		boards[filepath.Base(file)] = board
	}
	return boards
}

// queries returns what a dashboard asks of Prometheus, with its variables filled in.
func queries(t *testing.T, board dashboard.Dashboard) (all []string) {
	fill := strings.NewReplacer("$__rate_interval", "5m", "$receiver", ".*", "$connector", ".*")
	for _, each := range board.Panels {
		if each.Panel == nil {
			continue
		}
		require.NotEmpty(t, each.Panel.Targets, *each.Panel.Title)
		for _, target := range each.Panel.Targets {
			text, err := json.Marshal(target)
			require.NoError(t, err)
			var query struct{ Expr string }
			require.NoError(t, json.Unmarshal(text, &query))
			require.NotEmpty(t, query.Expr)
			all = append(all, fill.Replace(query.Expr))
		}
	}
	return all
}

func TestDashboardsShowMetricsThatExist(t *testing.T) {
	known := metrics(t)
	for name, board := range shown(t) {
		asked := queries(t, board)
		assert.GreaterOrEqual(t, len(asked), 5, name)
		for _, variable := range board.Templating.List {
			if variable.Query != nil && variable.Query.String != nil && variable.Type == dashboard.VariableTypeQuery {
				asked = append(asked, *variable.Query.String)
			}
		}
		for _, query := range asked {
			require.NotEmpty(t, named(query), query)
			for _, metric := range named(query) {
				assert.True(t, known[metric], "%s: there is no %s", name, metric)
			}
		}
	}
}

func TestDashboardsAskInPromQL(t *testing.T) {
	promtool := program(t, "promtool")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboards\n    rules:\n")
	for _, board := range shown(t) {
		for i, query := range queries(t, board) {
			fmt.Fprintf(&rules, "      - {record: 'q%d', labels: {board: '%s'}, expr: %q}\n", i, *board.Uid, query)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	run(t, promtool, "check", "rules", file)
}
