// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"
)

// certified is a certificate and its encrypted key in PEM. They take time to make.
var certified = sync.OnceValues(func() (cert, key string) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(err)
	encrypted, err := pkcs8.MarshalPrivateKey(private, []byte(hiddenPassphrase), nil)
	must(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: encrypted}))
})

// signIns are the ways to sign in, each with secrets, in a folder of files.
var signIns = map[string]func(t *testing.T, folder string) string{
	"oauth": func(*testing.T, string) string {
		return "authentication: {oauth: {client_id: c, client_secret: '" + hiddenSecret + "'}}"
	},
	"certificate": func(t *testing.T, folder string) string {
		t.Helper()
		cert, key := certified()
		return fmt.Sprintf("authentication: {certificate: {client_id: c, cert_file: '%s', key_file: '%s', passphrase: '%s'}}",
			writeFile(t, folder, "cert.pem", cert), writeFile(t, folder, "key.pem", key), hiddenPassphrase)
	},
	"workload_identity": func(t *testing.T, folder string) string {
		t.Helper()
		return fmt.Sprintf("authentication: {workload_identity: {client_id: c, token_file: '%s'}}",
			writeFile(t, folder, "token", hiddenFederated))
	},
	"basic": func(t *testing.T, folder string) string {
		t.Helper()
		return fmt.Sprintf("authentication: {basic: {username: %s, password_file: '%s'}}",
			hiddenUser, writeFile(t, folder, "password", hiddenPassword))
	},
	"auth": func(*testing.T, string) string { return "auth: {authenticator: bearertokenauth}" },
}

func writeFile(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// hidden is all that must not show, in whatever form.
func hidden(h *hostile) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, key := certified()
	all := []string{
		hiddenSecret, hiddenPassphrase, hiddenPassword, hiddenToken, hiddenFederated, hiddenExtension, hiddenHeader, hiddenUser,
		base64.StdEncoding.EncodeToString([]byte(hiddenUser + ":" + hiddenPassword)),
		"ann.lee", "trace@", "@contoso", "@fabrikam", "%40fabrikam", "bob%40", h.token,
	}
	for line := range strings.FieldsSeq(key) {
		if len(line) > 20 {
			all = append(all, line)
		}
	}
	for _, text := range h.seen {
		// The parts of a JWT serve as well as the whole.
		all = append(all, text)
		if parts := strings.Split(text, "."); len(parts) == 3 {
			all = append(all, parts[1], parts[2])
		}
	}
	for _, text := range all {
		all = append(all, url.QueryEscape(text), url.PathEscape(text))
	}
	return all
}

// shown is all that logs, status and errors contain.
func shown(t *testing.T, logs *zapobserver.ObservedLogs, events []*componentstatus.Event) string {
	t.Helper()
	var all strings.Builder
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "m", NameKey: "n"})
	for _, entry := range logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		require.NoError(t, err)
		all.Write(line.Bytes())
	}
	for _, event := range events {
		fmt.Fprintln(&all, event.Err())
	}
	return all.String()
}

var tenants atomic.Int64

// runHostile runs a receiver until it has reported a failure, and sees that nothing secret has shown.
func runHostile(t *testing.T, method, api string, h *hostile) {
	t.Helper()
	address, trust := serveTLS(t, h)
	h.t, h.url = t, address
	path := graphPath
	if api == string(ReportingWebService) {
		path = reportingPath
	}
	if method != "basic" && method != "auth" {
		// One tenant's pause must not be another's.
		trust += fmt.Sprintf("\ntenant_id: tenant%d.example", tenants.Add(1))
	}
	r, logs := observedReceiver(t, trust, signIns[method](t, t.TempDir()), fmt.Sprintf(
		"api: %s\nendpoint: %s%s\nauthority_host: %s\npoll_interval: 1s\nunhealthy_after: 0\nheaders: {X-Api-Key: %s}\n"+
			"retry: {initial_interval: 0s, max_retries: 2}\nrate_limit: {requests: 0}", api, address, path, address, hiddenHeader))
	id := component.MustNewID("bearertokenauth")
	host := &statusHost{
		extensions: map[component.ID]component.Component{id: signer{header: "Bearer " + hiddenExtension}},
		shown:      make(chan *componentstatus.Event, 100),
	}
	require.NoError(t, r.Start(t.Context(), host))
	select {
	case event := <-host.shown:
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
	case <-time.After(20 * time.Second):
		assert.Fail(t, "no failure has been reported")
	}
	require.NoError(t, r.Shutdown(t.Context()))
	require.Positive(t, logs.Len())
	text := shown(t, logs, host.events)
	for _, secret := range hidden(h) {
		if secret != "" {
			require.NotContains(t, text, secret)
		}
	}
	assert.NotContains(t, text, "eyJ", "nor any other token")
}

func TestNothingSecretShowsWhateverTheLoginHostAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range hostileLogins {
		for _, method := range []string{"oauth", "certificate", "workload_identity"} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				runHostile(t, method, "graph", &hostile{login: answer})
			})
		}
	}
}

func TestNothingSecretShowsWhateverTheServiceAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range hostileServices {
		for method := range signIns {
			for _, api := range []API{Graph, ReportingWebService} {
				if method == "basic" && api == Graph {
					continue
				}
				t.Run(fmt.Sprintf("%s %s %s", name, method, api), func(t *testing.T) {
					t.Parallel()
					token := hiddenToken
					if method == "certificate" {
						// Tokens tell which tenants share a budget.
						token = jwt(fmt.Sprintf(`{"tid":"x%d","aud":"y"}`, tenants.Add(1)))
					}
					runHostile(t, method, string(api), &hostile{service: answer, token: token})
				})
			}
		}
	}
}
