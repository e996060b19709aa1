// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const componentStatus = "--feature-gates=+extension.healthcheck.useComponentStatus"

// validate has the collector look at a configuration, with the variables that it wants.
func validate(t *testing.T, files ...string) {
	args := []string{"validate", componentStatus}
	for _, file := range files {
		args = append(args, "--config", file)
	}
	command := exec.Command(built(t, "O365MT_COLLECTOR"), args...)
	command.Env = []string{
		"O365MT_TENANT_ID=11111111-1111-1111-1111-111111111111", "O365MT_CLIENT_ID=22222222-2222-2222-2222-222222222222",
		"OTLP_ENDPOINT=localhost:4317", "STATE_DIRECTORY=" + t.TempDir(),
	}
	output, err := command.CombinedOutput()
	assert.NoError(t, err, "%s: %s", files, output)
}

func TestConfigurationsAreValid(t *testing.T) {
	validate(t, folder+"/systemd/config.yaml")
	validate(t, folder+"/docker/config.yaml")
	tenants, err := filepath.Glob(folder + "/kubernetes/overlays/*/tenants.yaml")
	require.NoError(t, err)
	require.Len(t, tenants, 4)
	for _, file := range tenants {
		validate(t, folder+"/kubernetes/config/collector.yaml", file)
	}
}
