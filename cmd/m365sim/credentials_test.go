// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certificateFile writes a certificate, behind its key as some tools do.
func certificateFile(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	path := filepath.Join(t.TempDir(), "client.pem")
	require.NoError(t, os.WriteFile(path, append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), 0o600))
	return path
}

func TestCredentialFlags(t *testing.T) {
	file := certificateFile(t)
	args := []string{
		"--client-cert", file, "--client-cert", file, "--managed-identity", "a", "--managed-identity", "b",
		"--identity-header", "h", "--identity-token-cache", "24h", "--basic-user", "u", "--basic-password", "p",
	}
	got, err := parse(args, noEnvironment, io.Discard)
	require.NoError(t, err)
	require.Len(t, got.simulator.ClientCertificates, 2)
	assert.Equal(t, int64(1), got.simulator.ClientCertificates[0].SerialNumber.Int64())
	assert.Equal(t, []string{"a", "b"}, got.simulator.ManagedIdentities)
	assert.Equal(t, "h", got.simulator.IdentityHeader)
	assert.Equal(t, 24*time.Hour, got.simulator.IdentityTokenCache)
	assert.Equal(t, "u", got.simulator.BasicUser)
	assert.Equal(t, "p", got.simulator.BasicPassword)
	for _, arg := range args {
		if strings.HasPrefix(arg, "--") {
			assert.Contains(t, usage, "\n  "+arg)
		}
	}

	got, err = parse(nil, func(name string) string { return "from " + name }, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "from M365SIM_BASIC_PASSWORD", got.simulator.BasicPassword)
	assert.Equal(t, "from M365SIM_IDENTITY_HEADER", got.simulator.IdentityHeader)
	for _, name := range []string{"M365SIM_BASIC_USER", "M365SIM_BASIC_PASSWORD", "M365SIM_IDENTITY_HEADER"} {
		assert.Contains(t, usage, name)
	}
}

func TestCredentialFailures(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.pem")
	require.NoError(t, os.WriteFile(other, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600))
	for want, args := range map[string][]string{
		"no such file":                {"--client-cert", filepath.Join(t.TempDir(), "none.pem")},
		"no certificate in it":        {"--client-cert", "credentials.go"},
		"other.pem: x509: ":           {"--client-cert", other},
		"both a user and a password,": {"--basic-user", "u"},
	} {
		err := run(t.Context(), args, noEnvironment, io.Discard, io.Discard)
		assert.ErrorContains(t, err, strings.TrimSuffix(want, ","))
	}
}

func TestReportingServiceIsServed(t *testing.T) {
	t.Chdir(t.TempDir())
	line, stop := started(t, "--listen", "127.0.0.1:0", "--plain", "--rows-per-day", "1000", "--late", "none",
		"--basic-user", "reader", "--basic-password", "open sesame")
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	address := strings.TrimSuffix(strings.TrimPrefix(line, "listening on http://"), ", without TLS")
	body := read(t, withPassword{transport}, "http://"+address+"/ecp/reportingwebservice/reporting.svc/MessageTrace?$top=1&$format=Json")
	assert.Contains(t, body, `"Index":0}`)
	requests := read(t, transport, "http://"+address+"/_sim/requests")
	assert.Contains(t, requests, `"start":`)
	assert.Contains(t, requests, `"rows":1`)
	require.NoError(t, stop())
}

// withPassword signs in to each request as the only user.
type withPassword struct{ *http.Transport }

func (w withPassword) RoundTrip(r *http.Request) (*http.Response, error) {
	r.SetBasicAuth("reader", "open sesame")
	return w.Transport.RoundTrip(r)
}
