// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const secret = "end-to-end-secret"

// process is a program that runs until the test ends, and what it prints.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(data) //nolint:wrapcheck // never fails
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, program string, args ...string) *process {
	p := &process{cmd: exec.Command(program, args...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			printed := p.printed()
			t.Logf("%s printed:\n%s", filepath.Base(program), printed[max(0, len(printed)-4000):])
		}
	})
	return p
}

// end sends a signal and waits for the process to be gone.
func (p *process) end(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	_ = p.cmd.Wait()
}

// freeAddress returns an address of this machine on which nothing listens.
func freeAddress(t *testing.T) (address, port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return listener.Addr().String(), port
}

// tenant is a simulated tenant.
type tenant struct {
	*process
	url, caFile string
	client      *http.Client
}

var listening = regexp.MustCompile(`listening on (https://[^ ,]+)`)

// startTenant simulates the tenant of the overlay one-tenant.
func startTenant(t *testing.T) *tenant {
	s := &tenant{caFile: filepath.Join(t.TempDir(), "ca.pem")}
	s.process = start(t, built(t, "O365MT_SIMULATOR"), "--listen", "127.0.0.1:0", "--ca-file", s.caFile, "--quota", "0",
		"--tenant-id", "11111111-1111-1111-1111-111111111111", "--client-id", "22222222-2222-2222-2222-222222222222", "--client-secret", secret,
		"--rows-per-day", "50000", "--history", "10m", "--late", "none", "--no-incidents")
	eventually(t, 30*time.Second, func() bool {
		match := listening.FindStringSubmatch(s.printed())
		if match != nil {
			s.url = match[1]
		}
		return match != nil
	}, "the simulator starts")
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(read(t, s.caFile))))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	return s
}

// order asks the simulator for something.
func (s *tenant) order(t *testing.T, method, path, body string) {
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+"/_sim/"+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	require.Less(t, response.StatusCode, http.StatusMultipleChoices, string(text))
}

// startCollector runs the configuration of the overlay one-tenant against a simulated tenant, faster than usual.
func (s *tenant) startCollector(t *testing.T, state, metricsPort string) *process {
	dir := t.TempDir()
	health, _ := freeAddress(t)
	require.NoError(t, os.WriteFile(dir+"/secret", []byte(secret), 0o600))
	require.NoError(t, os.WriteFile(dir+"/override.yaml", fmt.Appendf(nil, `
receivers:
  o365messagetrace:
    endpoint: %[1]s/v1.0/admin/exchange/tracing/messageTraces
    authority_host: %[1]s
    tls: {ca_file: %[2]s}
    authentication: {oauth: {client_secret_file: %[3]s/secret}}
    poll_interval: 1s
    initial_lookback: 1m
    retry: {type: disabled}
    rate_limit: {requests: 0}
exporters: {otlp_grpc: {endpoint: "localhost:1"}}
extensions:
  file_storage: {directory: %[4]s}
  health_check: {http: {endpoint: "%[5]s"}}
service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %[6]s}}}}]}}}
`, s.url, s.caFile, dir, state, health, metricsPort), 0o600))
	return start(t, built(t, "O365MT_COLLECTOR"), componentStatus, "--config", folder+"/kubernetes/config/collector.yaml",
		"--config", folder+"/kubernetes/overlays/one-tenant/tenants.yaml", "--config", dir+"/override.yaml")
}

func eventually(t *testing.T, within time.Duration, condition func() bool, what string) {
	require.Eventually(t, condition, within, 200*time.Millisecond, what)
}
