// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhateverAMachineDoes ends, pauses and cuts off the built collector again and again, lets its tokens expire, its disk run
// full or be read-only, the service's clock step and its state be replaced by an older one, once each in about a minute, or for as long as O365MT_SOAK says. No revisit makes good what was
// missed. Each row must have been delivered in the end.
func TestWhateverAMachineDoes(t *testing.T) {
	t.Parallel()
	lasting := time.Minute
	if text := os.Getenv("O365MT_SOAK"); text != "" {
		var err error
		lasting, err = time.ParseDuration(text)
		require.NoError(t, err, "O365MT_SOAK")
	}
	m := newMachine(t)
	began := time.Now()
	m.boot()
	for i := 0; i < len(mishaps) || time.Since(began) < lasting; i++ {
		if i%len(mishaps) == 0 {
			rand.Shuffle(len(mishaps), func(i, j int) { mishaps[i], mishaps[j] = mishaps[j], mishaps[i] })
		}
		mishap := mishaps[i%len(mishaps)]
		if mishap.needsDisk && m.disk == "" {
			continue
		}
		t.Logf("%.0f s: %s", time.Since(began).Seconds(), mishap.name)
		mishap.happen(m)
		pause(time.Second/2, 3*time.Second/2)
	}
	until := time.Now()
	rows := m.tenant.rows(began.Add(-9*time.Minute), until)
	require.Greater(t, len(rows), 5000)
	lost, repeated := 0, 0
	assert.Eventually(t, func() bool {
		got := m.sink.snapshot()
		lost, repeated = 0, 0
		for _, row := range rows {
			lost += 1 - min(len(got[row.key()]), 1)
			repeated += max(len(got[row.key()])-1, 0)
		}
		return lost == 0
	}, time.Minute, 500*time.Millisecond, "rows are missing")
	assert.Zero(t, lost, "of %d rows", len(rows))
	assert.NotContains(t, m.collector.printed(), "a gap")
	t.Logf("%d rows, %d lost, %d repeated by %d restarts", len(rows), lost, repeated, m.restarts)
}

// machine runs a collector.
type machine struct {
	t         *testing.T
	tenant    *tenant
	sink      *sink
	way       *way
	collector *program
	config    string
	// state is where the collector keeps its state, and disk the same if it can be filled.
	state, disk string
	// backup is an older state.
	backup   map[string][]byte
	restarts int
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, sink: startSink(t), way: startWay(t), state: t.TempDir()}
	m.tenant = startTenant(t, "--rows-per-day", "1500000", "--history", "15m", "--late", "none", "--status-changes", "0", "--quota", "0",
		"--token-lifetime", "15s")
	if err := syscall.Mount("tmpfs", m.state, "tmpfs", 0, "size=16m"); err == nil {
		m.disk = m.state
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(m.state, syscall.MNT_DETACH)) })
	} else {
		t.Logf("no disk runs full, since none may be mounted here: %v", err)
	}
	m.config = receiverConfig + `
    revisit_ages: []
    proxy_url: ` + m.way.url + `
    timeout: 5s
    storage: file_storage
extensions:
  file_storage: {directory: ` + m.state + `}
` + sinkConfig(m.sink, "o365messagetrace") + `
  extensions: [file_storage]
`
	return m
}

func (m *machine) boot() { m.collector = m.tenant.startCollector(m.config) }

// restart ends the collector with a signal, does something, and starts it again.
func (m *machine) restart(signal syscall.Signal, meanwhile func()) {
	m.restarts++
	m.collector.end(signal)
	meanwhile()
	m.boot()
	pause(time.Second, 4*time.Second)
}

// shiftClock has the service's clock be off for a while, and then steps it back.
func (m *machine) shiftClock(kind string) {
	m.tenant.fault(`{"kind": "` + kind + `", "skew": "30s", "for": "4s"}`)
	pause(4*time.Second, 6*time.Second)
}

func (m *machine) signal(signal syscall.Signal) {
	require.NoError(m.t, m.collector.cmd.Process.Signal(signal))
}

// saved are the files of the state.
func (m *machine) saved() map[string][]byte {
	files := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(m.state, "receiver_*"))
	require.NoError(m.t, err)
	for _, name := range names {
		files[name], err = os.ReadFile(name)
		require.NoError(m.t, err)
	}
	return files
}

func pause(least, most time.Duration) { <-time.After(least + rand.N(most-least)) }

// mishap is something that happens to machines.
type mishap struct {
	name      string
	needsDisk bool
	happen    func(m *machine)
}

var mishaps = []mishap{
	{name: "kill -9", happen: func(m *machine) { m.restart(syscall.SIGKILL, func() {}) }},
	{name: "SIGTERM", happen: func(m *machine) { m.restart(syscall.SIGTERM, func() {}) }},
	{name: "SIGSTOP", happen: func(m *machine) {
		m.signal(syscall.SIGSTOP)
		pause(2*time.Second, 6*time.Second)
		m.signal(syscall.SIGCONT)
	}},
	{name: "proxy gone", happen: func(m *machine) { m.way.during(refusing) }},
	{name: "network cut", happen: func(m *machine) { m.way.during(silent) }},
	{name: "the proxy resolves no name", happen: func(m *machine) { m.way.during(unresolved) }},
	{name: "the service's clock goes ahead", happen: func(m *machine) { m.shiftClock("clock-ahead") }},
	{name: "the service's clock goes back", happen: func(m *machine) { m.shiftClock("clock-behind") }},
	{name: "pipeline refuses", happen: func(m *machine) {
		m.sink.refusing.Store(true)
		pause(time.Second, 4*time.Second)
		m.sink.refusing.Store(false)
	}},
	{name: "an older state is put back", happen: func(m *machine) {
		m.restart(syscall.SIGTERM, func() {
			older := m.backup
			m.backup = m.saved()
			for name, content := range older {
				require.NoError(m.t, os.WriteFile(name, content, 0o600))
			}
		})
	}},
	{name: "the state is gone", happen: func(m *machine) {
		m.restart(syscall.SIGKILL, func() {
			for name := range m.saved() {
				require.NoError(m.t, os.Remove(name))
			}
		})
	}},
	{name: "disk read-only", needsDisk: true, happen: func(m *machine) {
		m.restart(syscall.SIGTERM, func() {
			require.NoError(m.t, syscall.Mount("", m.disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			m.boot()
			pause(2*time.Second, 4*time.Second)
			m.collector.end(syscall.SIGKILL)
			require.NoError(m.t, syscall.Mount("", m.disk, "", syscall.MS_REMOUNT, ""))
		})
	}},
	{name: "disk full", needsDisk: true, happen: func(m *machine) {
		ballast := filepath.Join(m.disk, "ballast")
		out, err := exec.Command("dd", "if=/dev/zero", "of="+ballast, "bs=4k").CombinedOutput()
		require.Error(m.t, err, "%s", out)
		pause(2*time.Second, 5*time.Second)
		require.NoError(m.t, os.Remove(ballast))
	}},
}

// way is a proxy through which the collector reaches the tenant.
type way struct {
	url   string
	state atomic.Int32
	mu    sync.Mutex
	open  map[net.Conn]bool
}

// What a way does: it leads on, refuses connections, swallows what is sent, or answers that it does not know the host.
const (
	leading int32 = iota
	refusing
	silent
	unresolved
)

func startWay(t *testing.T) *way {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &way{url: "http://" + listener.Addr().String(), open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(client)
		}
	}()
	return w
}

// during has the way do something else for a while. What is under way breaks off.
func (w *way) during(state int32) {
	w.state.Store(state)
	w.cut()
	pause(2*time.Second, 6*time.Second)
	w.state.Store(leading)
	w.cut()
}

func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.open {
		_ = conn.Close()
	}
	clear(w.open)
}

func (w *way) keep(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[conn] = true
}

func (w *way) serve(client net.Conn) {
	w.keep(client)
	switch w.state.Load() {
	case refusing:
		_ = client.Close()
		return
	case silent:
		_, _ = io.Copy(io.Discard, client)
		return
	}
	reader := bufio.NewReader(client)
	r, err := http.ReadRequest(reader)
	if err != nil {
		_ = client.Close()
		return
	}
	if w.state.Load() == unresolved {
		_, _ = io.WriteString(client, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		_ = client.Close()
		return
	}
	server, err := net.Dial("tcp", r.Host)
	if err != nil {
		_ = client.Close()
		return
	}
	w.keep(server)
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, reader)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}
