// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
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

const (
	tenantID     = "11111111-1111-1111-1111-111111111111"
	clientID     = "22222222-2222-2222-2222-222222222222"
	clientSecret = "end-to-end-secret"
)

// program is a running binary and what it prints.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{}

	mu     sync.Mutex
	output strings.Builder
}

// start runs a binary until the test ends.
func start(t *testing.T, variable string, args ...string) *program {
	binary := os.Getenv(variable)
	require.NotEmpty(t, binary, "%s is not set: run make check-e2e", variable)
	return startCommand(t, exec.Command(binary, args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	p := &program{t: t, cmd: cmd, exited: make(chan struct{})}
	pipe, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.exited)
		lines := bufio.NewReader(pipe)
		for {
			line, err := lines.ReadString('\n')
			p.mu.Lock()
			p.output.WriteString(line)
			p.mu.Unlock()
			if err != nil {
				_ = p.cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(cmd.Path), tail(p.printed(), 8000))
		}
	})
	return p
}

// end sends a signal and waits for the process to be gone.
func (p *program) end(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.t.Errorf("%s did not end on %s", p.cmd.Path, signal)
	}
}

func (p *program) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

// tenant is a simulated tenant.
type tenant struct {
	*program
	url, caFile string
	client      *http.Client
}

var listening = regexp.MustCompile(`listening on (https://[^ ,]+)`)

func startTenant(t *testing.T, args ...string) *tenant {
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	p := start(t, "O365MT_SIMULATOR", append([]string{
		"--listen", "127.0.0.1:0", "--ca-file", caFile,
		"--tenant-id", tenantID, "--client-id", clientID, "--client-secret", clientSecret,
	}, args...)...)
	var url string
	require.Eventually(t, func() bool {
		match := listening.FindStringSubmatch(p.printed())
		if match != nil {
			url = match[1]
		}
		return match != nil
	}, 10*time.Second, 20*time.Millisecond)
	pem, err := os.ReadFile(caFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &tenant{program: p, url: url, caFile: caFile, client: &http.Client{Transport: transport}}
}

// row is a row of the simulator's ledger.
type row struct {
	ID, Sender, Recipient string
	MessageID, Subject    *string
	FromIP, ToIP          *string
	Received              time.Time
	Size                  int64
	Timeline              []struct {
		At     time.Time
		Status string
	}
}

func (r row) key() string { return r.ID + "|" + r.Recipient }

// rows returns the rows received in the given time and visible at its end.
func (s *tenant) rows(from, to time.Time) (all []row) {
	const layout = "2006-01-02T15:04:05Z"
	url := fmt.Sprintf("%s/_sim/ledger?from=%s&to=%s&at=%s", s.url, from.UTC().Format(layout), to.UTC().Format(layout), to.UTC().Format(layout))
	resp, err := s.client.Get(url)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	decoder := json.NewDecoder(resp.Body)
	for {
		var r row
		err := decoder.Decode(&r)
		if err == io.EOF {
			return all
		}
		require.NoError(s.t, err)
		all = append(all, r)
	}
}

// startCollector runs the collector with a configuration in which the fields of the tenant have been filled in.
func (s *tenant) startCollector(config string) *program {
	t := s.t
	file := filepath.Join(t.TempDir(), "config.yaml")
	config = strings.NewReplacer("URL", s.url, "CA_FILE", s.caFile, "TENANT", tenantID, "CLIENT", clientID,
		"SECRET", clientSecret).Replace(config)
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return start(t, "O365MT_COLLECTOR", "--config", file)
}
