// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
)

func fetch(t *testing.T, client *http.Client, address string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	require.NoError(t, response.Body.Close())
	return response.StatusCode, nil
}

func trusting(t *testing.T, pool *x509.CertPool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })

func TestListenWithTLS(t *testing.T) {
	server, err := simulator.Listen(t.Context(), hello, simulator.ListenConfig{Hosts: []string{"sim.test", "192.0.2.1"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()

	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	client := trusting(t, server.Authority().Pool())
	for _, host := range []string{"127.0.0.1", "localhost"} {
		status, err := fetch(t, client, "https://"+net.JoinHostPort(host, address.Port()))
		require.NoError(t, err)
		assert.Equal(t, http.StatusAccepted, status)
	}
	_, err = fetch(t, trusting(t, x509.NewCertPool()), server.URL())
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError), "nobody else trusts it")

	connection, err := (&tls.Dialer{Config: &tls.Config{
		RootCAs: server.Authority().Pool(), ServerName: "sim.test", MinVersion: tls.VersionTLS12,
	}}).DialContext(t.Context(), "tcp", address.Host)
	require.NoError(t, err)
	leaf := connection.(*tls.Conn).ConnectionState().PeerCertificates[0]
	require.NoError(t, connection.Close())
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "sim.test", "192.0.2.1"} {
		require.NoError(t, leaf.VerifyHostname(host))
	}
	assert.Error(t, leaf.VerifyHostname("example.com"))
}

func TestAnAuthorityOutlivesItsServers(t *testing.T) {
	authority, err := simulator.NewAuthority()
	require.NoError(t, err)
	client := trusting(t, authority.Pool())
	for range 2 {
		server, err := simulator.Listen(t.Context(), hello, simulator.ListenConfig{Authority: authority})
		require.NoError(t, err)
		_, err = fetch(t, client, server.URL())
		require.NoError(t, err)
		client.CloseIdleConnections()
		require.NoError(t, server.Close())
	}
}

func TestListenPlain(t *testing.T) {
	server, err := simulator.Listen(t.Context(), hello, simulator.ListenConfig{Plain: true})
	require.NoError(t, err)
	client := trusting(t, nil)
	status, err := fetch(t, client, server.URL())
	require.NoError(t, err)
	assert.Equal(t, http.StatusAccepted, status)
	assert.Nil(t, server.Authority())
	require.NoError(t, server.Close())
	require.NoError(t, server.Close(), "twice")
	select {
	case <-server.Done():
	default:
		assert.Fail(t, "server is not done")
	}
	_, err = fetch(t, client, server.URL())
	assert.Error(t, err)
}

func TestListenRefusesATakenAddress(t *testing.T) {
	server, err := simulator.Listen(t.Context(), hello, simulator.ListenConfig{Plain: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	_, err = simulator.Listen(t.Context(), hello, simulator.ListenConfig{Address: address.Host})
	assert.ErrorContains(t, err, "address already in use")
}

func TestCloseCutsHangingRequests(t *testing.T) {
	entered := make(chan struct{})
	server, err := simulator.Listen(t.Context(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}), simulator.ListenConfig{Plain: true})
	require.NoError(t, err)
	failed := make(chan error, 1)
	client := trusting(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), http.NoBody)
	require.NoError(t, err)
	go func() {
		response, err := client.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		failed <- err
	}()
	<-entered
	begin := time.Now()
	require.NoError(t, server.Close())
	assert.Less(t, time.Since(begin), time.Second)
	assert.Error(t, <-failed)
}

func TestCAFileIsReplacedInOneStep(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "ca.pem")
	for range 2 {
		authority, err := simulator.NewAuthority()
		require.NoError(t, err)
		require.NoError(t, authority.WriteFile(path))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(authority.PEM()), string(got))
		assert.True(t, x509.NewCertPool().AppendCertsFromPEM(got))
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing is left behind")
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	}
	authority, err := simulator.NewAuthority()
	require.NoError(t, err)
	require.ErrorContains(t, authority.WriteFile(filepath.Join(folder, "no", "ca.pem")), "CA file")
	require.Error(t, authority.WriteFile(folder), "a folder stands in the way")
	entries, err := os.ReadDir(filepath.Dir(folder))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left behind")
}
