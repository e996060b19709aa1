// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"pgregory.net/rapid"
)

const (
	one, two = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"

	defaults = `# Tenants of the whole company.
defaults:
  storage: file_storage
  poll_interval: 10m
  authentication: {oauth: {client_id: app, client_secret: "${env:TENANTS_TEST_SECRET}"}}
`
)

// retrieve returns what a list becomes, and the lines that are logged, each with its number.
func retrieve(t require.TestingT, text string) (conf map[string]any, logged []string, err error) {
	folder, err := os.MkdirTemp("", "tenants")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "tenants.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	core, logs := observer.New(zap.InfoLevel)
	p := NewFactory().Create(confmap.ProviderSettings{Logger: zap.New(core)})
	retrieved, err := p.Retrieve(context.Background(), "tenants:"+file, nil)
	for _, entry := range logs.All() {
		fields := entry.ContextMap()
		logged = append(logged, fmt.Sprintf("%v: %v", fields["line"], fields["error"]))
	}
	if err != nil {
		return nil, logged, err
	}
	whole, err := retrieved.AsConf()
	require.NoError(t, err)
	return whole.ToStringMap(), logged, nil
}

func TestProviderKeepsToTheRulesOfProviders(t *testing.T) {
	p := NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()})
	require.NoError(t, confmaptest.ValidateProviderScheme(p))
	require.NoError(t, p.Shutdown(t.Context()))
	_, err := p.Retrieve(t.Context(), "file:x", nil)
	require.ErrorContains(t, err, "not supported")
	_, err = p.Retrieve(t.Context(), "tenants:"+filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorContains(t, err, "cannot be read")
}

func TestALineMakesAReceiver(t *testing.T) {
	t.Setenv("TENANTS_TEST_SECRET", "x")
	conf, logged, err := retrieve(t, defaults+`tenants:
  - {name: contoso, tenant_id: `+one+`}
  # A comment, and an empty line.

  - name: fabrikam   # on lines of its own
    tenant_id: fabrikam.example
    poll_interval: 5m
    subscription_plan: gcc
    pipeline: logs/fabrikam
    authentication: {oauth: {client_secret: other}}
  - {tenant_id: `+two+`, authentication: {certificate: {client_id: b, cert_file: /c.pem, key_file: /k.pem}}}
pipeline: logs/in
`)
	require.NoError(t, err)
	assert.Empty(t, logged)
	secret := map[string]any{"oauth": map[string]any{"client_id": "app", "client_secret": "${env:TENANTS_TEST_SECRET}"}}
	assert.Equal(t, map[string]any{
		"receivers": map[string]any{
			"o365messagetrace/contoso": map[string]any{
				"storage": "file_storage", "poll_interval": "10m", "tenant_id": one, "authentication": secret,
			},
			"o365messagetrace/fabrikam": map[string]any{
				"storage": "file_storage", "poll_interval": "5m", "tenant_id": "fabrikam.example", "subscription_plan": "gcc",
				"authentication": map[string]any{"oauth": map[string]any{"client_id": "app", "client_secret": "other"}},
			},
			"o365messagetrace/" + two: map[string]any{
				"storage": "file_storage", "poll_interval": "10m", "tenant_id": two,
				"authentication": map[string]any{"certificate": map[string]any{"client_id": "b", "cert_file": "/c.pem", "key_file": "/k.pem"}},
			},
		},
		"service": map[string]any{"pipelines": map[string]any{
			"logs/in":       map[string]any{"receivers": []any{"o365messagetrace/contoso", "o365messagetrace/" + two}},
			"logs/fabrikam": map[string]any{"receivers": []any{"o365messagetrace/fabrikam"}},
		}},
	}, conf)
}

func TestAWrongLineIsNamedAndHarmsNoOther(t *testing.T) {
	t.Setenv("TENANTS_TEST_SECRET", "x")
	for line, want := range map[string]string{
		"- {name: a, tenant_id: " + two + ", poll_intervall: 5m}":                     "poll_intervall",
		"- {name: a, tenant_id: " + two + ", poll_interval: 7}":                       "poll_interval",
		"- {name: a, tenant_id: " + two + ", poll_interval: 23m}":                     "poll_interval",
		"- {name: a, tenant_id: " + two + ", tls: {min_version: '7'}}":                "tls",
		"- {name: a, tenant_id: " + two:                                               "no YAML",
		"- {name: a, tenant_id: " + two + "}}":                                        "no YAML",
		"- {name: a, tenant_id: *nothing}":                                            "no YAML",
		"- \tname: a":                                                                 "no YAML",
		"- contoso.com":                                                               "no keys",
		"-":                                                                           "no keys",
		"- {name: a}":                                                                 "tenant_id is missing",
		"- {name: a, tenant_id: 7}":                                                   "tenant_id: it is no text",
		"- {name: 7, tenant_id: " + two + "}":                                         "name: it is no text",
		"- {name: '', tenant_id: " + two + "}":                                        "name: it is no text",
		"- {name: \"a\\nb\", tenant_id: " + two + "}":                                 "name:",
		"- {name: CONTOSO, tenant_id: " + two + "}":                                   "name: line 7 has the same",
		"- {name: a, tenant_id: " + one + "}":                                         "tenant_id: line 7 has the same",
		"- {name: a, tenant_id: " + two + ", pipeline: traces}":                       "pipeline",
		"- {name: a, tenant_id: " + two + ", pipeline: 7}":                            "pipeline: it is no text",
		"- {name: a, tenant_id: " + two + ", authentication: none}":                   "authentication",
		"- {name: a, tenant_id: " + two + ", authentication: {oauth: {client_id: }}}": "client_id",
		"- {name: a, tenant_id: " + two + ", authentication: {managed_identity: {}, oauth: {client_id: a}}}": "authentication",
	} {
		conf, logged, err := retrieve(t, defaults+"tenants:\n- {name: contoso, tenant_id: "+one+"}\n"+line+"\n- {name: last, tenant_id: contoso.com}\n")
		require.NoError(t, err, line)
		assert.Len(t, conf["receivers"], 2, line)
		if assert.Len(t, logged, 1, line) {
			assert.True(t, strings.HasPrefix(logged[0], "8: "), logged[0])
			assert.Contains(t, logged[0], want, line)
		}
	}
}

func TestWrongLinesAreErrorsOnRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tenants.yaml")
	p := NewFactory().Create(confmap.ProviderSettings{Logger: zap.NewNop()})
	own := ", authentication: {oauth: {client_id: a, client_secret: b}}}\n"
	require.NoError(t, os.WriteFile(file, []byte("tenants:\n- {tenant_id: "+one+own), 0o600))
	_, err := p.Retrieve(t.Context(), "tenants:"+file+"#strict", nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("tenants:\n- {tenant_id: "+one+own+"- {}\n-\n"), 0o600))
	_, err = p.Retrieve(t.Context(), "tenants:"+file+"#strict", nil)
	require.ErrorContains(t, err, "line 3: tenant_id is missing\nline 4: it has no keys")
}

func TestAnErrorRepeatsNoSecret(t *testing.T) {
	t.Setenv("TENANTS_TEST_SECRET", "hidden-secret")
	for _, line := range []string{
		"- {name: a, tenant_id: " + two + ", authentication: {oauth: {client_secret: hidden-secret, x: y}}}",
		"- {name: a, tenant_id: " + two + ", authentication: {oauth: {client_secret: [hidden-secret]}}}",
		"- {name: a, tenant_id: " + two + ", poll_interval: 23m}",
		"- {name: a, authentication: {oauth: {client_secret: hidden-secret}",
		"- hidden-secret",
	} {
		_, logged, err := retrieve(t, defaults+"tenants:\n- {name: contoso, tenant_id: "+one+"}\n"+line)
		require.NoError(t, err)
		require.Len(t, logged, 1, line)
		assert.NotContains(t, logged[0], "hidden-secret")
	}
	_, _, err := retrieve(t, "defaults: hidden-secret\ntenants:\n- {tenant_id: "+one+"}")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hidden-secret")
}

func TestAListThatIsWrongAsAWhole(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no line `tenants:`",
		"tenants: [{tenant_id: x}]":       "no line `tenants:`",
		"tenants:\n":                      "no tenant of the list",
		"tenants:\n- {}\n":                "line 2: tenant_id is missing",
		"tenants:\n- {}\ntenants:\n- {}":  "line 3: tenants are listed twice",
		"tenants:\n- {}\npipelines: logs": "line 3: field pipelines",
		"defaults: [\ntenants:\n- {}":     "outside tenants",
		"defaults: 7\ntenants:\n- {}":     "outside tenants",
		"tenants:\n- {}\n" + strings.Repeat("- {}\n", 50): "line 11: tenant_id is missing",
	} {
		_, _, err := retrieve(t, text)
		require.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "line 30")
	}
}

func TestVariablesAreLookedUpBeforeALineIsChecked(t *testing.T) {
	t.Setenv("TENANTS_TEST_SECRET", "x")
	t.Setenv("TENANTS_TEST_INTERVAL", "5m")
	t.Setenv("TENANTS_TEST_LIMIT", "50")
	for value, right := range map[string]bool{
		"poll_interval: '${env:TENANTS_TEST_INTERVAL}'":            true,
		"poll_interval: '${TENANTS_TEST_INTERVAL}'":                true,
		"poll_interval: '${env:TENANTS_TEST_NONE:-5m}'":            true,
		"poll_interval: '${env:TENANTS_TEST_LIMIT}'":               false,
		"rate_limit: {requests: '${env:TENANTS_TEST_LIMIT}'}":      true,
		"tags: ['a-${env:TENANTS_TEST_LIMIT}']":                    true,
		"poll_interval: '${file:/run/interval}'":                   true,
		"revisit_ages: ['${env:TENANTS_TEST_INTERVAL}', 7, 'x y']": false,
	} {
		conf, logged, err := retrieve(t, defaults+"tenants:\n- {tenant_id: "+one+"}\n- {tenant_id: "+two+", "+value+"}\n")
		require.NoError(t, err)
		assert.Equal(t, right, len(logged) == 0, "%s: %s", value, logged)
		assert.Len(t, conf["receivers"], map[bool]int{true: 2, false: 1}[right], value)
	}
}

// TestAnyTextBetweenTwoTenantsLeavesThemAlone has lines of any kind between two that are right.
func TestAnyTextBetweenTwoTenantsLeavesThemAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.OneOf(
			rapid.SampledFrom([]string{"- {", "-", "  ]", "}", "- - -", "  - {}", "# tenants:", "- {tenant_id: b.example, body: raw}", "- [a", "- 'a", "\t", "- &a b", "- *a"}),
			rapid.StringMatching(`[ #-].{0,20}`),
		)).Draw(t, "lines")
		own := ", authentication: {oauth: {client_id: a, client_secret: b}}}\n"
		conf, logged, err := retrieve(t, "tenants:\n- {name: first, tenant_id: "+one+own+"- {}\n"+strings.Join(text, "\n")+"\n- {name: last, tenant_id: "+two+own)
		require.NoError(t, err)
		receivers := conf["receivers"].(map[string]any)
		assert.Contains(t, receivers, "o365messagetrace/first")
		assert.Contains(t, receivers, "o365messagetrace/last")
		assert.NotEmpty(t, logged)
	})
}

// TestTheExampleHasNoWrongLine keeps the example right, and as long as it says.
func TestTheExampleHasNoWrongLine(t *testing.T) {
	t.Setenv("O365MT_CLIENT_ID", two)
	text, err := os.ReadFile("../../examples/tenants/tenants.yaml")
	require.NoError(t, err)
	conf, logged, err := retrieve(t, string(text))
	require.NoError(t, err)
	assert.Empty(t, logged)
	assert.Len(t, conf["receivers"], 200)
}
