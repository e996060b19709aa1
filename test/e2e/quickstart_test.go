// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	textBlock = regexp.MustCompile("(?s)```text\n(.*?)```")
)

// labels are the beginnings of the lines that o365check prints.
func labels(printed string) (all []string) {
	for line := range strings.Lines(printed) {
		label, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		all = append(all, label)
	}
	return all
}

// TestQuickstart follows docs/quickstart.md from "Configure" on, with the lines that it has for the simulator.
func TestQuickstart(t *testing.T) {
	guide, err := os.ReadFile("../../docs/quickstart.md")
	require.NoError(t, err)
	binary := func(variable string) string {
		path := os.Getenv(variable)
		require.NotEmpty(t, path, "%s is not set: run make check-e2e", variable)
		return path
	}
	block := func(heading string, kind *regexp.Regexp) string {
		_, after, found := strings.Cut(string(guide), "\n## "+heading+"\n")
		require.True(t, found, heading)
		match := kind.FindStringSubmatch(after)
		require.NotNil(t, match, heading)
		return match[1]
	}
	tenant := startTenant(t)
	t.Setenv("O365MT_TENANT_ID", tenantID)
	t.Setenv("O365MT_CLIENT_ID", clientID)
	t.Setenv("O365MT_CLIENT_SECRET", clientSecret)
	simulated := strings.NewReplacer("https://localhost:8443", tenant.url, "m365sim-ca.pem", tenant.caFile).
		Replace(block("Without a tenant", yamlBlock))
	for name, replacer := range map[string]*strings.Replacer{
		"graph": strings.NewReplacer(),
		"reporting service": strings.NewReplacer("# api: reporting_webservice", "api: reporting_webservice",
			"/v1.0/admin/exchange/tracing/messageTraces", "/ecp/reportingwebservice/reporting.svc/MessageTrace"),
	} {
		t.Run(name, func(t *testing.T) {
			config := strings.Replace(block("Configure", yamlBlock), "    # For the Reporting", simulated+"    # For the Reporting", 1)
			file := filepath.Join(t.TempDir(), "mail.yaml")
			require.NoError(t, os.WriteFile(file, []byte(replacer.Replace(config)), 0o600))

			printed, err := exec.Command(binary("O365MT_COLLECTOR"), "validate", "--config", file).CombinedOutput()
			require.NoError(t, err, string(printed))
			require.Empty(t, string(printed))

			printed, err = exec.Command(binary("O365MT_CHECK"), "--config", file).CombinedOutput()
			require.NoError(t, err, string(printed))
			require.Equal(t, labels(block("Check", textBlock)), labels(string(printed)))

			// No port that could be taken already.
			collector := start(t, "O365MT_COLLECTOR", "--config", file, "--set=service.telemetry.metrics.level=none")
			for line := range strings.Lines(block("Run", textBlock)) {
				message, _, _ := strings.Cut(line, "  ")
				require.Eventually(t, func() bool { return strings.Contains(collector.printed(), "\t"+message+"\t") },
					20*time.Second, 50*time.Millisecond, message)
			}
			require.Eventually(t, func() bool { return strings.Contains(collector.printed(), "o365.message_trace.status: Str(") },
				20*time.Second, 50*time.Millisecond)
		})
	}
}
