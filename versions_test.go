// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package o365messagetrace_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A module of the collector and its version, as written in a go.mod and in a builder manifest alike.
var collectorModule = regexp.MustCompile(
	`(go\.opentelemetry\.io/collector|github\.com/open-telemetry/opentelemetry-collector-contrib)[^\s@]*[ @](v\d\S*)`)

// What a version that cannot be had is replaced with.
var replacement = regexp.MustCompile(`=> .*`)

// The collector is released as one pair of versions: v0 for what is in flux, v1 for what is stable. Modules of two
// releases may well build together and then misbehave, so one pair is used everywhere, and it moves in one commit.
func TestOneCollectorVersionPair(t *testing.T) {
	files := []string{"go.mod", "tools/go.mod", "test/mappings/go.mod", "builder-config.yaml"}
	manifests, err := filepath.Glob("examples/*/builder*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, manifests, "the examples have no builder manifest")
	files = append(files, manifests...)

	pair := map[string]string{} // "v0" or "v1" to the version, as the root go.mod has it
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		modules := collectorModule.FindAllStringSubmatch(replacement.ReplaceAllString(string(content), ""), -1)
		assert.NotEmpty(t, modules, "%s names no module of the collector", file)
		for _, module := range modules {
			version := module[2]
			major, _, _ := strings.Cut(version, ".")
			if pair[major] == "" {
				pair[major] = version
			}
			assert.Equal(t, pair[major], version, "%s: %s", file, module[0])
		}
	}
	assert.Equal(t, []string{"v0", "v1"}, slices.Sorted(maps.Keys(pair)))
}

var (
	actionUsed   = regexp.MustCompile(`(?m)\buses: (.*)$`)
	actionPinned = regexp.MustCompile(`^\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// A tag of an action may be moved, a commit not.
func TestActionsArePinnedByCommit(t *testing.T) {
	workflows, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	for _, workflow := range workflows {
		content, err := os.ReadFile(workflow)
		require.NoError(t, err)
		for _, action := range actionUsed.FindAllStringSubmatch(string(content), -1) {
			assert.Regexp(t, actionPinned, action[1], workflow)
		}
	}
}
