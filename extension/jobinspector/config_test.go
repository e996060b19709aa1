// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
)

// load reads a configuration as the collector does.
func load(t *testing.T, yaml string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	err = cfg.Validate()
	return cfg, err
}

// inSchema returns what the JSON schema finds wrong with a configuration.
func inSchema(t *testing.T, yaml string) error {
	t.Helper()
	content, err := os.ReadFile("config.schema.json")
	require.NoError(t, err)
	var schema jsonschema.Schema
	require.NoError(t, json.Unmarshal(content, &schema))
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	require.NoError(t, err)
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(yaml))
	require.NoError(t, err)
	raw, err := retrieved.AsRaw()
	require.NoError(t, err)
	text, err := json.Marshal(raw)
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(text, &value))
	return resolved.Validate(value)
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	for yaml, captures := range map[string]bool{
		"":                           true,
		"{endpoint: '127.0.0.1:1'}":  true,
		"{endpoint: '[::1]:1'}":      true,
		"{endpoint: ':8365'}":        false,
		"{endpoint: '0.0.0.0:8365'}": false,
		"{endpoint: 'host.example:8365', allowed_hosts: [a.example, 10.0.0.1, 'fe80::1', under_score]}": false,
		"{endpoint: 'host.example:8365', capture: true}":                                                true,
		"{capture: false}":  false,
		"{read_only: true}": false,
		"{read_only: true, capture: false, max_jobs: 1}":                                                         false,
		"{endpoint: /run/inspector.sock, transport: unix}":                                                       true,
		"{max_jobs: 100000, write_timeout: 5s, keepalive: {idle_timeout: 1d}, tls: {cert_file: a, key_file: b}}": true,
	} {
		cfg, err := load(t, yaml)
		require.NoError(t, err, yaml)
		assert.Equal(t, captures, cfg.captures(), yaml)
		require.NoError(t, inSchema(t, yaml), yaml)
	}
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string][]string{
		"{endpoint: ''}":                       {"endpoint: must not be empty"},
		"{endpoint: localhost}":                {"endpoint: \"localhost\" is no host and port"},
		"{max_jobs: 0}":                        {"max_jobs: must be from 1 to 100000, not 0"},
		"{max_jobs: 100001}":                   {"max_jobs: must be"},
		"{max_jobs: -1, allowed_hosts: ['*']}": {"max_jobs: must be", "allowed_hosts: \"*\" is no host"},
		"{allowed_hosts: ['https://a.example', 'a.example:80', '', '[::1]']}": {
			`"https://a.example"`, `"a.example:80"`, `""`, `"[::1]"`,
		},
		"{read_only: true, capture: true}":         {"capture: true is not possible with read_only: true"},
		"{cors: {allowed_origins: ['https://a']}}": {"cors: not supported"},
		"{readonly: true}":                         {"unknown key readonly: did you mean read_only?"},
		"{tls: {ca: x}}":                           {"unknown key tls.ca: did you mean ca_file?"},
		"{max_job: 0, read_timeout: 5 min, open: yes please}": {
			"unknown key max_job: did you mean max_jobs?", "read_timeout: `5 min`: write 5m", "open: must be true or false", "max_jobs: must be from 1",
		},
		"{read_header_timeout: 5, max_jobs: 5.7}":                 {"read_header_timeout: 5 has no unit; write 5s", "max_jobs: 5.7 is not a whole number"},
		"{tls: {cert_file: a, key_file: b, reload_interval: 60}}": {"tls.reload_interval: 60 has no unit; write 60s"},
		"{endpoint: , max_jobs: }":                                {"max_jobs: has no value"},
	} {
		_, err := load(t, yaml)
		for _, part := range want {
			require.ErrorContains(t, err, part, yaml)
		}
		// A schema cannot tell a host from the path of a socket.
		if yaml != "{endpoint: localhost}" {
			require.Error(t, inSchema(t, yaml), yaml)
		}
	}
	require.NoError(t, inSchema(t, "{max_jobs: '${env:MAX_JOBS}', read_only: '${env:READ_ONLY}'}"))
}

func TestAMissingAuthenticatorIsAnError(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, "{endpoint: 'localhost:0', auth: {authenticator: missing}}")
	require.NoError(t, err)
	i := newInspector(extensiontest.NewNopSettings(metadata.Type), cfg)
	require.ErrorContains(t, i.Start(t.Context(), host{component.MustNewID("x"): nil}), "missing")
	require.NoError(t, i.Shutdown(t.Context()))
}

var keyRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `?(\\S+?)`? \\| \\S.* \\|$")

func TestREADMEListsAllKeysWithTheirDefaults(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	got := map[string]string{}
	for _, row := range keyRow.FindAllStringSubmatch(string(readme), -1) {
		got[row[1]] = row[2]
	}
	assert.Equal(t, map[string]string{
		"endpoint": defaultEndpoint, "allowed_hosts": "[]", "read_only": "false", "capture": "–", "open": "false", "max_jobs": "10000",
	}, got)
	for path := range newInspector(extensiontest.NewNopSettings(metadata.Type), &Config{MaxJobs: 1}).routes(&guard{}) {
		assert.Contains(t, string(readme), strings.TrimSuffix(path, ".json"))
	}
}
