// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package standby

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	coordination "k8s.io/api/coordination/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

// cluster is the API server of Kubernetes, as far as leases go. Who asks is told by a token.
type cluster struct {
	*httptest.Server

	mu      sync.Mutex
	lease   *coordination.Lease
	version int
	// away are those who cannot reach it.
	away map[string]bool
	// holder is who wrote the lease last, by the token.
	holder string
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{away: map[string]bool{}}
	c.Server = httptest.NewTLSServer(c)
	t.Cleanup(c.Close)
	return c
}

const leases = "/apis/coordination.k8s.io/v1/namespaces/soc/leases"

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if c.away[who] {
		panic(http.ErrAbortHandler)
	}
	sent := &coordination.Lease{}
	if r.Method != http.MethodGet {
		// Clients send Kubernetes' own protocol buffers.
		body, _ := io.ReadAll(r.Body)
		if _, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, sent); err != nil {
			status(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType")
			return
		}
	}
	switch {
	case !strings.HasPrefix(r.URL.Path, leases):
		status(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodGet && c.lease == nil:
		status(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodGet:
		c.answer(w)
	case r.Method == http.MethodPost && c.lease != nil:
		status(w, http.StatusConflict, "AlreadyExists")
	case r.Method == http.MethodPut && sent.ResourceVersion != strconv.Itoa(c.version):
		status(w, http.StatusConflict, "Conflict")
	default:
		c.version++
		sent.ResourceVersion = strconv.Itoa(c.version)
		sent.APIVersion, sent.Kind = "coordination.k8s.io/v1", "Lease"
		c.lease, c.holder = sent, who
		c.answer(w)
	}
}

func (c *cluster) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.lease)
}

func status(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, reason, code)
}

// leader is who wrote the lease last.
func (c *cluster) leader() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder
}

// cut has somebody reach the server no more, or again.
func (c *cluster) cut(who string, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away[who] = away
}

// kubeConfig writes a file by which somebody reaches the server.
func (c *cluster) kubeConfig(t *testing.T, who string) string {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw}), 0o600))
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
users: [{name: test, user: {token: %q}}]
`, c.URL, ca, who), 0o600))
	return file
}
