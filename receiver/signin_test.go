// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/o365messagetrace/o365messagetrace/internal/collect"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// serveTLS starts a server on the loopback and returns its URL and the configuration that trusts it.
func serveTLS(t *testing.T, handler http.Handler) (address, trust string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return server.URL, "tls: {ca_file: '" + file + "'}"
}

// observed returns a receiver whose log lines are kept.
func observedReceiver(t *testing.T, texts ...string) (*messageTraceReceiver, *zapobserver.ObservedLogs) {
	t.Helper()
	cfg, err := load(t, texts...)
	require.NoError(t, err)
	core, logs := zapobserver.New(zapcore.DebugLevel)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	r, err := newMessageTraceReceiver(set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	t.Cleanup(r.report.Shutdown)
	return r, logs
}

// connected returns the client of a receiver that has not been started.
func connected(t *testing.T, host component.Host, texts ...string) collect.Source {
	t.Helper()
	r, _ := observedReceiver(t, texts...)
	r.host = host
	r.shareQuota()
	t.Cleanup(r.quota.Leave)
	endpoint, err := url.Parse(r.cfg.endpoint())
	require.NoError(t, err)
	source, err := r.connect(t.Context(), endpoint)
	require.NoError(t, err)
	t.Cleanup(r.closeConnections)
	return source
}

func ask(t *testing.T, source collect.Source) error {
	t.Helper()
	now := time.Now()
	_, err := source.First(t.Context(), trace.Live, trace.Window{Start: now.Add(-time.Minute), End: now}, 0)
	return err
}

// gate is a service that notes the header Authorization and accepts one value of it.
type gate struct {
	mu     sync.Mutex
	accept string
	came   []string
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.came = append(g.came, r.Header.Get("Authorization"))
	if g.accept != "" && r.Header.Get("Authorization") != g.accept {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"value":[]}`)
}

func TestBasicSignsInWithUserNameAndPassword(t *testing.T) {
	t.Parallel()
	header := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("svc@contoso.com:"+password))
	}
	g := &gate{accept: header("pässword:1")}
	address, trust := serveTLS(t, g)
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) { require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600)) }
	write("pässword:1")
	source := connected(t, &statusHost{}, trust, fmt.Sprintf("api: reporting_webservice\nendpoint: %s%s\nretry: {type: disabled}\n"+
		"authentication: {basic: {username: svc@contoso.com, password_file: '%s'}}", address, reportingPath, file))
	require.NoError(t, ask(t, source))

	// A refused password is not tried twice, since there is no other.
	g.accept = header("2")
	var refused *transport.Error
	require.ErrorAs(t, ask(t, source), &refused)
	assert.Equal(t, http.StatusUnauthorized, refused.Status)
	assert.Contains(t, refused.Hint(), "authentication.basic: Microsoft ended it in 2023")

	// A new one is used by the next request.
	write("2")
	require.NoError(t, ask(t, source))
	assert.Equal(t, []string{header("pässword:1"), header("pässword:1"), header("2")}, g.came)

	require.NoError(t, os.Remove(file))
	err := ask(t, source)
	require.ErrorContains(t, err, "no such file")
	assert.Contains(t, trouble.HintOf(err), "authentication.basic.password_file")
	assert.Len(t, g.came, 3)
}

func TestBasicIsWarnedOf(t *testing.T) {
	t.Parallel()
	r, logs := observedReceiver(t, "api: reporting_webservice\nendpoint: http://127.0.0.1:1/x\n"+
		"authentication: {basic: {username: u, password: s3cr3t}}")
	r.dial = func(ctx context.Context, _ *url.URL) (collect.Source, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	require.NoError(t, r.Start(t.Context(), &statusHost{}))
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, 1, logs.FilterMessageSnippet("authentication.basic: Microsoft ended basic authentication in 2023").Len())
}

// signer is an extension that adds a header to requests, as bearertokenauth does.
type signer struct {
	component.StartFunc
	component.ShutdownFunc
	header string
}

var _ extensionauth.HTTPClient = signer{}

func (s signer) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return signing{s.header, base}, nil
}

type signing struct {
	header string
	next   http.RoundTripper
}

func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", s.header)
	return s.next.RoundTrip(r)
}

func TestAnExtensionSignsIn(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("bearertokenauth")
	host := &statusHost{extensions: map[component.ID]component.Component{id: signer{header: "Bearer of-the-extension"}}}
	for api, path := range map[string]string{"graph": graphPath, "reporting_webservice": reportingPath} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			g := &gate{}
			address, trust := serveTLS(t, g)
			source := connected(t, host, trust, "auth: {authenticator: bearertokenauth}\nretry: {type: disabled}\napi: "+api+"\nendpoint: "+address+path)
			require.NoError(t, ask(t, source))
			g.accept = "Bearer of-another"
			err := ask(t, source)
			require.ErrorContains(t, err, "status 401")
			assert.Equal(t, []string{"Bearer of-the-extension", "Bearer of-the-extension"}, g.came, "there is no other token to try")
		})
	}
}

func TestStartFailsForAnAuthenticatorThatIsNone(t *testing.T) {
	t.Parallel()
	id := component.MustNewID("bearertokenauth")
	for says, extensions := range map[string]map[component.ID]component.Component{
		`auth: there is no extension "bearertokenauth"`:                 nil,
		`auth: the extension "bearertokenauth" cannot sign requests in`: {id: storageExtension{}},
	} {
		r, _ := observedReceiver(t, "auth: {authenticator: bearertokenauth}")
		require.ErrorContains(t, r.Start(t.Context(), &statusHost{extensions: extensions}), says)
		require.NoError(t, r.Shutdown(t.Context()))
	}
}

func TestTenantKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{least, "11111111-1111-1111-1111-111111111111"},
		{"tenant_id: Contoso.COM\nauthentication: {managed_identity: {}}", "contoso.com"},
		{"tenant_id: contoso.com\nauth: {authenticator: a}", "contoso.com"},
		{"auth: {authenticator: oauth2client/soc}", "graph.microsoft.com oauth2client/soc"},
		{"auth: {authenticator: a}\nendpoint: https://Traces.Example:8443/x", "traces.example:8443 a"},
		{
			"authentication: {basic: {username: SVC@Contoso.com, password: p}}\napi: reporting_webservice",
			"reports.office365.com svc@contoso.com",
		},
		{
			"authentication: {basic: {username: svc@contoso.com, password: other}}\nsubscription_plan: gcc_high",
			"reports.office365.us svc@contoso.com",
		},
	} {
		cfg, err := load(t, c.text)
		require.NoError(t, err)
		assert.Equal(t, c.want, cfg.tenantKey())
	}
}

// The environment is what the Azure SDK reads as well. It is the process's, so this is not parallel.
func TestWorkloadIdentityFromTheEnvironment(t *testing.T) {
	t.Setenv("AZURE_CLIENT_ID", "client-of-the-environment")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.environment.example/")
	t.Setenv("AZURE_TENANT_ID", "tenant-of-the-environment")
	for _, c := range []struct{ block, more, client, file, authority string }{
		{"{}", "", "client-of-the-environment", "/var/run/token", "https://login.environment.example/"},
		{"{client_id: c}", "", "c", "/var/run/token", "https://login.environment.example/"},
		{"{token_file: /t}", "", "client-of-the-environment", "/t", "https://login.environment.example/"},
		{"{client_id: c, token_file: /t}", "authority_host: https://login.example", "c", "/t", "https://login.example"},
		{"{}", "subscription_plan: gcc_high", "client-of-the-environment", "/var/run/token", "https://login.environment.example/"},
	} {
		cfg, err := load(t, "tenant_id: contoso.com\nauthentication: {workload_identity: "+c.block+"}\n"+c.more)
		require.NoError(t, err)
		in := cfg.signIn()
		assert.Equal(t, c.client, in.ClientID)
		assert.Equal(t, c.authority, in.AuthorityHost)
		assert.Equal(t, "contoso.com", in.TenantID)
		assert.Contains(t, fmt.Sprintf("%+v", in.Credential), c.file)
		assert.Contains(t, fmt.Sprintf("%+v", in.Credential), "authentication.workload_identity.token_file")
	}
	// The others do not heed it.
	cfg, err := load(t, least)
	require.NoError(t, err)
	assert.Equal(t, worldwideLogin, cfg.signIn().AuthorityHost)
	assert.Equal(t, "22222222-2222-2222-2222-222222222222", cfg.signIn().ClientID)
}

// The machine's own identity service is beyond any proxy, that of the configuration included. Not parallel, as the
// environment is the process's.
func TestAManagedIdentityIsAskedForWithoutProxy(t *testing.T) {
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "https://direct.example", r.URL.Query().Get("resource"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"of-the-machine","token_type":"Bearer","expires_on":"%d"}`, time.Now().Add(time.Hour).Unix())
	}))
	defer machine.Close()
	t.Setenv("IDENTITY_ENDPOINT", machine.URL)
	t.Setenv("IDENTITY_HEADER", "x")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	r, _ := observedReceiver(t, "tenant_id: contoso.com\nproxy_url: 'http://127.0.0.1:1'\n"+
		"authentication: {managed_identity: {resource: 'https://direct.example'}}")
	r.host = componenttest.NewNopHost()
	client, connections, err := r.httpClient(t.Context(), r.cfg.signInClient())
	require.NoError(t, err)
	token, err := r.authorizer(client, connections).Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "of-the-machine", token)
	r.closeConnections()
}
