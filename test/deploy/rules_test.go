// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const (
	rulesFile      = folder + "/prometheus/rules.yaml"
	rulesTestsFile = folder + "/prometheus/rules_test.yaml"
)

type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	var rules struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	parse(t, rulesFile, &rules)
	for _, group := range rules.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func TestAlertsAreAsTheirTestsSay(t *testing.T) {
	promtool := program(t, "promtool")
	run(t, promtool, "check", "rules", rulesFile)
	run(t, promtool, "test", "rules", rulesTestsFile)
}

// Each alert is seen to fire, and not to.
func TestEachAlertHasTests(t *testing.T) {
	var tests struct {
		Tests []struct {
			Checks []struct {
				Name   string `json:"alertname"`
				Alerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, rulesTestsFile)), &tests))
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, check := range test.Checks {
			if len(check.Alerts) > 0 {
				fires[check.Name] = true
			} else {
				rests[check.Name] = true
			}
		}
	}
	for _, alert := range alerts(t) {
		assert.True(t, fires[alert.Alert], "no test sees %s fire", alert.Alert)
		assert.True(t, rests[alert.Alert], "no test sees %s rest", alert.Alert)
	}
}

func TestAlertsNameMetricsThatExist(t *testing.T) {
	known := metrics(t)
	for _, alert := range alerts(t) {
		for _, metric := range named(alert.Expr) {
			assert.True(t, known[metric], "%s: there is no %s", alert.Alert, metric)
		}
		assert.Contains(t, []string{"warning", "critical"}, alert.Labels["severity"], alert.Alert)
		assert.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		assert.NotEmpty(t, alert.Annotations["description"], alert.Alert)
	}
}

var (
	watched = regexp.MustCompile("(?m)^\\| (`.*?) \\| (.*?) \\|$")
	quoted  = regexp.MustCompile("`(\\w+)`")
)

// What to watch, in the documents, is a table of metrics and of when to be alerted.
func TestAllThatIsToBeWatchedHasAnAlert(t *testing.T) {
	documents, err := filepath.Glob(root + "/docs/*.md")
	require.NoError(t, err)
	section := ""
	for _, document := range append(documents, root+"/README.md") {
		if _, after, found := strings.Cut(read(t, document), "\n## What to watch\n"); found {
			section, _, _ = strings.Cut(after, "\n## ")
		}
	}
	require.NotEmpty(t, section, "no document has a section What to watch")
	var exprs []string
	for _, alert := range alerts(t) {
		exprs = append(exprs, named(alert.Expr)...)
	}
	count := 0
	for _, line := range watched.FindAllStringSubmatch(section, -1) {
		if strings.HasPrefix(line[2], "No alert") {
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(line[1], -1) {
			if name[1] != "state" && name[1] != "outcome" { // labels
				count++
				assert.Contains(t, exprs, "otelcol_receiver_o365_message_trace_"+name[1], "no alert watches %s", name[1])
			}
		}
	}
	assert.GreaterOrEqual(t, count, 8)
}

// The Prometheus operator wants the same rules in an object of its own.
func TestRulesOfTheOperatorAreUpToDate(t *testing.T) {
	_, groups, found := strings.Cut(read(t, rulesFile), "\ngroups:\n")
	require.True(t, found)
	upToDate(t, folder+"/prometheus/prometheusrule.yaml", `# Made from rules.yaml by go test -update in test/deploy.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: o365messagetrace
spec:
  groups:
`+regexp.MustCompile("(?m)^(.)").ReplaceAllString(groups, "  $1"))
}

func TestEachAlertIsInTheDocuments(t *testing.T) {
	document := read(t, root+"/docs/deploying.md")
	for _, alert := range alerts(t) {
		assert.Contains(t, document, "`"+alert.Alert+"`")
	}
}
