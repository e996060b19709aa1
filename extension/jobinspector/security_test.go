// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensionauth"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const wish = `{"input": "one", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}`

func TestOnlyRequestsUnderItsOwnNameAreAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, func(cfg *Config) { cfg.AllowedHosts = []string{"Inspector.Example.COM", "2001:db8::1"} })
	s.input(t, jobs.Description{ID: "one"})
	for host, want := range map[string]int{
		"":                           200,
		"localhost":                  200,
		"LOCALHOST:8365":             200,
		"localhost.:1":               200,
		"127.0.0.1":                  200,
		"127.9.9.9:80":               200,
		"[::1]:8365":                 200,
		"[::1]":                      200,
		"[::ffff:127.0.0.1]:1":       200,
		"inspector.example.com":      200,
		"inspector.example.com.:443": 200,
		"[2001:db8:0::1]:8365":       200,
		"evil.example":               403,
		"evil.example:8365":          403,
		"localhost.evil.example":     403,
		"evil.localhost":             403,
		"127.0.0.1.evil.example":     403,
		"example.com":                403,
		"10.0.0.1":                   403,
		"0.0.0.0:8365":               403,
		"[::]":                       403,
		"[2001:db8::2]":              403,
	} {
		for _, q := range []request{
			{method: http.MethodGet, path: "/api/v1/jobs"},
			{method: http.MethodGet, path: "/"},
			{method: http.MethodGet, path: "/api/v1/capture?limit=1"},
			{method: http.MethodPost, path: "/api/v1/jobs", body: wish},
		} {
			q.host = host
			status := s.head(t, q)
			if want == http.StatusOK {
				assert.Less(t, status, 300, "%s of %s", q.path, host)
			} else {
				assert.Equal(t, want, status, "%s of %s", q.path, host)
			}
		}
	}
	_, answer := s.call(t, request{method: http.MethodGet, path: "/api/v1/jobs", host: "evil.example"})
	assert.Equal(t, "host", code(answer))
	assert.Contains(t, answer["error"].(map[string]any)["message"], "allowed_hosts")
}

// head sends a request and reads no more than the status of the answer.
func (s *running) head(t *testing.T, q request) int {
	t.Helper()
	response := s.do(t, q)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestOtherSitesCanDoNothing(t *testing.T) {
	t.Parallel()
	s := start(t, func(cfg *Config) { cfg.AllowedHosts = []string{"inspector.example"} })
	in := s.input(t, jobs.Description{ID: "one"})
	own := strings.TrimPrefix(s.base, "http://")
	for _, test := range []struct {
		host, origin, site string
		allowed            bool
	}{
		{"", "", "", true},
		{"", "http://" + own, "", true},
		{"", "http://" + own, "same-origin", true},
		{"", "", "none", true},
		{"inspector.example", "https://inspector.example", "", true},
		{"inspector.example", "https://INSPECTOR.example:443", "", true},
		{"inspector.example:8365", "http://inspector.example:8365", "", true},
		{"", "http://evil.example", "", false},
		{"", "http://localhost", "", false},
		{"", "http://127.0.0.1:1", "", false},
		{"", "null", "", false},
		{"", "::", "", false},
		{"", "http://" + own, "cross-site", false},
		{"", "", "same-site", false},
		{"inspector.example", "https://evil.example", "", false},
		{"inspector.example", "https://inspector.example:8443", "", false},
		{"evil.example", "http://evil.example", "", false},
	} {
		job := started(in.recorder, trace.Live)
		header := map[string]string{"Origin": test.origin, "Sec-Fetch-Site": test.site}
		for _, q := range []request{
			{method: http.MethodPost, path: "/api/v1/jobs", body: wish},
			{method: http.MethodPost, path: "/api/v1/jobs/" + job.ID() + "/cancel"},
			{method: http.MethodGet, path: "/api/v1/capture"},
		} {
			in.window, in.cancelled = trace.Window{}, nil
			q.host, q.header = test.host, header
			response := s.do(t, q)
			require.NoError(t, response.Body.Close())
			if test.allowed {
				assert.Less(t, response.StatusCode, 300, "%s %+v", q.path, test)
				continue
			}
			assert.Equal(t, http.StatusForbidden, response.StatusCode, "%s %+v", q.path, test)
			assert.Empty(t, in.cancelled)
			assert.Empty(t, in.window)
		}
	}
}

func TestAnotherSiteReadsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.input(t, jobs.Description{ID: "one"})
	for site, want := range map[string]int{"cross-site": 403, "same-site": 200, "same-origin": 200, "none": 200, "": 200} {
		for _, path := range []string{"inspector", "inputs", "jobs", "logs", "series", "openapi.json"} {
			status := s.head(t, request{path: "/api/v1/" + path, header: map[string]string{"Sec-Fetch-Site": site}})
			assert.Equal(t, want, status, "%s from %s", path, site)
		}
		for _, path := range []string{"/api/v1/none", "/api/"} {
			status := s.head(t, request{path: path, header: map[string]string{"Sec-Fetch-Site": site}})
			assert.Equal(t, want == http.StatusForbidden, status == http.StatusForbidden, "%s from %s", path, site)
		}
		assert.Equal(t, http.StatusOK, s.head(t, request{path: "/", header: map[string]string{"Sec-Fetch-Site": site}}), "a link to the page")
	}
}

func TestAFormCanDoNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.input(t, jobs.Description{ID: "one"})
	for contentType, want := range map[string]int{
		"":                                  400,
		"text/plain":                        400,
		"text/plain; application/json":      400,
		"application/x-www-form-urlencoded": 400,
		"multipart/form-data; boundary=x":   400,
		"application/jsonp":                 400,
		"application/json":                  202,
		"Application/JSON; charset=utf-8":   202,
	} {
		status, _ := s.call(t, request{
			method: http.MethodPost, path: "/api/v1/jobs", body: wish, header: map[string]string{"Content-Type": contentType},
		})
		assert.Equal(t, want, status, contentType)
	}
}

func TestWhatTheConfigurationForbids(t *testing.T) {
	t.Parallel()
	no := false
	for name, test := range map[string]struct {
		edit    func(cfg *Config)
		post    int
		capture string
	}{
		"read_only":    {func(cfg *Config) { cfg.ReadOnly = true }, 403, "read_only"},
		"capture":      {func(cfg *Config) { cfg.Capture = &no }, 202, "capture"},
		"not loopback": {func(cfg *Config) { cfg.NetAddr.Endpoint = "0.0.0.0:0" }, 202, "capture"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, test.edit)
			in := s.input(t, jobs.Description{ID: "one"})
			s.base = "http://127.0.0.1:" + s.address[strings.LastIndex(s.address, ":")+1:]
			id := started(in.recorder, trace.Live).ID()
			assert.Equal(t, test.post, s.head(t, request{method: http.MethodPost, path: "/api/v1/jobs", body: wish}))
			assert.Equal(t, test.post, s.head(t, request{method: http.MethodPost, path: "/api/v1/jobs/" + id + "/cancel"}))
			status, answer := s.call(t, request{method: http.MethodGet, path: "/api/v1/capture"})
			assert.Equal(t, http.StatusForbidden, status)
			assert.Equal(t, test.capture, code(answer))
			assert.Equal(t, http.StatusOK, s.head(t, request{method: http.MethodGet, path: "/api/v1/jobs"}))
			allowed := s.get(t, "/api/v1/inspector")
			assert.Equal(t, false, allowed["capture"])
			assert.Equal(t, test.capture == "read_only", allowed["read_only"])
		})
	}
}

func TestEveryAnswerIsSecured(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, q := range []request{
		{path: "/"},
		{path: "/none"},
		{path: "/api/v1/jobs"},
		{path: "/api/v1/none"},
		{path: "/", host: "evil.example"},
		{path: "/api/v1/capture?limit=1"},
		{path: "/api/v1/openapi.json"},
		{method: http.MethodOptions, path: "/api/v1/jobs", header: map[string]string{
			"Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
		}},
	} {
		response := s.do(t, q)
		require.NoError(t, response.Body.Close())
		policy := response.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			assert.Contains(t, policy, part, q.path)
		}
		assert.NotContains(t, policy, "unsafe")
		assert.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"), q.path)
		assert.Contains(t, []string{"no-store", "no-cache"}, response.Header.Get("Cache-Control"), q.path)
		for name := range response.Header {
			assert.NotContains(t, name, "Access-Control")
		}
	}
}

// keeper lets in who has the key.
type keeper struct{ component.Component }

var _ extensionauth.Server = keeper{}

func (keeper) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	if key := sources["Authorization"]; len(key) == 1 && key[0] == "key" {
		return ctx, nil
	}
	return ctx, errors.New("no key")
}

func TestAuth(t *testing.T) {
	t.Parallel()
	s := startOn(t, host{component.MustNewID("keeper"): keeper{}}, func(cfg *Config) {
		conf := confmap.NewFromStringMap(map[string]any{"auth": map[string]any{"authenticator": "keeper"}})
		require.NoError(t, conf.Unmarshal(cfg))
	})
	for _, path := range []string{"/", "/api/v1/jobs", "/api/v1/capture?limit=1"} {
		response := s.do(t, request{path: path})
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusUnauthorized, response.StatusCode, path)
		assert.NotEmpty(t, response.Header.Get("Content-Security-Policy"))
		assert.Equal(t, http.StatusOK, s.head(t, request{path: path, header: map[string]string{"Authorization": "key"}}), path)
	}
	_, answer := s.call(t, request{path: "/api/v1/jobs"})
	assert.Equal(t, "unauthorized", code(answer))
	_, answer = s.call(t, request{path: "/api/v1/inspector", header: map[string]string{"Authorization": "key"}})
	assert.Equal(t, true, answer["authorized"], "whoever is let in needs no token")
}

// certificate writes a certificate of 127.0.0.1 and its key into a folder.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t)
	for name, protocols := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/2.0": {"h2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(cfg *Config) {
				conf := confmap.NewFromStringMap(map[string]any{"tls": map[string]any{"cert_file": certFile, "key_file": keyFile}})
				require.NoError(t, conf.Unmarshal(cfg))
				cfg.WriteTimeout = time.Minute
			})
			in := s.input(t, jobs.Description{ID: "one"})
			transport := s.client.Transport.(*http.Transport)
			transport.TLSClientConfig = &tls.Config{RootCAs: pool, NextProtos: protocols}
			transport.ForceAttemptHTTP2 = name == "HTTP/2.0"
			status, _ := s.call(t, request{
				method: http.MethodPost, path: "/api/v1/jobs", body: wish, header: map[string]string{"Origin": s.base},
			})
			assert.Equal(t, http.StatusAccepted, status)

			events := s.events(t, "/api/v1/capture?limit=1")
			assert.Equal(t, name, events.response.Proto)
			in.recorder.Offer(nil, record("x"))()
			assert.Equal(t, "x", events.next(t)["body"])
		})
	}
}
