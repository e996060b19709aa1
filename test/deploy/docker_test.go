// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDockerfile reads it as BuildKit does. It builds nothing.
func TestDockerfile(t *testing.T) {
	file, err := parser.Parse(strings.NewReader(read(t, folder+"/docker/Dockerfile")))
	require.NoError(t, err)
	assert.Empty(t, file.Warnings)
	stages, _, err := instructions.Parse(file.AST, linter.New(&linter.Config{
		Warn: func(rule, description, _, message string, _ []parser.Range) {
			assert.Fail(t, rule, "%s: %s", description, message)
		},
	}))
	require.NoError(t, err)
	image := stages[len(stages)-1]
	assert.Equal(t, "scratch", image.BaseName)
	user, command := "", []string(nil)
	for _, each := range image.Commands {
		switch instruction := each.(type) {
		case *instructions.UserCommand:
			user = instruction.User
		case *instructions.CmdCommand:
			command = instruction.CmdLine
		case *instructions.RunCommand:
			assert.Fail(t, "there is nothing in the image to run")
		}
	}
	assert.Equal(t, "65532:65532", user)
	assert.Equal(t, []string{"--feature-gates=+extension.healthcheck.useComponentStatus", "--config=/etc/otelcol/config.yaml"}, command)
}

func TestComposeFile(t *testing.T) {
	file, err := filepath.Abs(folder + "/docker/compose.yaml")
	require.NoError(t, err)
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(file),
		ConfigFiles: []types.ConfigFile{{Filename: file}},
		Environment: types.Mapping{"O365MT_TENANT_ID": "a", "O365MT_CLIENT_ID": "b", "OTLP_ENDPOINT": "c"},
	})
	require.NoError(t, err)
	collector := project.Services["collector"]
	assert.True(t, collector.ReadOnly)
	assert.Equal(t, "65532:65532", collector.User)
	assert.Equal(t, []string{"ALL"}, collector.CapDrop)
	assert.EqualValues(t, 512<<20, collector.MemLimit)
	assert.FileExists(t, project.Configs["config"].File)
	for _, port := range collector.Ports {
		assert.Equal(t, "127.0.0.1", port.HostIP, "metrics and health are not for everybody")
	}
}

var (
	released = regexp.MustCompile(`(?m)^const version = "(.*)"`)
	tagged   = regexp.MustCompile(`otelcol-o365messagetrace(?::|, newTag: )(\d[^\s}]*)`)
)

// One version of the image is named everywhere: that of the receiver.
func TestImageHasTheVersionOfTheReceiver(t *testing.T) {
	version := released.FindStringSubmatch(read(t, root+"/receiver/receiver.go"))[1]
	files := []string{root + "/docs/deploying.md", folder + "/docker/Dockerfile", folder + "/docker/compose.yaml"}
	kustomizations, err := filepath.Glob(folder + "/kubernetes/*/kustomization.yaml")
	require.NoError(t, err)
	overlays, err := filepath.Glob(folder + "/kubernetes/overlays/*/kustomization.yaml")
	require.NoError(t, err)
	seen := 0
	for _, file := range slices.Concat(files, kustomizations, overlays) {
		for _, tag := range tagged.FindAllStringSubmatch(read(t, file), -1) {
			seen++
			assert.Equal(t, version, tag[1], file)
		}
	}
	assert.Equal(t, 5, seen)
}
