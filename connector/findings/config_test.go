// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaults(t *testing.T) {
	cfg, err := configured(t, "{}")
	require.NoError(t, err)
	assert.Equal(t, 2*time.Hour, cfg.Lateness)
	assert.Equal(t, 24*time.Hour, cfg.QuietPeriod)
	assert.Equal(t, 100_000, cfg.MaxTracked)
	assert.True(t, cfg.Rules.BulkMail.Enabled)
}

func TestPartsOfARuleKeepTheirDefaults(t *testing.T) {
	cfg, err := configured(t, `
local_domains: [contoso.com, "köln.example"]
protected_domains: [fabrikam.com]
sending_networks: [192.0.2.0/24, "2001:db8::/32", 198.51.100.7]
lateness: 0s
quiet_period: 1h
max_tracked: 5000
rules:
  bulk_mail:
    recipients: 50
    inside: {recipients: 20}
    ignore: {senders: [News@Contoso.com], domains: [news.example], subjects: ["(?i)^digest"]}
  exfiltration: {multiple: 2.5, bytes: 1000, messages: 10}
  failure_burst: {enabled: false}
`)
	require.NoError(t, err)
	assert.EqualValues(t, 50, cfg.Rules.BulkMail.Recipients)
	assert.Equal(t, time.Hour, cfg.Rules.BulkMail.Within)
	assert.True(t, cfg.Rules.BulkMail.Enabled)
	assert.False(t, cfg.Rules.FailureBurst.Enabled)
	assert.EqualValues(t, 30, cfg.Rules.FailureBurst.Recipients)
}

// Every wrong setting is refused with its key.
func TestWrongSettings(t *testing.T) {
	for text, want := range map[string]string{
		"local_domains: [contoso]":                               `local_domains[0]: "contoso" is no domain name`,
		"local_domains: [ok.com, 'a@b.com']":                     `local_domains[1]`,
		"protected_domains: ['x..y']":                            `protected_domains[0]`,
		local + "sending_networks: [192.0.2.0/33]":               `sending_networks[0]: "192.0.2.0/33" is no IP address or network`,
		"sending_networks: [192.0.2.1]":                          `sending_networks: needs local_domains`,
		"lateness: -1s":                                          `lateness: must be from 0s`,
		"lateness: 169h":                                         `lateness`,
		"lateness: 300":                                          `lateness: 300 has no unit`,
		"quiet_period: 30s":                                      `quiet_period: must be whole seconds, from 1m`,
		"quiet_period: 721h":                                     `quiet_period`,
		"max_tracked: 99":                                        `max_tracked: must be from 100`,
		"max_tracked: 10000001":                                  `max_tracked`,
		"max_trackd: 5":                                          `max_trackd`,
		"rules: {bulk_mial: {}}":                                 `bulk_mial`,
		"rules: {bulk_mail: {bytes: 5}}":                         `bytes`,
		"rules: {bulk_mail: {recipients: 0}}":                    `rules.bulk_mail.recipients: must be at least 1, not 0`,
		"rules: {bulk_mail: {inside: {recipients: -1}}}":         `rules.bulk_mail.inside.recipients: must not be negative`,
		"rules: {bulk_mail: {within: 0s}}":                       `rules.bulk_mail.within: must be whole seconds`,
		"rules: {bulk_mail: {within: 169h}}":                     `rules.bulk_mail.within`,
		"rules: {bulk_mail: {within: 60}}":                       `rules.bulk_mail.within: 60 has no unit`,
		"rules: {lookalike_domain: {messages: -1}}":              `rules.lookalike_domain.messages`,
		"rules: {spoofed_domain: {messages: 0}}":                 `rules.spoofed_domain.messages`,
		"rules: {exfiltration: {bytes: 0}}":                      `rules.exfiltration.bytes`,
		"rules: {exfiltration: {multiple: 0.5}}":                 `rules.exfiltration.multiple: must be at least 1`,
		"rules: {exfiltration: {multiple: .nan}}":                `rules.exfiltration.multiple`,
		"rules: {auto_forward: {messages: 0}}":                   `rules.auto_forward.messages`,
		"rules: {removed_after_delivery: {recipients: 0}}":       `rules.removed_after_delivery.recipients`,
		"rules: {failure_burst: {recipients: 0}}":                `rules.failure_burst.recipients`,
		"rules: {bulk_mail: {ignore: {senders: [contoso.com]}}}": `rules.bulk_mail.ignore.senders[0]: "contoso.com" is no address`,
		"rules: {bulk_mail: {ignore: {domains: ['@x.com']}}}":    `rules.bulk_mail.ignore.domains[0]`,
		"rules: {bulk_mail: {ignore: {subjects: ['(']}}}":        `rules.bulk_mail.ignore.subjects[0]`,
		"rules: {bulk_mail: {ignore: {subject: [x]}}}":           `subject`,
	} {
		_, err := configured(t, text)
		require.ErrorContains(t, err, want, text)
	}
	_, err := configured(t, "lateness: -1s\nmax_tracked: 1\nrules: {bulk_mail: {recipients: 0}}")
	for _, want := range []string{"lateness", "max_tracked", "rules.bulk_mail.recipients"} {
		require.ErrorContains(t, err, want, "all at once")
	}
}
