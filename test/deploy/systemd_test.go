// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const unit = "otelcol-o365messagetrace.service"

func TestUnitIsSound(t *testing.T) {
	analyze := program(t, "systemd-analyze")
	file := filepath.Join(t.TempDir(), unit)
	text := strings.ReplaceAll(read(t, folder+"/systemd/"+unit), "/usr/bin/otelcol-o365messagetrace", built(t, "O365MT_COLLECTOR"))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	assert.Empty(t, run(t, analyze, "verify", file))
	run(t, analyze, "security", "--offline=true", "--threshold=20", file)
}

// TestUnitRuns has the unit collect from the simulator under a systemd in namespaces of its own.
func TestUnitRuns(t *testing.T) {
	systemd := "/lib/systemd/systemd"
	if _, err := os.Stat(systemd); err != nil || os.Getuid() != 0 {
		t.Skip("there is no systemd, or no right to start one: this needs root")
	}
	folder, err := filepath.Abs(folder + "/systemd")
	require.NoError(t, err)
	out := t.TempDir()
	command := exec.CommandContext(t.Context(), program(t, "unshare"), "--fork", "--kill-child", "--pid", "--mount", "--net", "--uts", "--ipc",
		"--cgroup", "bash", "testdata/systemd.sh")
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "UNIT=" + folder, "OUT=" + out, "SECRET=" + secret,
		"COLLECTOR=" + built(t, "O365MT_COLLECTOR"), "SIMULATOR=" + built(t, "O365MT_SIMULATOR"),
	}
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		t.Skipf("no systemd can be started here: %s", output)
	}
	// How systemd ends once it is done is no matter.
	result, err := os.ReadFile(out + "/result")
	require.NoError(t, err, string(output))
	assert.Equal(t, `delivers=yes
user=otelcol-o365messagetrace
CapEff:0000000000000000
NoNewPrivs:1
Seccomp:2
state=otelcol-o365messagetrace 700
delivers-after-kill=yes
restarts=1
result=success 0
`, string(result))
}
