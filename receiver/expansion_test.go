// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// texts is a provider of configuration: the whole as text:, and environment variables as env:NAME.
type texts map[string]string

func (p texts) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	_, name, _ := strings.Cut(uri, ":")
	return confmap.NewRetrievedFromYAML([]byte(p[name]))
}

func (texts) Shutdown(context.Context) error { return nil }

// scheme is one of the schemes that texts provides.
type scheme struct {
	texts
	name string
}

func (s scheme) Scheme() string { return s.name }

// resolve reads a configuration with environment variables as the collector does.
func resolve(t *testing.T, text string, environment map[string]string) (*Config, error) {
	t.Helper()
	own, err := resolveAll(t, "receiver:\n"+indent(text), environment).Sub("receiver")
	require.NoError(t, err)
	return unmarshal(own)
}

// resolveAll reads a configuration of a collector with environment variables as it does.
func resolveAll(t *testing.T, text string, environment map[string]string) *confmap.Conf {
	t.Helper()
	factory := func(name string, p texts) confmap.ProviderFactory {
		return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return scheme{p, name} })
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{"text:config"},
		ProviderFactories: []confmap.ProviderFactory{
			factory("text", texts{"config": text}), factory("env", environment),
		},
		DefaultScheme: "env",
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(t.Context())
	require.NoError(t, err)
	return conf
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func TestValuesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	const signIn = "tenant_id: contoso.com\nauthentication: {oauth: {client_id: app, client_secret: \"${env:SECRET}\"}}\n"
	for name, test := range map[string]struct {
		text, value string
		check       func(t *testing.T, cfg *Config)
		wrong       string
	}{
		"seconds since 1970": {
			text: "date_range: {start: \"${env:X}\", end: 1720536960}", value: "1720533360",
			check: func(t *testing.T, cfg *Config) {
				assert.Equal(t, DateRange{Start: recent.Replace("1720533360"), End: recent.Replace("1720536960")}, *cfg.DateRange.Get())
			},
		},
		"RFC 3339": {
			text: "date_range: {start: 2025-01-31T07:00:00+01:00, end: \"${env:X}\"}", value: "2025-01-31T08:00:00Z",
			check: func(t *testing.T, cfg *Config) {
				assert.Equal(t, DateRange{Start: recent.Replace("2025-01-31T07:00:00+01:00"), End: recent.Replace("2025-01-31T08:00:00Z")}, *cfg.DateRange.Get())
			},
		},
		"relative": {
			text: "date_range: {start: \"${env:X}\", end: \"-2h@h\"}", value: "-3h@h",
			check: func(t *testing.T, cfg *Config) {
				assert.Equal(t, DateRange{Start: "-3h@h", End: "-2h@h"}, *cfg.DateRange.Get())
			},
		},
		"a whole block": {
			text: "date_range: ${env:X}", value: "{start: 1720533360, end: 1720536960}",
			check: func(t *testing.T, cfg *Config) {
				assert.Equal(t, DateRange{Start: recent.Replace("1720533360"), End: recent.Replace("1720536960")}, *cfg.DateRange.Get())
			},
		},
		"a list": {
			text: "local_domains: ${env:X}", value: "[contoso.com, contoso.org]",
			check: func(t *testing.T, cfg *Config) {
				assert.Equal(t, []string{"contoso.com", "contoso.org"}, cfg.LocalDomains)
			},
		},
		"job_timeout in seconds": {
			text: "job_timeout: ${env:X}", value: "30",
			check: func(t *testing.T, cfg *Config) { assert.Equal(t, 30*time.Second, cfg.JobTimeout) },
		},
		"a number": {
			text: "page_size: ${env:X}", value: "1000",
			check: func(t *testing.T, cfg *Config) { assert.Equal(t, 1000, cfg.pageSize()) },
		},
		"a branch that looks like a number": {
			text: "environment: \"1.10\"\ncurrent_environment: ${env:X}", value: "1.10",
			check: func(t *testing.T, cfg *Config) { assert.Equal(t, "1.10", cfg.CurrentEnvironment) },
		},
		"nothing for a text":       {text: "current_environment: ${env:X}"},
		"nothing for a duration":   {text: "timeout: ${env:X}", wrong: "timeout: has no value"},
		"no unit":                  {text: "timeout: ${env:X}", value: "300", wrong: "timeout: 300 has no unit; write 300s"},
		"milliseconds":             {text: "date_range: {start: \"${env:X}\"}", value: "1720533360000", wrong: "has 13 digits"},
		"the other order of times": {text: "date_range: {start: \"${env:X}\", end: 1720533360}", value: "1720536960", wrong: "date_range: start is after end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The secret looks like a number, and must stay the text that it is whatever else is read in another form.
			cfg, err := resolve(t, signIn+recent.Replace(test.text), texts{"SECRET": "0012", "X": recent.Replace(test.value)})
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "0012", string(cfg.Authentication.OAuth.Get().ClientSecret))
			if test.check != nil {
				test.check(t, cfg)
			}
		})
	}
}
