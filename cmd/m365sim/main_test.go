// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noEnvironment(string) string { return "" }

// started runs the program until the test ends, and returns its first line.
func started(t *testing.T, args ...string) (line string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	output, stdout := io.Pipe()
	result := make(chan error, 1)
	go func() {
		result <- run(ctx, args, noEnvironment, stdout, io.Discard)
		_ = stdout.Close()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSuffix(line, "\n"), func() error {
		cancel()
		return <-result
	}
}

func TestServesUntilToldToStop(t *testing.T) {
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	line, stop := started(t, "--listen", "127.0.0.1:0", "--ca-file", caFile, "--rows-per-day", "1000", "--late", "none")
	match := regexp.MustCompile(`^listening on (https://127\.0\.0\.1:\d+), CA in (.+)$`).FindStringSubmatch(line)
	require.NotNil(t, match, line)
	assert.Equal(t, caFile, match[2])

	text, err := os.ReadFile(caFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, match[1]+"/_sim/ledger", http.NoBody)
	require.NoError(t, err)
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.InDelta(t, 1000, strings.Count(string(body), "\n"), 100, "a day of history")

	begin := time.Now()
	require.NoError(t, stop())
	assert.Less(t, time.Since(begin), time.Second)
	transport.CloseIdleConnections()
}

func TestHistory(t *testing.T) {
	got, err := parse([]string{"--history", "2h"}, noEnvironment, io.Discard)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(-2*time.Hour), got.simulator.Traffic.From, time.Minute)
}

func TestAMessageToAllStaff(t *testing.T) {
	line, stop := started(t, "--listen", "127.0.0.1:0", "--plain", "--rows-per-day", "0", "--all-staff", "3", "--all-staff", "4@2026-11-22T12:00:00Z")
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	address := strings.TrimSuffix(strings.TrimPrefix(line, "listening on "), ", without TLS")
	ledger := read(t, transport, address+"/_sim/ledger")
	assert.Equal(t, 7, strings.Count(ledger, `"subject":"To all staff"`))
	assert.Equal(t, 4, strings.Count(ledger, `"received":"2026-11-22T12:00:00Z"`))
	require.NoError(t, stop())
}

// A simulator that is started again, on the same port and with the same CA, is
// the one that a client already knows.
func TestRestart(t *testing.T) {
	folder := t.TempDir()
	args := []string{
		"--ca-file", filepath.Join(folder, "ca.pem"), "--ca-key-file", filepath.Join(folder, "key.pem"),
		"--from", time.Now().UTC().Add(-time.Hour).Format(time.RFC3339), "--late", "none", "--chaos", "1", "--chaos-for", "1h",
	}
	address := "127.0.0.1:0"
	var transport *http.Transport
	until := time.Now().UTC().Add(-time.Minute).Format("2006-01-02T15:04:05Z")
	var ledgers []string
	for range 2 {
		line, stop := started(t, append([]string{"--listen", address}, args...)...)
		match := regexp.MustCompile(`https://(127\.0\.0\.1:\d+),`).FindStringSubmatch(line)
		require.NotNil(t, match, line)
		address = match[1]
		if transport == nil {
			text, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
			require.NoError(t, err)
			pool := x509.NewCertPool()
			require.True(t, pool.AppendCertsFromPEM(text))
			transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
			t.Cleanup(transport.CloseIdleConnections)
		}
		ledgers = append(ledgers, read(t, transport, "https://"+address+"/_sim/ledger?to="+until+"&at="+until))
		assert.Contains(t, read(t, transport, "https://"+address+"/_sim/faults"), `"kind":"chaos"`)
		require.NoError(t, stop()) // with a connection that is still open
	}
	assert.NotEmpty(t, ledgers[0])
	assert.Equal(t, ledgers[0], ledgers[1], "the same tenant")
	info, err := os.Stat(filepath.Join(folder, "key.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func read(t *testing.T, transport http.RoundTripper, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func TestPlainNeedsNoCAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	line, stop := started(t, "--listen", "127.0.0.1:0", "--plain")
	assert.Regexp(t, `^listening on http://127\.0\.0\.1:\d+, without TLS$`, line)
	require.NoError(t, stop())
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestFailures(t *testing.T) {
	for want, args := range map[string][]string{
		"flag provided but not defined: -nonsense":   {"--nonsense"},
		`unexpected argument "more"`:                 {"more"},
		"--late: ":                                   {"--late", "sometimes"},
		"--history must not be negative":             {"--history", "-1h"},
		"--from: ":                                   {"--from", "noon"},
		"--chaos: probability must be":               {"--chaos", "30"},
		`"many" is no number of recipients`:          {"--all-staff", "many"},
		`"0" is no number of recipients`:             {"--all-staff", "0@2026-11-22T12:00:00Z"},
		`cannot parse "noon"`:                        {"--all-staff", "5@noon"},
		"CA key file: ":                              {"--listen", "127.0.0.1:0", "--ca-key-file", t.TempDir()},
		"rows per day must be":                       {"--rows-per-day", "-1"},
		"simulator: ":                                {"--listen", "nowhere.invalid:1"},
		"CA file: ":                                  {"--listen", "127.0.0.1:0", "--ca-file", filepath.Join(t.TempDir(), "no", "ca.pem")},
		"share of status changes must be at most 1,": {"--status-changes", "2"},
	} {
		assert.ErrorContains(t, run(t.Context(), args, noEnvironment, io.Discard, io.Discard), want)
	}
}

func TestEveryFlagIsUnderstoodAndExplained(t *testing.T) {
	args := []string{
		"--listen", "h:1", "--ca-file", "f", "--hosts", "a, b,", "--plain", "--no-ledger", "--rows-per-day", "5", "--history", "2h",
		"--seed", "9", "--domain", "d.example", "--late", "none", "--status-changes", "0", "--no-incidents", "--tenants", "3", "--tenant-id", "t",
		"--client-id", "c", "--client-secret", "s", "--token-lifetime", "1m", "--quota", "0", "--quota-interval", "1s", "--no-retry-after", "--details-quota", "7",
		"--ca-key-file", "k", "--from", "2026-11-22T13:00:00+01:00", "--chaos", "0.3", "--chaos-for", "60s",
		"--all-staff", "150000@2026-11-22T12:00:00.5Z",
	}
	got, err := parse(args, noEnvironment, io.Discard)
	require.NoError(t, err)
	from := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, options{
		caFile: "f", caKeyFile: "k", tenants: 3,
		chaos:    fault.Rule{Kind: fault.Chaos, Probability: 0.3, For: time.Minute},
		allStaff: []allStaff{{150_000, from.Add(time.Second / 2)}},
		listen:   simulator.ListenConfig{Address: "h:1", Plain: true, Hosts: []string{"a", "b"}},
		simulator: simulator.Config{
			TenantID: "t", ClientID: "c", ClientSecret: "s", TokenLifetime: time.Minute,
			Quota: -1, QuotaInterval: time.Second, DetailsQuota: 7, NoRetryAfter: true, NoInspection: true, FaultSeed: 9,
			Traffic: traffic.Config{
				RowsPerDay: 5, Seed: 9, From: from, Domain: "d.example", Delays: traffic.NoDelays(), StatusChanges: -1, NoIncidents: true,
			},
		},
	}, got)

	var help strings.Builder
	require.ErrorIs(t, run(t.Context(), []string{"--help"}, noEnvironment, &help, io.Discard), flag.ErrHelp)
	for _, arg := range args {
		if strings.HasPrefix(arg, "--") {
			assert.Contains(t, help.String(), "\n  "+arg)
		}
	}
	for line := range strings.Lines(help.String()) {
		assert.LessOrEqual(t, len(line), 100, line)
	}
}

func TestSecretsMayComeFromTheEnvironment(t *testing.T) {
	environment := func(name string) string { return "from " + name }
	got, err := parse([]string{"--client-id", "flag"}, environment, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "from M365SIM_TENANT_ID", got.simulator.TenantID)
	assert.Equal(t, "flag", got.simulator.ClientID)
	assert.Equal(t, "from M365SIM_CLIENT_SECRET", got.simulator.ClientSecret)
}

// get returns the page at a URL.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestIncidentsAreStagedAtTheStart(t *testing.T) {
	line, stop := started(t, "--listen", "127.0.0.1:0", "--plain", "--rows-per-day", "0",
		"--incident", "bulk", "--incident", "auto_forward@90s")
	url := regexp.MustCompile(`http://[^ ,]+`).FindString(line)
	body := get(t, url+"/_sim/incidents")
	assert.Contains(t, body, `"kind":"bulk"`)
	assert.Contains(t, body, `"kind":"forwarding"`)
	require.NoError(t, stop())

	for _, wrong := range []string{"fire", "bulk@soon"} {
		_, err := parse([]string{"--incident", wrong}, noEnvironment, io.Discard)
		require.ErrorContains(t, err, "incident", wrong)
	}
}

func TestServesSeveralTenants(t *testing.T) {
	line, stop := started(t, "--listen", "127.0.0.1:0", "--plain", "--rows-per-day", "0", "--tenants", "3", "--chaos", "0.1")
	base := strings.TrimSuffix(strings.TrimPrefix(line, "listening on "), ", without TLS")
	assert.Equal(t, 3, strings.Count(get(t, base+"/_sim/tenants"), "\n"))
	require.NoError(t, stop())

	_, err := parse([]string{"--tenants", "0"}, noEnvironment, io.Discard)
	require.ErrorContains(t, err, "--tenants")
}
