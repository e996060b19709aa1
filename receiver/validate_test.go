// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wrong are all wrong configurations.
func wrong() map[string][]string {
	all := map[string][]string{}
	for _, some := range []map[string][]string{wrongTypes, wrongService, wrongSignIn, wrongPolling, wrongRange, wrongRetry, wrongRecord, wrongDetails, wrongRest} {
		maps.Copy(all, some)
	}
	return all
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	for text, says := range wrong() {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, least, text)
			require.Error(t, err)
			for _, part := range says {
				require.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), "s3cr3t")
		})
	}
}

func TestWhatIsMissing(t *testing.T) {
	t.Parallel()
	for text, says := range map[string][]string{
		"{}": {"authentication: found no way to sign in; give exactly one of authentication.oauth"},
		"tenant_id: contoso.com\nauthentication: {}": {"authentication: found no way to sign in"},
		"tenant_id: contoso.com\nauthentication: {oauth: {}}": {
			"authentication.oauth.client_id: required", "authentication.oauth.client_secret: required",
		},
		"authentication: {oauth: {client_id: x, client_secret: y}}": {"tenant_id: required"},
	} {
		_, err := load(t, text)
		require.Error(t, err, text)
		for _, part := range says {
			assert.ErrorContains(t, err, part, text)
		}
	}
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := load(t, `
tenant_id: contoso
subscription_plan: gcc_high
api: graph
endpoint: http://graph.example
authority_host: http://login.example
timeout: -1s
proxy_url: nowhere
authentication: {oauth: {client_id: "", resource: "https://outlook.office365.com"}}
poll_interval: 23m
poll_spread: 2h
date_range: {start: -3x}
initial_lookback: 3000h
min_age: 48h
page_size: 1
retry: {type: x, max_retries: 99}
rate_limit: {requests: -1, interval: 0}
job_timeout: -1
max_concurrent_jobs: -1
filter: {sender_address: contoso, from_ip: x}
statuses: some
body: some
omit: [all]
local_domains: ["*"]
fields: [{name: "", value: x}]
log_level: loud
tags: [""]
job_ttl: 0
`)
	require.Error(t, err)
	for _, key := range []string{
		"tenant_id: ", "api: ", "endpoint: ", "authority_host: ", "timeout: ", "proxy_url: ", "authentication.oauth.client_id: ",
		"authentication.oauth.client_secret: ", "authentication.oauth.resource: ", "poll_interval: ", "initial_lookback: ", "min_age: ",
		"page_size: ", "retry.type: ", "retry.max_retries: ", "rate_limit.requests: ", "rate_limit.interval: ",
		"poll_spread: ", "date_range.start: ", "job_timeout: ", "max_concurrent_jobs: ", "filter.sender_address: ", "filter.from_ip: ", "statuses: ",
		"body: ", "omit[0]: ", "local_domains[0]: ", "fields[0].name: ", "log_level: ", "tags[0]: ", "job_ttl: ",
	} {
		assert.Equal(t, 1, strings.Count("\n"+err.Error(), "\n"+key), "%q is reported once, in a line of its own:\n%v", key, err)
	}
}

func TestAllTypeErrorsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := load(t, least, `
timeout: "300"
min_age: 60
page_size: many
tls: {reload_interval: 5}
revisit_ages: [5m, "900"]
job_ttl:
retry: {max_retries: 1.5, max_interval: "30"}
fields: [{name: [a]}]
unheard_of: 1
`)
	require.Error(t, err)
	for _, part := range []string{
		"timeout: 300", "min_age: 60", "page_size", "tls.reload_interval: 5", "revisit_ages[1]: 900", "job_ttl: ", "retry.max_retries: 1.5",
		"retry.max_interval: 30", "fields[0].name", "unheard_of",
	} {
		assert.Equal(t, 1, strings.Count(err.Error(), part), "%q is reported once:\n%v", part, err)
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": 0, "5m": 5 * time.Minute, "10m": 10 * time.Minute, "1h": time.Hour, "20h": 20 * time.Hour, "1h10m": 70 * time.Minute,
		"1h0m5s": time.Hour + 5*time.Second, "30s": 30 * time.Second, "1m30s": 90 * time.Second, "1.5s": 1500 * time.Millisecond,
		"-5m": -5 * time.Minute, "2160h": 2160 * time.Hour,
	} {
		assert.Equal(t, want, short(d))
	}
}
