// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

const unsetVariable = "has no value, since the environment variable in it is not set or empty; set it, or leave the key out"

// problems are what is wrong with the configurations in testdata/problems, word for word. The first line of each says what is
// wanted.
var problems = map[string]string{
	"daterange-90d.yaml": "",
	"daterange-old.yaml": "date_range.end: 2026-02-01T00:00:00Z is further back than the service keeps mail, 2160h",
	"inspector-notinservice.yaml": `inspector: there is no extension "o365jobinspector"; define it under extensions, and add it to ` +
		"service.extensions",
	"job-timeout.yaml":     "job_timeout: `10 min`: write 10m",
	"rate-env.yaml":        "rate_limit: " + unsetVariable,
	"retry-env.yaml":       "retry: " + unsetVariable,
	"statuses.yaml":        "statuses: must be all or final, not a list",
	"storage-missing.yaml": `storage: there is no extension "file_storage"; define it under extensions, and add it to service.extensions`,
	"tenantID.yaml":        "unknown key tenantId: here it is tenant_id",
	"typo-key.yaml":        "unknown key pol_interval: did you mean poll_interval?",
	"typo-nested.yaml":     "unknown key authentication.oauth.clientid: did you mean client_id?",
	"unit-days.yaml":       "",
	"unit-min.yaml":        "poll_interval: `5 min`: write 5m",
}

func TestProblemsAreToldInOneLine(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "problems", "*.yaml"))
	require.NoError(t, err)
	assert.Len(t, files, len(problems))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			receivers, err := resolveAll(t, string(content), texts{
				"O365MT_TENANT_ID": "contoso.com", "O365MT_CLIENT_ID": "app", "O365MT_CLIENT_SECRET": "s3cr3t",
				"SIM": "https://localhost:1", "GRAPH": "https://localhost:1/messageTraces", "CA": "/ca.pem",
			}).Sub("receivers")
			require.NoError(t, err)
			own, err := receivers.Sub(metadata.Type.String())
			require.NoError(t, err)
			cfg, err := unmarshal(own)
			if err == nil {
				r, failed := newMessageTraceReceiver(receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
				require.NoError(t, failed)
				err = r.checkExtensions(componenttest.NewNopHost())
			}
			want := problems[filepath.Base(file)]
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Equal(t, want, said(err))
		})
	}
}

// said is what an error says after what the collector puts before it.
func said(err error) string {
	text := err.Error()
	if _, after, nested := strings.Cut(text, "'' "); nested {
		return after
	}
	return text
}

func TestUnsetVariablesNameTheKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"date_range: ${env:UNSET}":                           "date_range: " + unsetVariable,
		"filter: ${env:UNSET}":                               "filter: " + unsetVariable,
		"tls: ${env:UNSET}":                                  "tls: " + unsetVariable,
		"auth: ${env:UNSET}":                                 "auth: " + unsetVariable,
		"authentication: ${env:UNSET}\ntenant_id: a.example": "authentication: " + unsetVariable,
		"authentication: {oauth: \"${env:UNSET}\"}\ntenant_id: a.example": "authentication.oauth: " + unsetVariable,
		"fields: [\"${env:UNSET}\"]":                                      "fields[0]: " + unsetVariable,
		"poll_interval: ${env:UNSET}":                                     "poll_interval: " + unsetVariable,
		"revisit_ages: ${env:UNSET}":                                      "revisit_ages: " + unsetVariable,
		"retry: {type: \"${env:UNSET}\"}":                                 "retry.type: " + unsetVariable,
		"statuses: ${env:UNSET}":                                          "statuses: " + unsetVariable,
		"retry: ${env:UNSET}\nmin_age: -1h\nunheard_of: true":             "retry: " + unsetVariable + "\nunknown key unheard_of\nmin_age: -1h is not between 0s and 24h",
	} {
		if !strings.HasPrefix(text, "authentication") {
			text = least + text
		}
		_, err := resolve(t, text, nil)
		require.Error(t, err, text)
		assert.Equal(t, want, said(err), text)
	}
}

// Where no value is right as a rule, an unset variable is one more thing to say of a rule that is broken.
func TestUnsetVariablesOfRequiredTexts(t *testing.T) {
	t.Parallel()
	const signIn = "authentication: {oauth: {client_id: app, client_secret: \"${env:UNSET}\"}}\n"
	_, err := resolve(t, signIn+"tenant_id: ${env:UNSET}\nmin_age: -1h\nproxy_url: ${env:UNSET}", nil)
	require.Error(t, err)
	assert.Equal(t, []string{
		"authentication.oauth.client_secret: required; give it or client_secret_file; the environment variable in it is not set or empty",
		"tenant_id: required; give the tenant's GUID or one of its verified domains; the environment variable in it is not set or empty",
		"min_age: -1h is not between 0s and 24h",
	}, strings.Split(said(err), "\n"))
}

func TestDaysAreAUnitEverywhere(t *testing.T) {
	t.Parallel()
	cfg, err := resolve(t, `
tenant_id: contoso.com
timeout: 0.5d
initial_lookback: 90d
min_age: ${env:AGE}
revisit_ages: [1d12h, 2d, 72h, "${env:DAYS}"]
job_timeout: 1d
job_ttl: 7d
tls: {reload_interval: 1d, ca_file: "${env:NUMBER}"}
rate_limit: ${env:RATE}
authentication: {oauth: {client_id: "${env:NUMBER}", client_secret: "0012"}}
tags: ["${env:NUMBER}"]
`, map[string]string{"AGE": "1d", "DAYS": "10d", "NUMBER": "0012", "RATE": "{requests: 5, interval: 1d}"})
	require.NoError(t, err)
	for text, d := range map[string]string{
		"12h": short(cfg.Timeout), "2160h": short(cfg.InitialLookback), "24h": short(cfg.MinAge), "36h": short(cfg.RevisitAges[0]),
		"48h": short(cfg.RevisitAges[1]), "72h": short(cfg.RevisitAges[2]), "240h": short(cfg.RevisitAges[3]), "168h": short(cfg.JobTTL),
	} {
		assert.Equal(t, text, d)
	}
	assert.Equal(t, "24h", short(cfg.JobTimeout))
	assert.Equal(t, "24h", short(cfg.RateLimit.Interval))
	assert.Equal(t, "24h", short(cfg.TLS.ReloadInterval))
	assert.Equal(t, 5, cfg.RateLimit.Requests)
	assert.Equal(t, "0012", cfg.TLS.CAFile, "what stands beside stays the text that it is")
	assert.Equal(t, "0012", cfg.Authentication.OAuth.Get().ClientID)
	assert.Equal(t, []string{"0012"}, cfg.Tags)
}

func TestSettingsOfCriblAreKnown(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "docs", "migrate-from-cribl.md"))
	require.NoError(t, err)
	same := map[string]bool{"resource": true, "timeout": true, "environment": true, "multiplier": true, "passphrase": true}
	known := map[string]bool{}
	for path := range criblNames {
		known[path[strings.LastIndexByte(path, '.')+1:]] = true
	}
	_, tables, _ := strings.Cut(string(guide), "\n## Settings\n")
	row := regexp.MustCompile("(?m)^\\|[^|]*\\| ([^|]*`[^|]*) \\|[^|]*\\|[^|]*\\|$")
	name := regexp.MustCompile("`([A-Za-z. ]*?)\\.?([A-Za-z]+)(: \\w+)?`")
	rows := 0
	for _, cells := range row.FindAllStringSubmatch(tables, -1) {
		if cells[1] == "`inputs.yml`" {
			continue
		}
		for _, setting := range name.FindAllStringSubmatch(cells[1], -1) {
			rows++
			assert.True(t, known[setting[2]] || same[setting[2]], "%s", setting[0])
		}
	}
	assert.Greater(t, rows, 40)
}

func TestSettingsOfCriblAreToldWhereTheyBelong(t *testing.T) {
	t.Parallel()
	for path, here := range criblNames {
		keys := strings.Split(path, ".")
		text := keys[len(keys)-1] + ": ''"
		for i := len(keys) - 2; i >= 0; i-- {
			text = keys[i] + ": {" + text + "}"
		}
		_, err := load(t, text)
		if path == "resource" {
			continue
		}
		if strings.Contains(here, " ") {
			require.ErrorContains(t, err, "unknown key "+path+": "+here)
			continue
		}
		if rest, same := strings.CutPrefix(here, strings.Join(keys[:len(keys)-1], ".")+"."); same {
			here = rest
		}
		require.ErrorContains(t, err, "unknown key "+path+": here it is "+here, path)
	}
	_, err := load(t, least, `
retryRules: {type: none, interval: 1000, limit: 5, codes: [429], enableHeader: true}
url: https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace
`)
	assert.Equal(t, []string{
		"unknown key retryRules: here it is retry",
		"unknown key retryRules.codes: here it is http_codes",
		"unknown key retryRules.enableHeader: here it is honor_retry_after",
		"unknown key retryRules.interval: here it is initial_interval",
		"unknown key retryRules.limit: here it is max_retries",
		"unknown key url: here it is endpoint",
		`endpoint: "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace" is of the Reporting Web Service, but api is graph`,
		`retry.type: "none" is none of backoff, static, disabled`,
	}, strings.Split(said(err), "\n"))
}

// goNames matches what users of a configuration know nothing of.
var goNames = regexp.MustCompile(`\b[a-z]+\.[A-Z]\w+|interface ?\{|map\[|\[\]|unconvertible|struct`)

func TestProblemsSayNothingOfGo(t *testing.T) {
	t.Parallel()
	for text := range wrong() {
		_, err := load(t, least, text)
		assert.NotRegexp(t, goNames, err.Error(), text)
	}
}
