// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each is added to a right configuration. The error must name the key exactly as typed, and say what is right.
func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	for text, says := range map[string][]string{
		// Types and names.
		"pagesize: 5":                            {"pagesize"},
		"Page_Size: 5":                           {"Page_Size"},
		"poll_intervall: 5m":                     {"poll_intervall"},
		"authentication: {oauth: {clientid: x}}": {"authentication", "oauth", "clientid"},
		"authentication: {basic: {user: x}}":     {"authentication", "basic", "user"},
		"retry: {retries: 5}":                    {"retry", "retries"},
		"rate_limit: {per: 5}":                   {"rate_limit", "per"},
		"tls: {ca: x}":                           {"tls", "ca"},
		"page_size: many":                        {"page_size"},
		"page_size: [5]":                         {"page_size"},
		"tenant_id: [a]":                         {"tenant_id"},
		"poll_interval: soon":                    {"poll_interval"},
		"poll_interval: 5 minutes":               {"poll_interval"},
		"revisit_ages: [5m, soon]":               {"revisit_ages[1]"},
		"retry: {honor_retry_after: perhaps}":    {"retry.honor_retry_after"},
		"retry: {http_codes: [many]}":            {"retry.http_codes[0]"},
		"storage: 'file storage!'":               {"storage"},

		// Durations without a unit.
		"timeout: 300":                                     {"timeout: 300 has no unit; write 300s"},
		"timeout: '300'":                                   {"timeout: 300 has no unit; write 300s"},
		"timeout: 1.5":                                     {"timeout: 1.5 has no unit; write 1.5s"},
		"poll_interval: 5":                                 {"poll_interval: 5 has no unit; write 5s"},
		"initial_lookback: 3600":                           {"initial_lookback: 3600 has no unit; write 3600s"},
		"min_age: -5":                                      {"min_age: -5 has no unit; write -5s"},
		"revisit_ages: [5m, 900, 30m, 3600]":               {"revisit_ages[1]: 900 has no unit; write 900s", "revisit_ages[3]: 3600 has no unit"},
		"idle_conn_timeout: 90":                            {"idle_conn_timeout: 90 has no unit; write 90s"},
		"http2_ping_timeout: 15":                           {"http2_ping_timeout: 15 has no unit"},
		"tls: {reload_interval: 60}":                       {"tls.reload_interval: 60 has no unit; write 60s"},
		"retry: {initial_interval: 1, max_interval: 30}":   {"retry.initial_interval: 1 has no unit", "retry.max_interval: 30 has no unit"},
		"retry: {max_retry_after: 20}":                     {"retry.max_retry_after: 20 has no unit; write 20s"},
		"rate_limit: {requests: 90, interval: 300}":        {"rate_limit.interval: 300 has no unit; write 300s"},
		"timeout: 300\npage_size: many\npoll_interval: 5m": {"timeout: 300 has no unit", "page_size"},

		// The service.
		"subscription_plan: business":             {`subscription_plan: "business" is none of enterprise, gcc, gcc_high, dod`},
		"subscription_plan: ''":                   {`subscription_plan: "" is none of`},
		"subscription_plan: Enterprise":           {`subscription_plan: "Enterprise" is none of`},
		"subscription_plan: gcc_high\napi: graph": {"api: graph: Microsoft Graph has no message trace in the cloud of subscription_plan gcc_high"},
		"subscription_plan: dod\napi: graph":      {"api: graph: Microsoft Graph has no message trace"},
		"subscription_plan: dod":                  {"endpoint: required with subscription_plan dod"},
		"api: rest":                               {`api: "rest" is none of graph, reporting_webservice`},
		"api: reporting_webservice\nendpoint: https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces": {
			"endpoint", "is of Microsoft Graph, but api is reporting_webservice",
		},
		"api: reporting_webservice\nauthentication: {oauth: {resource: 'https://graph.microsoft.com'}}": {
			"authentication.oauth.resource", "but api is reporting_webservice",
		},
		"api: reporting_webservice\npage_size: 2001":        {"page_size: 2001 is not between 100 and 2000"},
		"api: reporting_webservice\ninitial_lookback: 241h": {"initial_lookback: 241h is not between 0s and 240h"},
		"api: reporting_webservice\nrevisit_ages: [217h]":   {"revisit_ages[0]: 217h is greater than 216h"},
		"endpoint: graph.microsoft.com":                     {"endpoint", "not an absolute http or https URL"},
		"endpoint: /v1.0/messageTraces":                     {"endpoint", "not an absolute http or https URL"},
		"endpoint: ftp://graph.example/x":                   {"endpoint", "not an absolute http or https URL"},
		"endpoint: 'https://'":                              {"endpoint", "not an absolute http or https URL"},
		"endpoint: 'https://:443/messageTraces'":            {"endpoint", "not an absolute http or https URL"},
		"endpoint: 'https://graph.example/%zz'":             {"endpoint", "not an absolute http or https URL"},
		"endpoint: https://graph.example/x?$top=5":          {"endpoint: leave query and fragment out"},
		"endpoint: https://graph.example/x?":                {"endpoint: leave query and fragment out"},
		"endpoint: 'https://graph.example/x#y'":             {"endpoint: leave query and fragment out"},
		"endpoint: https://user:s3cr3t@graph.example/x":     {"endpoint: user information"},
		"endpoint: ftp://user:s3cr3t@graph.example/x":       {"endpoint: user information"},
		"endpoint: 'https://user:s3cr3t@%zz/x'":             {"endpoint: user information"},
		"authority_host: 'http://u:s3cr3t@login.example'":   {"authority_host: user information"},
		"endpoint: http://graph.example/x":                  {"endpoint", "would send tokens in the clear; use https"},
		"endpoint: http://localhost.example/x":              {"endpoint", "use https"},
		"endpoint: http://127.0.0.1.example/x":              {"endpoint", "use https"},
		"endpoint: https://outlook.office365.com/x":         {"endpoint", "Reporting Web Service, but api is graph"},
		"endpoint: https://manage.office.com/x":             {"endpoint", "Reporting Web Service, but api is graph"},
		"endpoint: https://x.example/Reporting.SVC/x":       {"endpoint", "Reporting Web Service, but api is graph"},
		"endpoint: https://Reports.Office365.us/ecp/x":      {"endpoint", "Reporting Web Service, but api is graph"},
		"timeout: -1s":                                       {"timeout: -1s is negative; 0 means unlimited"},
		"proxy_url: proxy.example":                           {"proxy_url: not an absolute URL"},
		"proxy_url: 'http://:3128'":                          {"proxy_url: not an absolute URL"},
		"proxy_url: 'http://user:s3cr3t@%zz/'":               {"proxy_url: not an absolute URL"},
		"tls: {ca_file: $HOME/ca.pem}":                       {"tls.ca_file: $HOME is not expanded; write ${env:HOME}"},
		"tls: {cert_file: $CERT, key_file: /keys/$KEY}":      {"tls.cert_file: $CERT is not", "tls.key_file: $KEY is not expanded; write ${env:KEY}"},
		"tls: {min_version: '1.3', max_version: '1.2'}":      {"tls", "min_version", "max_version"},
		"compression: gzip\ncompression_params: {level: 99}": {"compression"},

		// The sign-in.
		"tenant_id: ''":      {"tenant_id: required"},
		"tenant_id: contoso": {`tenant_id: "contoso" is neither a GUID nor a domain`},
		"tenant_id: 11111111-1111-1111-1111-11111111111":                                  {"tenant_id", "neither a GUID nor a domain"},
		"tenant_id: https://contoso.com":                                                  {"tenant_id", "neither a GUID nor a domain"},
		"tenant_id: -contoso.com":                                                         {"tenant_id", "neither a GUID nor a domain"},
		"tenant_id: contoso.com/common":                                                   {"tenant_id", "neither a GUID nor a domain"},
		"auth: {authenticator: oauth2client}":                                             {"authentication: found auth and authentication.oauth; give exactly one"},
		"authority_host: http://login.example":                                            {"authority_host", "is not an https URL"},
		"authority_host: login.microsoftonline.com":                                       {"authority_host", "is not an https URL"},
		"authority_host: 'https://:8443'":                                                 {"authority_host", "is not an https URL"},
		"authority_host: https://login.example/common":                                    {"authority_host", "the tenant belongs in tenant_id"},
		"authority_host: https://u:s3cr3t@login.example":                                  {"authority_host: user information"},
		"authentication: {basic: {username: u, password: p}}":                             {"found authentication.oauth and authentication.basic", "authentication.basic: works only with api reporting_webservice"},
		"authentication: {basic: {username: ''}}":                                         {"authentication.basic.username: required", "authentication.basic.password: required"},
		"authentication: {certificate: {client_id: x}}":                                   {"authentication.certificate.cert_file: required", "authentication.certificate.key_file: required"},
		"authentication: {certificate: {passphrase: a, passphrase_file: b}}":              {"authentication.certificate.passphrase and authentication.certificate.passphrase_file"},
		"authentication: {certificate: {key_file: $HOME/key}}":                            {"authentication.certificate.key_file: $HOME is not expanded; write ${env:HOME}"},
		"authentication: {workload_identity: {resource: graph}}":                          {`authentication.workload_identity.resource: "graph" is not a URI`},
		"authentication: {managed_identity: {resource: 'https://outlook.office365.com'}}": {"authentication.managed_identity.resource", "but api is graph"},
		"authority_host: 'https://login.example?a=b'":                                     {"authority_host", "more than a host and a port"},
		"authentication: {oauth: {client_id: ''}}":                                        {"authentication.oauth.client_id: required"},
		"authentication: {oauth: {client_secret: ''}}":                                    {"authentication.oauth.client_secret: required; give it or client_secret_file"},
		"authentication: {oauth: {client_secret_file: /run/secret}}": {
			"authentication.oauth.client_secret and authentication.oauth.client_secret_file: give one of them, not both",
		},
		"authentication: {oauth: {client_secret: '', client_secret_file: $CREDENTIALS_DIRECTORY/o365}}": {
			"authentication.oauth.client_secret_file: $CREDENTIALS_DIRECTORY is not expanded; write ${env:CREDENTIALS_DIRECTORY}",
		},
		"authentication: {oauth: {resource: graph}}":                              {`authentication.oauth.resource: "graph" is not a URI`},
		"authentication: {oauth: {resource: 'https://outlook.office365.com'}}":    {"authentication.oauth.resource", "but api is graph"},
		"authentication: {oauth: {resource: 'https://outlook-dod.office365.us'}}": {"authentication.oauth.resource", "but api is graph"},

		// When, and which stretch of mail.
		"poll_interval: 0":             {"poll_interval: 0s does not divide 60 minutes", "the nearest that does: 1s"},
		"poll_interval: -5m":           {"poll_interval: -5m", "the nearest that does: 1s"},
		"poll_interval: 500ms":         {"poll_interval: 500ms", "the nearest that does: 1s"},
		"poll_interval: 1500ms":        {"poll_interval: 1.5s", "the nearest that does: 1s, 2s"},
		"poll_interval: 23m":           {"poll_interval: 23m", "the nearest that does: 20m, 30m"},
		"poll_interval: 42m":           {"poll_interval: 42m", "the nearest that does: 30m, 1h"},
		"poll_interval: 45m":           {"poll_interval: 45m", "the nearest that does: 30m, 1h"},
		"poll_interval: 75m":           {"poll_interval: 1h15m", "the nearest that does: 1h"},
		"initial_lookback: 2160h1s":    {"initial_lookback: 2160h0m1s is not between 0s and 2160h"},
		"initial_lookback: -1s":        {"initial_lookback: -1s is not between 0s and 2160h"},
		"min_age: 24h1s":               {"min_age: 24h0m1s is not between 0s and 24h"},
		"min_age: -1m":                 {"min_age: -1m is not between"},
		"min_age: 5m":                  {"revisit_ages[0]: 5m is not greater than min_age, 5m"},
		"revisit_ages: [0s]":           {"revisit_ages[0]: 0s is not greater than min_age, 0s"},
		"revisit_ages: [1h, 30m, 45m]": {"revisit_ages[1]: 30m is not greater than the age before it, 1h", "revisit_ages[2]: 45m is not greater"},
		"revisit_ages: [1h, 1h]":       {"revisit_ages[1]: 1h is not greater than the age before it, 1h"},
		"revisit_ages: [241h]":         {"revisit_ages[0]: 241h is greater than 240h"},
		"page_size: 99":                {"page_size: 99 is not between 100 and 5000"},
		"page_size: 5001":              {"page_size: 5001 is not between 100 and 5000"},
		"page_size: 0":                 {"page_size: 0 is not between"},

		// Trouble.
		"retry: {type: exponential}":          {`retry.type: "exponential" is none of backoff, static, disabled`},
		"retry: {initial_interval: 21s}":      {"retry.initial_interval: 21s is not between 0s and 20s"},
		"retry: {initial_interval: -1s}":      {"retry.initial_interval: -1s is not between 0s and 20s"},
		"retry: {max_retries: 21}":            {"retry.max_retries: 21 is not between 0 and 20"},
		"retry: {max_retries: -1}":            {"retry.max_retries: -1 is not between 0 and 20"},
		"retry: {multiplier: 0.5}":            {"retry.multiplier: 0.5 is less than 1"},
		"retry: {multiplier: .nan}":           {"retry.multiplier: NaN is less than 1"},
		"retry: {max_interval: 999ms}":        {"retry.max_interval: 999ms is not between 1s and 10m"},
		"retry: {max_interval: 11m}":          {"retry.max_interval: 11m is not between 1s and 10m"},
		"retry: {max_retry_after: 10m1s}":     {"retry.max_retry_after: 10m1s is not between 0s and 10m"},
		"retry: {http_codes: [429, 200, 99]}": {"retry.http_codes[1]: 200 means success", "retry.http_codes[2]: 99 is not between 100 and 599"},
		"retry: {http_codes: [299]}":          {"retry.http_codes[0]: 299 means success"},
		"retry: {http_codes: [600]}":          {"retry.http_codes[0]: 600 is not between 100 and 599"},
		"rate_limit: {requests: -1}":          {"rate_limit.requests: -1 is negative; 0 means no limit"},
		"rate_limit: {interval: 0}":           {"rate_limit.interval: 0s is not greater than 0"},
		"rate_limit: {interval: -5m}":         {"rate_limit.interval: -5m is not greater than 0"},
	} {
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
initial_lookback: 3000h
min_age: 48h
page_size: 1
retry: {type: x, max_retries: 99}
rate_limit: {requests: -1, interval: 0}
`)
	require.Error(t, err)
	for _, key := range []string{
		"tenant_id: ", "api: ", "endpoint: ", "authority_host: ", "timeout: ", "proxy_url: ", "authentication.oauth.client_id: ",
		"authentication.oauth.client_secret: ", "authentication.oauth.resource: ", "poll_interval: ", "initial_lookback: ", "min_age: ",
		"page_size: ", "retry.type: ", "retry.max_retries: ", "rate_limit.requests: ", "rate_limit.interval: ",
	} {
		assert.Equal(t, 1, strings.Count("\n"+err.Error(), "\n"+key), "%q is reported once, in a line of its own:\n%v", key, err)
	}
}

func TestAllTypeErrorsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := load(t, least, "timeout: 300\nmin_age: 60\npage_size: many\ntls: {reload_interval: 5}\nrevisit_ages: [900]\nunheard_of: 1")
	require.Error(t, err)
	for _, part := range []string{"timeout: 300", "min_age: 60", "page_size", "tls.reload_interval: 5", "revisit_ages[0]: 900", "unheard_of"} {
		assert.ErrorContains(t, err, part)
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
