// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"debug/buildinfo"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const (
	root   = "../.."
	folder = root + "/deploy"
)

var update = flag.Bool("update", false, "write the files that are made from others")

func read(t *testing.T, path string) string {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// parse reads a YAML file, which must have no other keys than the target has.
func parse(t *testing.T, path string, into any) {
	require.NoError(t, yaml.UnmarshalStrict([]byte(read(t, path)), into), path)
}

// upToDate compares a file that is made from others with what they make, or writes it.
func upToDate(t *testing.T, path, want string) {
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	if want != read(t, path) {
		assert.Fail(t, path+" is not up to date", "run go test -run %s -update . in test/deploy", t.Name())
	}
}

// program returns where a program of the system is, and skips the test where it is missing.
func program(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s", name)
	}
	return path
}

// built returns the absolute path of a program that make builds.
func built(t *testing.T, variable string) string {
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: run make check-deploy", variable)
	}
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}

// run runs a program and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	output, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", name, output)
	return string(output)
}

type metadata struct {
	Telemetry struct {
		Metrics map[string]struct {
			Histogram map[string]any `json:"histogram"`
		} `json:"metrics"`
	} `json:"telemetry"`
}

// Modules of the collector that have the metrics of every pipeline.
var collectorModules = []string{
	"go.opentelemetry.io/collector/service",
	"go.opentelemetry.io/collector/exporter/exporterhelper",
}

// metrics returns the names of all time series that the receiver, the connector and the built collector declare.
func metrics(t *testing.T) map[string]bool {
	info, err := buildinfo.ReadFile(built(t, "O365MT_COLLECTOR"))
	require.NoError(t, err)
	cache := strings.TrimSpace(run(t, "go", "env", "GOMODCACHE"))
	files := []string{root + "/receiver/metadata.yaml", root + "/connector/findings/metadata.yaml"}
	for _, module := range info.Deps {
		if slices.Contains(collectorModules, module.Path) {
			files = append(files, filepath.Join(cache, module.Path+"@"+module.Version, "metadata.yaml"))
		}
	}
	require.Len(t, files, 4)
	names := map[string]bool{}
	for _, file := range files {
		var declared metadata
		require.NoError(t, yaml.Unmarshal([]byte(read(t, file)), &declared))
		require.NotEmpty(t, declared.Telemetry.Metrics, file)
		for name, kind := range declared.Telemetry.Metrics {
			if kind.Histogram == nil {
				names["otelcol_"+name] = true
				continue
			}
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names["otelcol_"+name+suffix] = true
			}
		}
	}
	return names
}

var metric = regexp.MustCompile(`\botelcol_\w+`)

// named returns the metrics that an expression names.
func named(expr string) []string { return metric.FindAllString(expr, -1) }
