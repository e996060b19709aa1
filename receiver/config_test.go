// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// least is the least that a configuration must have.
const least = `
tenant_id: 11111111-1111-1111-1111-111111111111
authentication: {oauth: {client_id: 22222222-2222-2222-2222-222222222222, client_secret: s3cr3t}}
`

// load reads a configuration as the collector does: the default, changed by the texts, and checked.
func load(t *testing.T, texts ...string) (*Config, error) {
	t.Helper()
	return unmarshal(merge(t, texts...))
}

// merge reads texts of which later ones change what the earlier ones say.
func merge(t *testing.T, texts ...string) *confmap.Conf {
	t.Helper()
	conf := confmap.New()
	for _, text := range texts {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
		require.NoError(t, err)
		more, err := retrieved.AsConf()
		require.NoError(t, err)
		require.NoError(t, conf.Merge(more))
	}
	return conf
}

func unmarshal(conf *confmap.Conf) (*Config, error) {
	cfg := NewFactory().CreateDefaultConfig()
	if err := conf.Unmarshal(&cfg); err != nil {
		return nil, err
	}
	return cfg.(*Config), confmap.Validate(cfg)
}

func TestConfigStructIsWellFormed(t *testing.T) {
	t.Parallel()
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, least)
	require.NoError(t, err)
	assert.Equal(t, 300*time.Second, cfg.Timeout)
	assert.Equal(t, confighttp.NewDefaultClientConfig().ForceAttemptHTTP2, cfg.ForceAttemptHTTP2)
	assert.Equal(t, Enterprise, cfg.SubscriptionPlan)
	assert.Equal(t, Graph, cfg.api())
	assert.Equal(t, "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces", cfg.endpoint())
	assert.Equal(t, "https://login.microsoftonline.com", cfg.authorityHost())
	assert.Equal(t, "https://graph.microsoft.com", cfg.signIn().Resource)
	assert.Equal(t, 5*time.Minute, cfg.PollInterval)
	assert.Equal(t, time.Hour, cfg.InitialLookback)
	assert.Zero(t, cfg.MinAge)
	assert.Equal(t, []time.Duration{
		5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 30 * time.Hour,
	}, cfg.RevisitAges)
	assert.Equal(t, 5000, cfg.pageSize())
	assert.Nil(t, cfg.StorageID)
	assert.Equal(t, RateLimit{Requests: 90, Interval: 5 * time.Minute}, cfg.RateLimit)
	assert.Equal(t, Retry{
		Type: RetryBackoff, InitialInterval: time.Second, MaxRetries: 5, Multiplier: 2, MaxInterval: 30 * time.Second,
		HTTPCodes: []int{429, 503}, HonorRetryAfter: true, MaxRetryAfter: 20 * time.Second, ConnectionTimeout: true, ConnectionReset: true,
	}, cfg.Retry)
}

func TestRightConfigurations(t *testing.T) {
	t.Parallel()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	oauth := func(o OAuth) Authentication { return Authentication{OAuth: configoptional.Some(o)} }
	simple := oauth(OAuth{ClientID: "client", ClientSecret: "secret"})
	storage := component.MustNewIDWithName("file_storage", "o365")
	wants := map[string]func(cfg *Config){
		"least": func(cfg *Config) {
			cfg.TenantID = "11111111-1111-1111-1111-111111111111"
			cfg.Authentication = oauth(OAuth{ClientID: "22222222-2222-2222-2222-222222222222", ClientSecret: "secret"})
		},
		"secret_file": func(cfg *Config) {
			cfg.TenantID = "contoso.onmicrosoft.com"
			cfg.SubscriptionPlan = GCC
			cfg.Authentication = oauth(OAuth{ClientID: "22222222-2222-2222-2222-222222222222", ClientSecretFile: "/run/secrets/o365"})
		},
		"private": func(cfg *Config) {
			cfg.API = Graph
			cfg.TenantID = "contoso.com"
			cfg.Endpoint = "http://127.0.0.1:8080/v1.0/admin/exchange/tracing/messageTraces"
			cfg.AuthorityHost = "https://login.example:8443"
			cfg.Timeout = 0
			cfg.ProxyURL = "http://proxy.example:3128"
			cfg.MaxConnsPerHost = 8
			cfg.Headers = configopaque.MapList{{Name: "X-Team", Value: "soc"}}
			cfg.TLS.CAFile = "/etc/ssl/private.pem"
			cfg.TLS.ReloadInterval = time.Hour
			cfg.Authentication = oauth(OAuth{ClientID: "simulated", ClientSecret: "secret", Resource: "https://graph.example"})
		},
		"polling": func(cfg *Config) {
			cfg.TenantID = "contoso.com"
			cfg.Authentication = simple
			cfg.PollInterval = 30 * time.Second
			cfg.InitialLookback = 90 * 24 * time.Hour
			cfg.MinAge = 90 * time.Second
			cfg.RevisitAges = []time.Duration{10 * time.Minute, 240 * time.Hour}
			cfg.PageSize = new(100)
			cfg.StorageID = &storage
		},
		"trouble": func(cfg *Config) {
			cfg.TenantID = "contoso.com"
			cfg.Authentication = simple
			cfg.Retry = Retry{Type: RetryStatic, Multiplier: 1.5, MaxInterval: 10 * time.Minute, HTTPCodes: []int{500}}
			cfg.RateLimit = RateLimit{Interval: time.Minute}
		},
	}
	assert.Len(t, wants, len(file.ToStringMap()), "every case of the file is compared")
	for name, change := range wants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub, err := file.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			got, err := unmarshal(sub)
			require.NoError(t, err)
			want := createDefaultConfig().(*Config)
			require.NoError(t, confmap.New().Unmarshal(want)) // where confighttp keeps keepalive depends on its release
			change(want)
			assert.Equal(t, want, got)
		})
	}
}

// right are each added to the least configuration.
var right = []string{
	"{}",
	"tenant_id: CONTOSO.co.uk",
	"tenant_id: xn--bcher-kva.example",
	"tenant_id: ABCDEF00-1111-2222-3333-abcdefabcdef",
	"subscription_plan: gcc",
	"endpoint: https://graph.example/messageTraces",
	"endpoint: https://graph.example",
	"endpoint: http://localhost:8080/messageTraces",
	"endpoint: http://LOCALHOST/messageTraces",
	"endpoint: http://[::1]:8080/messageTraces",
	"endpoint: http://127.8.9.1/messageTraces",
	"authority_host: https://login.microsoftonline.us",
	"authority_host: https://login.example/",
	"timeout: 0",
	"timeout: '0'",
	"timeout: 1ms",
	"proxy_url: socks5://user:password@proxy.example:1080",
	"authentication: {oauth: {resource: 'api://graph'}}",
	"poll_interval: 1s",
	"poll_interval: 60m",
	"poll_interval: 1h",
	"poll_interval: 12m",
	"poll_interval: 7m30s",
	"initial_lookback: 0",
	"initial_lookback: 0s",
	"min_age: 24h\nrevisit_ages: [24h1s]",
	"revisit_ages: []",
	"revisit_ages: [1ns]",
	"revisit_ages: [240h]",
	"page_size: 100",
	"retry: {type: disabled}",
	"retry: {initial_interval: 20s, max_retries: 20, multiplier: 1, max_interval: 1s, max_retry_after: 10m}",
	"retry: {http_codes: []}",
	"retry: {http_codes: [100, 199, 300, 599]}",
	"rate_limit: {requests: 0}",
	"shard: {index: 0, count: 1}",
	"shard: {index: 9, count: 10}",
	"storage: file_storage",
	"tls: {reload_interval: 0}",
	"keepalive: {idle_conn_timeout: 0}",
	"keepalive: {max_idle_conns: 5}",
	"keepalive: {enabled: false}",
	"headers: {X-Team: soc}",
	"endpoint: https://graph.example:8443/messageTraces",
	"api: reporting_webservice\npage_size: 2000\ninitial_lookback: 240h\nrevisit_ages: [216h]",
	"auth: ~",
	"poll_spread: 5m",
	"poll_interval: 10m\npoll_spread: 7m30s",
	"date_range: {start: -3h@h, end: -2h@h}",
	"date_range: {start: -30s, end: -10s}\npoll_interval: 10s",
	"date_range: {start: -5m}",
	"date_range: {start: '@d', end: now}",
	"date_range: {start: -90d}",
	"date_range: {start: 1720533360, end: 1720536960}",
	"date_range: {start: '1720533360', end: '1720536960'}",
	"date_range: {start: 1720533360, end: 9999999999}",
	"date_range: {start: 2025-01-31T08:00:00Z, end: 2025-01-31T10:00:00+01:00}",
	"date_range: {start: '2025-01-31T08:00:00Z', end: 1738321200}",
	"date_range: {start: 2025-01-31, end: 2025-02-01}",
	"disable_time_filter: false",
	"filter: {}",
	"filter: {sender_address: '*@contoso.com', recipient_address: o'hara@contoso.com, status: Delivered, from_ip: '2001:db8::1', to_ip: 192.0.2.1}",
	"filter: {sender_address: <>, status: filteredasspam}",
	"filter: {recipient_address: 'jürgen@bücher.example'}",
	"statuses: final",
	"body: none",
	"omit: []",
	"omit: [subject, message_id, from_ip, to_ip, size]",
	"internal_fields: false",
	"local_domains: [contoso.com, CONTOSO.co.uk., bücher.example, _x.example, localhost]",
	"fields: []",
	"fields: [{name: team, value: '\"soc\"'}, {name: team.copy, value: 'attributes[\"team\"]'}]",
	`fields: [{name: mailbox, value: 'Concat(["mailbox", log.attributes["email.to.address"]], ":")'}]`,
	`fields: [{name: domain, value: 'Split(log.attributes["email.to.address"], "@")[1]'}, {name: n, value: "5"}]`,
	"job_timeout: 0",
	"job_timeout: 30",
	"job_timeout: '30'",
	"job_timeout: 1.5",
	"job_timeout: 45s",
	"job_timeout: 15m",
	"max_concurrent_jobs: 0",
	"max_concurrent_jobs: 100",
	"k8s_leader_elector: k8s_leader_elector/o365",
	"inspector: o365jobinspector",
	"log_level: debug",
	"log_level: error",
	"tags: [soc, mail]",
	"job_ttl: 1m",
	"environment: production\ncurrent_environment: staging",
	"retry: {max_retries: 5.0}",
}

// recent replaces dates of the lists by others that the services still keep.
var recent = func() *strings.Replacer {
	day := time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour)
	seconds := func(after time.Duration) string { return strconv.FormatInt(day.Add(after).Unix(), 10) }
	return strings.NewReplacer("1720533360", seconds(13*time.Hour), "1720536960", seconds(14*time.Hour), "1738321200", seconds(11*time.Hour),
		"2025-01-31", day.Format(time.DateOnly), "2025-02-01", day.Add(24*time.Hour).Format(time.DateOnly))
}()

func TestMoreRightConfigurations(t *testing.T) {
	t.Parallel()
	for _, text := range right {
		text = recent.Replace(text)
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, least, text)
			assert.NoError(t, err)
		})
	}
}

// What has no value is as good as left out where nothing, or a block, is the default.
func TestKeysWithoutAValue(t *testing.T) {
	t.Parallel()
	want, err := load(t, least)
	require.NoError(t, err)
	got, err := load(t, least, `
endpoint:
api:
page_size:
storage:
date_range:
filter:
retry:
rate_limit:
shard:
tls:
omit:
fields:
tags:
log_level:
job_timeout:
environment:
current_environment:
`)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestListsReplaceTheirDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, least, "revisit_ages: []\nretry: {http_codes: []}")
	require.NoError(t, err)
	assert.Empty(t, cfg.RevisitAges)
	assert.Equal(t, []int{429, 503}, cfg.Retry.rules().Codes, "no code means the default ones")

	cfg, err = load(t, least, "revisit_ages: [1h]\nretry: {http_codes: [500]}")
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{time.Hour}, cfg.RevisitAges)
	assert.Equal(t, []int{500}, cfg.Retry.rules().Codes)

	assert.Len(t, createDefaultConfig().(*Config).RevisitAges, 8, "the default stays what it is")
	assert.Equal(t, []int{429, 503}, createDefaultConfig().(*Config).Retry.HTTPCodes)
}

func TestASecretIsNotShown(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, least)
	require.NoError(t, err)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(cfg))
	assert.NotContains(t, fmt.Sprint(conf.ToStringMap()), "s3cr3t")
	assert.Equal(t, "s3cr3t", string(cfg.Authentication.OAuth.Get().ClientSecret))
	assert.NotContains(t, cfg.Authentication.OAuth.Get().ClientSecret.String(), "s3cr3t")
}
