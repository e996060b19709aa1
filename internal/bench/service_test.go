// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// roleKey is the environment variable that makes this test program something else.
const roleKey = "O365MT_BENCH_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleKey) {
	case "service":
		serve(&pages{cached: map[string][]byte{}})
	case "empty":
		serve(&pages{empty: true})
	case "backfill":
		backfill()
	case "tenants":
		serveTenants()
	case "receivers":
		receivers()
	default:
		os.Exit(m.Run())
	}
}

// service is the process that serves pages.
type service struct {
	// Plain and TLS are where it does so.
	Plain, TLS string
	// Certificate is that of TLS.
	Certificate []byte
}

// startService starts the service. It ends with the test.
func startService(tb testing.TB) *service {
	tb.Helper()
	return start(tb, "service")
}

// startEmpty starts a service without rows.
func startEmpty(tb testing.TB) *service {
	tb.Helper()
	return start(tb, "empty")
}

func start(tb testing.TB, role string) *service {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleKey+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(tb, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(tb, err)
	s := &service{}
	require.NoError(tb, json.Unmarshal(line, s))
	return s
}

// client is an HTTP client that trusts the service.
func (s *service) client(tb testing.TB) *http.Client {
	tb.Helper()
	roots := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(s.Certificate)
	require.NoError(tb, err)
	roots.AddCert(certificate)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// serve serves pages until standard input ends.
func serve(pages *pages) {
	plain, secure := httptest.NewServer(pages), httptest.NewUnstartedServer(pages)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	line, err := json.Marshal(service{Plain: plain.URL, TLS: secure.URL, Certificate: secure.Certificate().Raw})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// The beginnings of paths below which pages are compressed, as Microsoft Graph does, and below which each row differs.
const zippedPath, variedPath = "/gzip", "/varied"

// pages is the handler that serves them.
type pages struct {
	empty  bool
	served atomic.Int64
	mu     sync.Mutex
	cached map[string][]byte
}

// servedPath is where the service tells how many rows it has sent.
const servedPath = "/served"

// maxCached is how many pages are kept rather than rendered again.
const maxCached = 64

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == servedPath {
		fmt.Fprint(w, p.served.Load())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if p.empty {
		_, _ = io.WriteString(w, `{"value":[]}`)
		return
	}
	zip := strings.HasPrefix(r.URL.Path, zippedPath) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	if zip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	body := p.page(r, zip)
	// As the service does, in chunks.
	_ = http.NewResponseController(w).Flush()
	_, _ = w.Write(body)
}

func (p *pages) page(r *http.Request, zip bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, last := asked(r)
	p.served.Add(max(0, min(pageSize, last-first+1)))
	key := r.URL.RequestURI() + strconv.FormatBool(zip)
	if body, ok := p.cached[key]; ok {
		return body
	}
	query, _, _ := strings.Cut(r.URL.RawQuery, "&$skiptoken=")
	row := appendRow
	if strings.Contains(r.URL.Path, variedPath) {
		row = appendVaried
	}
	body := appendPage(nil, origin(r)+r.URL.Path+"?"+query, row, first, last)
	if zip {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write(body)
		_ = z.Close()
		body = zipped.Bytes()
	}
	if len(p.cached) < maxCached {
		p.cached[key] = body
	}
	return body
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

var bounds = regexp.MustCompile(`ge (\S+) and receivedDateTime le (\S+)`)

// asked returns the numbers of the first row and the last one that a request is about.
func asked(r *http.Request) (first, last int64) {
	query := r.URL.Query()
	texts := bounds.FindStringSubmatch(query.Get("$filter"))
	start, _ := time.Parse(time.RFC3339Nano, texts[1])
	end, _ := time.Parse(time.RFC3339Nano, texts[2])
	first, last = rowsIn(start, end)
	if token := query.Get("$skiptoken"); token != "" {
		last, _ = strconv.ParseInt(token, 10, 64)
	}
	return first, last
}
