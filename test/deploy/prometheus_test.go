// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a Prometheus that scrapes a collector.
type server struct {
	t   *testing.T
	url string
}

var waiting = regexp.MustCompile(`(?m)^( +for:) .*$`)

// startPrometheus runs it with the rules of deploy/prometheus, which wait for seconds in place of minutes.
func startPrometheus(t *testing.T, target string) *server {
	prometheus := program(t, "prometheus")
	dir := t.TempDir()
	rules := waiting.ReplaceAllString(read(t, rulesFile), "$1 2s")
	require.Contains(t, rules, "_lag) > 900")
	rules = strings.Replace(rules, "_lag) > 900", "_lag) > 20", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(rules), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yaml"), fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: o365messagetrace
    static_configs: [{targets: ['%s']}]
`, target), 0o600))
	address, _ := freeAddress(t)
	start(t, prometheus, "--config.file", filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", address, "--log.level", "warn")
	s := &server{t: t, url: "http://" + address}
	client := &http.Client{Timeout: 5 * time.Second}
	eventually(t, time.Minute, func() bool {
		response, err := client.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, "Prometheus starts")
	return s
}

// get reads an answer of the API.
func (s *server) get(path string, into any) {
	response, err := http.Get(s.url + path)
	require.NoError(s.t, err)
	defer response.Body.Close()
	require.Equal(s.t, http.StatusOK, response.StatusCode, path)
	require.NoError(s.t, json.NewDecoder(response.Body).Decode(into))
}

// count returns how many series a query has.
func (s *server) count(query string) int {
	var answer struct{ Data struct{ Result []any } }
	s.get("/api/v1/query?query="+url.QueryEscape(query), &answer)
	return len(answer.Data.Result)
}

// firing reports whether an alert fires.
func (s *server) firing(name string) bool {
	return s.count(fmt.Sprintf(`ALERTS{alertname=%q,alertstate="firing"}`, name)) > 0
}

// TestAlertsFireAndClear has a real Prometheus watch the built collector while things go wrong at the service.
func TestAlertsFireAndClear(t *testing.T) {
	program(t, "prometheus")
	tenant := startTenant(t)
	target, port := freeAddress(t)
	state := t.TempDir()
	collector := tenant.startCollector(t, state, port)
	prometheus := startPrometheus(t, target)
	eventually(t, time.Minute, func() bool {
		return prometheus.count("otelcol_receiver_o365_message_trace_lag < 10") > 0 && prometheus.count(`ALERTS{severity="critical"}`) == 0
	}, "mail is read, and nothing is wrong")

	tenant.order(t, http.MethodPost, "faults", `{"kind": "5xx", "status": 503, "on": "page"}`)
	eventually(t, 2*time.Minute, func() bool { return prometheus.firing("O365MessageTraceLagging") }, "it fires")
	tenant.order(t, http.MethodDelete, "faults", "")
	eventually(t, 2*time.Minute, func() bool { return !prometheus.firing("O365MessageTraceLagging") }, "it clears")

	tenant.order(t, http.MethodPost, "incidents", `{"kind": "lookalike"}`)
	eventually(t, 2*time.Minute, func() bool {
		return prometheus.count(`ALERTS{alertname="O365Finding",rule="lookalike_domain",alertstate="firing"}`) > 0
	}, "a finding fires")

	for _, board := range shown(t) {
		asked := queries(t, board)
		eventually(t, time.Minute, func() bool {
			shows := 0
			for _, query := range asked {
				shows += min(1, prometheus.count(query))
			}
			return shows > len(asked)/2
		}, *board.Title+" shows something in most panels")
	}

	collector.end(syscall.SIGTERM)
	eventually(t, time.Minute, func() bool { return prometheus.firing("O365MessageTraceDown") }, "the collector is down")
	tenant.startCollector(t, state, port)
	eventually(t, time.Minute, func() bool { return !prometheus.firing("O365MessageTraceDown") }, "it is up again")
}
