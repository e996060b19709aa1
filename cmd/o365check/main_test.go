// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/o365messagetrace/o365messagetrace/internal/checkup"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	graphPath     = "/v1.0/admin/exchange/tracing/messageTraces"
	reportingPath = "/ecp/reportingwebservice/reporting.svc/MessageTrace"
	collector     = `
receivers:
  o365messagetrace:
    RECEIVER
exporters: {nop: }
service: {pipelines: {logs: {receivers: [o365messagetrace], exporters: [nop]}}}
`
	withGraph = `
tenant_id: TENANT
endpoint: SIM` + graphPath + `
authority_host: SIM
tls: {ca_file: 'CA'}
authentication: {oauth: {client_id: CLIENT, client_secret: "SECRET"}}
`
	withReporting = `
api: reporting_webservice
tenant_id: TENANT
endpoint: SIM` + reportingPath + `
authority_host: SIM
tls: {ca_file: 'CA'}
authentication: {oauth: {client_id: CLIENT, client_secret: "SECRET"}}
`
)

// forSim replaces what is the simulator's, after the pairs of texts.
func forSim(sim *simulatortest.Instance, text string, pairs ...string) string {
	text = strings.NewReplacer(pairs...).Replace(text)
	return strings.NewReplacer("SIM", sim.URL, "CA'", sim.CAFile+"'", "TENANT", simulator.DefaultTenantID, "CLIENT", simulator.DefaultClientID,
		"SECRET", simulator.DefaultClientSecret).Replace(text)
}

// ofCollector is the configuration of a collector with a receiver.
func ofCollector(receiver string) string {
	return strings.Replace(collector, "RECEIVER", strings.ReplaceAll(strings.TrimSpace(receiver), "\n", "\n    "), 1)
}

func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// secretive matches what must never be printed: the secrets of the tests, tokens, and addresses.
var secretive = regexp.MustCompile(`sim~|s3cr3t|eyJ|\b[\w.]+@[\w.]+`)

// ran runs the program, and looks at what it must not print.
func ran(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	status = run(t.Context(), args, &out, &complaints)
	assert.NotRegexp(t, secretive, out.String())
	assert.NotRegexp(t, secretive, complaints.String())
	return status, out.String(), complaints.String()
}

// someMail is a tenant with mail of the last hour.
func someMail() simulator.Config {
	return simulator.Config{Traffic: traffic.Config{RowsPerDay: 20_000, From: time.Now().Add(-time.Hour)}}
}

func TestAllRight(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, someMail())
	for name, receiver := range map[string]string{"graph": withGraph, "reporting_webservice": withReporting} {
		t.Run(name, func(t *testing.T) {
			file := written(t, ofCollector(forSim(sim, receiver)))
			status, text, complaints := ran(t, "--config", file)
			assert.Equal(t, allRight, status, text)
			assert.Empty(t, complaints)
			for _, line := range []string{
				`(?m)^o365messagetrace: all right$`, `  service      ` + name + `, enterprise, https://127`,
				`  sign-in      authentication.oauth, application ` + simulator.DefaultClientID, `  tenant       ` + simulator.DefaultTenantID,
				`  audience     https://`, `  roles        \w+`, `  token        expires 20.*Z, in 5\dm`, `  newest row   (\d+m)?\d+s old, received 20`,
			} {
				assert.Regexp(t, line, text)
			}
			assert.NotContains(t, text, "problem")

			status, text, _ = ran(t, "--config", file, "--json")
			assert.Equal(t, allRight, status)
			var report checkup.Report
			require.NoError(t, json.Unmarshal([]byte(text), &report))
			require.Len(t, report.Receivers, 1)
			found := report.Receivers[0]
			assert.True(t, report.OK && found.OK)
			assert.Equal(t, 100, found.Asked.Rows)
			assert.WithinDuration(t, time.Now(), found.Asked.Newest, 30*time.Minute)
			assert.InDelta(t, time.Since(found.Asked.Newest).Seconds(), found.Asked.NewestAge, 60)
			assert.Len(t, found.Token.Roles, 1)
			assert.Empty(t, found.Warnings)
		})
	}
	asked := 0
	for _, request := range sim.Requests() {
		if strings.HasSuffix(request.Path, "/messageTraces") || strings.HasSuffix(request.Path, "/MessageTrace") {
			asked++
		}
	}
	assert.Equal(t, 4, asked, "one small window each time")
}

// failures are what goes wrong, and what is said of it.
var failures = map[string]struct {
	sim simulator.Config
	// receiver is with Graph where nothing is given, with pairs of texts replaced.
	receiver string
	replace  []string
	rule     fault.Rule
	// replayed is a case of testdata/service that the rule answers with.
	replayed string
	status   int
	says     []string
}{
	// Sign-in.
	"a wrong secret": {
		replace: []string{"SECRET", "s3cr3t"}, status: someProblem,
		says: []string{"AADSTS7000215", "authentication.oauth.client_secret", "portal", "Certificates & secrets", "az ad app credential reset --id " + simulator.DefaultClientID},
	},
	"the ID of a secret": {
		replace: []string{"SECRET", "00000000-1111-2222-3333-444444444444"}, status: someProblem, says: []string{"it looks like a secret's ID"},
	},
	"a secret in quotes": {
		replace: []string{"SECRET", `'s3cr3t'`}, status: someProblem, says: []string{"AADSTS7000215", "it is in quotes"},
	},
	"an expired secret": {rule: fault.Rule{Kind: fault.SecretExpired}, status: someProblem, says: []string{"AADSTS7000222", "new client secret", "az ad app credential reset"}},
	"an unknown tenant": {
		replace: []string{"TENANT", "99999999-1111-2222-3333-444444444444"}, status: someProblem,
		says: []string{"AADSTS90002", "tenant_id", "99999999-1111-2222-3333-444444444444/v2.0/.well-known/openid-configuration"},
	},
	"an unknown application": {
		replace: []string{"CLIENT", "99999999-1111-2222-3333-444444444444"}, status: someProblem,
		says: []string{"AADSTS700016", "client_id", "az ad sp show --id 99999999-1111-2222-3333-444444444444"},
	},
	"a policy refuses a token": {
		rule: fault.Rule{On: fault.SignIn}, replayed: "F29-token-53003.http", status: someProblem,
		says: []string{"AADSTS53003", "Conditional Access", "Sign-in logs > Service principal sign-ins"},
	},
	"the resource is disabled": {
		rule: fault.Rule{On: fault.SignIn}, replayed: "F30-token-500014.http", status: someProblem,
		says: []string{"AADSTS500014", "enable it", "az ad sp update --id https://graph.microsoft.com --set accountEnabled=true"},
	},
	"too many sign-ins": {rule: fault.Rule{On: fault.SignIn}, replayed: "F30-token-50196.http", status: someProblem, says: []string{"AADSTS50196", "signs in too often"}},
	"the application is disabled": {
		rule: fault.Rule{On: fault.SignIn}, replayed: "F30-token-7000112.http", status: someProblem,
		says: []string{"AADSTS7000112", "enable it", "az ad sp update --id " + simulator.DefaultClientID + " --set accountEnabled=true"},
	},
	"a resource that the tenant does not know": {
		replace: []string{"client_id: CLIENT", "client_id: CLIENT, resource: 'https://graph.example'"}, status: someProblem,
		says: []string{"AADSTS500011", "authentication.oauth.resource", "az ad sp show --id https://graph.example"},
	},
	"a login host that nobody listens at": {
		replace: []string{"authority_host: SIM", "authority_host: https://127.0.0.1:1"}, status: someProblem,
		says: []string{"the login host cannot be reached: check authority_host", "curl", "https://127.0.0.1:1/"},
	},
	"a login host that does not exist": {
		replace: []string{"authority_host: SIM", "authority_host: https://login.invalid"}, status: someProblem,
		says: []string{"the login host cannot be reached: check authority_host", "https://login.invalid/"},
	},
	"a login page in place of the login host": {rule: fault.Rule{Kind: fault.LoginRedirect, On: fault.SignIn}, status: someProblem, says: []string{"such as the login page of a proxy"}},
	"a login host with trouble of its own":    {rule: fault.Rule{Kind: fault.TransientSignInError}, status: someProblem, says: []string{"AADSTS90033"}},
	"a token that the service refuses":        {rule: fault.Rule{Kind: fault.WorthlessToken}, status: someProblem, says: []string{"status 401", "az ad sp show --id 8bd644d1"}},

	// What the service answers.
	"a token without roles": {
		sim: simulator.Config{GraphRoles: []string{}}, status: someProblem,
		says: []string{
			"roles        none", "status 403", "it lacks ExchangeMessageTrace.Read.All", "API permissions > Add a permission > Microsoft Graph > Application permissions",
			"az ad app permission add --id " + simulator.DefaultClientID + " --api 00000003-0000-0000-c000-000000000000", "admin-consent",
		},
	},
	"a token with other roles": {
		sim: simulator.Config{GraphRoles: []string{"Mail.Read", "User.Read.All"}}, status: someProblem,
		says: []string{"roles        Mail.Read, User.Read.All", "the token has the roles Mail.Read, User.Read.All; it lacks ExchangeMessageTrace.Read.All"},
	},
	"a token without roles for the reporting service": {
		sim: simulator.Config{ReportingRoles: []string{}}, receiver: withReporting, status: someProblem,
		says: []string{"ReportingWebService.Read.All", "directory role", "Office 365 Exchange Online", "--api 00000002-0000-0ff1-ce00-000000000000"},
	},
	"the directory role alone is missing": {
		receiver: withReporting, rule: fault.Rule{Kind: fault.Replay, On: fault.Page, Response: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}, status: someProblem,
		says: []string{"Global Reader", "Roles & admins", "roleManagement/directory/roleAssignments", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"},
	},
	"a 403 as recorded": {
		rule: fault.Rule{On: fault.Page}, replayed: "F33-403-no-role.http", status: someProblem, says: []string{"ExchangeMessageTrace.Read.All", "status 403"},
	},
	"a disabled service principal": {
		rule: fault.Rule{On: fault.Page}, replayed: "F31-401-disabled-sp.http", status: someProblem,
		says: []string{
			"enable the service principal 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373", "Enterprise applications",
			"az ad sp update --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373 --set accountEnabled=true",
		},
	},
	"no service principal": {
		rule: fault.Rule{Kind: fault.NotProvisioned}, status: someProblem,
		says: []string{"create the service principal", "az ad sp create --id 8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"},
	},
	"no Exchange Online": {
		rule: fault.Rule{On: fault.Page}, replayed: "F36-401-no-exchange.http", status: someProblem, says: []string{"tenant_id", "licence of Exchange Online", "Billing > Licenses"},
	},
	"no Exchange Online, with 404": {
		rule: fault.Rule{On: fault.Page}, replayed: "F36-404-no-exchange.http", status: someProblem, says: []string{"tenant_id", "licence of Exchange Online"},
	},
	"no Exchange Online, reporting service": {
		receiver: withReporting, rule: fault.Rule{On: fault.Page}, replayed: "F36-401-no-exchange.http", status: someProblem, says: []string{"licence of Exchange Online"},
	},
	"a policy refuses the token": {
		rule: fault.Rule{On: fault.Page}, replayed: "F28-401-outdated-policies.http", status: someProblem, says: []string{"Conditional Access", "exclude the application"},
	},
	"claims are demanded": {rule: fault.Rule{Kind: fault.ClaimsChallenge, On: fault.Page}, status: someProblem, says: []string{"continuous access evaluation"}},
	"a nested error":      {rule: fault.Rule{On: fault.Page}, replayed: "F40-400-nested.http", status: someProblem, says: []string{": The interval is too long."}},
	"the retired service": {
		receiver: withReporting, rule: fault.Rule{On: fault.Page}, replayed: "F42-v1-retired.http", status: someProblem, says: []string{"set api to graph"},
	},
	"a captive portal": {
		rule: fault.Rule{On: fault.Page}, replayed: "F45-302-captive.http", status: someProblem, says: []string{"check endpoint and proxy_url", "curl"},
	},
	"a page in HTML":        {rule: fault.Rule{Kind: fault.HTMLPage, On: fault.Page}, status: someProblem, says: []string{"check endpoint and proxy_url"}},
	"a page cut short":      {rule: fault.Rule{On: fault.Page}, replayed: "F21-200-truncated.http", status: someProblem, says: []string{"problem"}},
	"JSON that is no page":  {rule: fault.Rule{Kind: fault.OtherShape, On: fault.Page}, status: someProblem, says: []string{"problem"}},
	"a broken service":      {rule: fault.Rule{Kind: fault.ServerError, Status: 500, On: fault.Page}, status: someProblem, says: []string{"trouble of its own", "Health > Service health"}},
	"one request fails":     {rule: fault.Rule{Kind: fault.ServerError, Status: 503, On: fault.Page, Count: 1}, status: allRight, says: []string{"all right"}},
	"a tenant without mail": {status: allRight, says: []string{"warning      the service has no row of the last 24h", "tenant_id", "newest row   none received since"}},
	"a filter that lets nothing pass": {
		sim: someMail(), replace: []string{"tenant_id", "filter: {status: recalled}\ntenant_id"}, status: allRight, says: []string{"whether filter lets any row pass"},
	},
	"a throttled tenant":  {rule: fault.Rule{Kind: fault.ThrottledLong, On: fault.Page}, status: someProblem, says: []string{"status 429", "quota of message trace requests is used up"}},
	"a wrong path":        {replace: []string{"messageTraces", "messages"}, status: someProblem, says: []string{"status 400", "check endpoint"}},
	"a clock that is off": {sim: someMail(), rule: fault.Rule{Kind: fault.WrongDate, On: fault.Page, Skew: time.Hour}, status: allRight, says: []string{"this machine's clock differs"}},
	"a service host that nobody listens at": {
		replace: []string{"SIM" + graphPath, "https://127.0.0.1:1" + graphPath}, status: someProblem, says: []string{"the host in endpoint cannot be reached", "https://127.0.0.1:1/"},
	},
	"a service host that does not exist": {
		replace: []string{"SIM" + graphPath, "https://graph.invalid" + graphPath}, status: someProblem, says: []string{"the host in endpoint is unknown here"},
	},
	"a proxy that asks in place of the service": {rule: fault.Rule{Kind: fault.ProxyAuthentication, On: fault.Page}, status: someProblem, says: []string{"proxy_url", "NTLM"}},

	// This machine.
	"no CA file": {replace: []string{"'CA'", "/nowhere/ca.pem"}, status: someProblem, says: []string{"/nowhere/ca.pem", "tls.ca_file"}},
	"a certificate that is not trusted": {
		replace: []string{"tls: {ca_file: 'CA'}", ""}, status: someProblem,
		says: []string{"the certificate of 127.0.0.1, issued by", "tls.ca_file", "openssl s_client -connect 127.0.0.1:"},
	},
	"no secret file": {
		replace: []string{`client_secret: "SECRET"`, "client_secret_file: /nowhere/secret"}, status: someProblem,
		says: []string{"cannot read the secret from /nowhere/secret", "set authentication.oauth.client_secret_file"},
	},
	"sign-in by an extension": {
		replace: []string{"authentication:", "auth: {authenticator: oauth2client}\n#"}, status: misused,
		says: []string{`auth: there is no extension "oauth2client"`, "auth: an extension takes part in requests, which runs only in a collector"},
	},
	"not checked": {
		sim: someMail(), replace: []string{"tls: {ca_file: 'CA'}", "tls: {insecure_skip_verify: true}"}, status: allRight,
		says: []string{"warning      tls.insecure_skip_verify: certificates are not checked"},
	},
	"idle": {sim: someMail(), replace: []string{"tenant_id", "environment: production\ntenant_id"}, status: allRight, says: []string{"the receiver does nothing here"}},

	// The configuration.
	"a misspelled key": {
		replace: []string{"tenant_id", "tenantId"}, status: misused,
		says: []string{"problem      unknown key tenantId: here it is tenant_id"},
	},
	"several mistakes": {
		replace: []string{"authority_host", "poll_interval: 5 min\npage_size: 5\nauthority_host"}, status: misused,
		says: []string{"problem      poll_interval: `5 min`: write 5m", "problem      page_size: 5 is not between 100 and 5000"},
	},
	"unset variables": {
		replace: []string{"SECRET", "${env:O365CHECK_UNSET}", "authority_host", "retry: ${O365CHECK_RETRY}\nauthority_host"}, status: misused,
		says: []string{
			"retry: has no value", "what to do   set the environment variable O365CHECK_RETRY", "authentication.oauth.client_secret: required",
			"what to do   set the environment variable O365CHECK_UNSET",
		},
	},
	"an extension that is not there": {
		sim: someMail(), replace: []string{"tenant_id", "storage: file_storage\ntenant_id"}, status: misused,
		says: []string{`storage: there is no extension "file_storage"; define it under extensions`, "newest row"},
	},
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := simulatortest.Start(t, c.sim)
			if c.replayed != "" {
				c.rule.Kind, c.rule.Response = fault.Replay, simulatortest.Case(t, c.replayed, time.Now())
			}
			if c.rule.Kind != "" {
				require.NoError(t, sim.Faults().Set(c.rule))
			}
			if c.receiver == "" {
				c.receiver = withGraph
			}
			status, text, complaints := ran(t, "--config", written(t, ofCollector(forSim(sim, c.receiver, c.replace...))))
			assert.Equal(t, c.status, status, text)
			assert.Empty(t, complaints)
			for _, part := range c.says {
				assert.Contains(t, text, part)
			}
			assert.Less(t, len(sim.Requests()), 8, "hardly anything is repeated")
		})
	}
}

// The proxy answers CONNECT.
func TestAProxyThatWantsNTLM(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Proxy-Authenticate", "NTLM")
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	sim := simulatortest.Start(t, simulator.Config{})
	// Loopback is asked without a proxy.
	receiver := forSim(sim, withGraph, "SIM", "https://graph.example", "tenant_id", "proxy_url: "+strings.Replace(proxy.URL, "//", "//user:s3cr3t@", 1)+"\ntenant_id")
	status, text, _ := ran(t, "--config", written(t, ofCollector(receiver)))
	assert.Equal(t, someProblem, status)
	assert.Contains(t, text, "NTLM")
	assert.Contains(t, text, "curl --proxy PROXY_URL ")
	assert.Contains(t, text, "proxy_url")
}

// certificates writes a certificate, valid until a time, and its key.
func certificates(t *testing.T, until time.Time) (certFile, keyFile string, certificate *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-1000 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	certFile = written(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile = written(t, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	return certFile, keyFile, certificate
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(100*time.Hour + 30*time.Minute).Truncate(time.Second).UTC()
	certFile, keyFile, certificate := certificates(t, until)
	oldFile, oldKey, old := certificates(t, time.Now().Add(-time.Hour))
	strange, strangeKey, _ := certificates(t, until)
	cfg := someMail()
	cfg.ClientCertificates = []*x509.Certificate{certificate, old}
	sim := simulatortest.Start(t, cfg)
	for name, c := range map[string]struct {
		cert, key string
		status    int
		says      []string
	}{
		"right":    {certFile, keyFile, allRight, []string{"sign-in      authentication.certificate", "certificate  expires " + until.Format(time.RFC3339) + ", in 100h"}},
		"expired":  {oldFile, oldKey, someProblem, []string{"has expired", "renew the certificate", "authentication.certificate.cert_file"}},
		"unknown":  {strange, strangeKey, someProblem, []string{"AADSTS700027", "Certificates > Upload certificate", "az ad app credential reset"}},
		"no pair":  {certFile, oldKey, someProblem, []string{"does not match the private key", "to a pair"}},
		"no files": {"/nowhere/cert.pem", keyFile, someProblem, []string{"/nowhere/cert.pem", "authentication.certificate.cert_file"}},
	} {
		receiver := forSim(sim, withGraph, `{oauth: {client_id: CLIENT, client_secret: "SECRET"}}`,
			"{certificate: {client_id: CLIENT, cert_file: "+c.cert+", key_file: "+c.key+"}}")
		var out bytes.Buffer
		status := run(t.Context(), []string{"--config", written(t, ofCollector(receiver))}, &out, io.Discard)
		assert.Equal(t, c.status, status, name)
		assert.NotRegexp(t, "PRIVATE|eyJ", out.String())
		for _, part := range c.says {
			assert.Contains(t, out.String(), part, name)
		}
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	cfg := someMail()
	cfg.BasicUser, cfg.BasicPassword = "svc", "s3cr3t"
	sim := simulatortest.Start(t, cfg)
	for password, c := range map[string]struct {
		status int
		says   string
	}{
		"s3cr3t": {allRight, "warning      authentication.basic: Microsoft ended basic authentication in 2023"},
		"s3cr3x": {someProblem, "with authentication.basic: Microsoft ended it in 2023"},
	} {
		receiver := forSim(sim, withReporting, `{oauth: {client_id: CLIENT, client_secret: "SECRET"}}`, "{basic: {username: svc, password: "+password+"}}")
		status, text, _ := ran(t, "--config", written(t, ofCollector(receiver)))
		assert.Equal(t, c.status, status, text)
		assert.Contains(t, text, c.says)
		assert.NotContains(t, text, password)
	}
}

// The environment is the process's, so this is not parallel.
func TestManagedIdentity(t *testing.T) {
	cfg := someMail()
	cfg.ManagedIdentities, cfg.IdentityHeader = []string{simulator.DefaultClientID}, "s3cr3t-header"
	sim := simulatortest.StartPlain(t, cfg)
	file := written(t, ofCollector(forSim(sim, withGraph, `{oauth: {client_id: CLIENT, client_secret: "SECRET"}}`, "{managed_identity: {}}",
		"tls: {ca_file: 'CA'}", "", "authority_host: SIM", "")))
	t.Setenv("IDENTITY_ENDPOINT", sim.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", "s3cr3t-header")
	status, text, _ := ran(t, "--config", file)
	assert.Equal(t, allRight, status, text)
	t.Setenv("IDENTITY_HEADER", "s3cr3t-other")
	status, text, _ = ran(t, "--config", file)
	assert.Equal(t, someProblem, status, text)
	assert.Contains(t, text, "a managed identity works on Azure alone")
	assert.Contains(t, text, "az vm identity show")
}

// silent accepts connections and never says a word.
func silent(t *testing.T) (address string, accepted <-chan struct{}) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	came := make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var kept []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			kept = append(kept, conn)
			came <- struct{}{}
		}
		for _, conn := range kept {
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		<-done
	})
	return "https://" + listener.Addr().String(), came
}

func TestSilenceIsNotWaitedOutForLong(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, simulator.Config{})
	address, _ := silent(t)
	for name, c := range map[string]struct{ from, says string }{
		"login host": {"authority_host: SIM", "the login host cannot be reached: check authority_host"},
		"service":    {"endpoint: SIM", "the host in endpoint cannot be reached"},
	} {
		began := time.Now()
		file := written(t, ofCollector(forSim(sim, withGraph, c.from, strings.Replace(c.from, "SIM", address, 1))))
		status, text, _ := ran(t, "--config", file, "--timeout", "300ms")
		assert.Equal(t, someProblem, status, name)
		assert.Contains(t, text, c.says, name)
		assert.Less(t, time.Since(began), 10*time.Second, name)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, simulator.Config{})
	address, came := silent(t)
	file := written(t, ofCollector(forSim(sim, withGraph, "endpoint: SIM", "endpoint: "+address)))
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-came
		interrupt()
	}()
	var complaints bytes.Buffer
	began := time.Now()
	assert.Equal(t, interrupted, run(ctx, []string{"--config", file}, io.Discard, &complaints))
	assert.Equal(t, "o365check: interrupted\n", complaints.String())
	assert.Less(t, time.Since(began), 10*time.Second)
}

func TestSeveralReceivers(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, someMail())
	indented := func(name, receiver string, replace ...string) string {
		return "  " + name + ":\n    " + strings.ReplaceAll(strings.TrimSpace(forSim(sim, receiver, replace...)), "\n", "\n    ") + "\n"
	}
	file := written(t, "receivers:\n"+indented("o365messagetrace/two", withGraph)+indented("o365messagetrace", withGraph, "SECRET", "s3cr3t")+
		indented("o365messagetrace/one", withReporting)+"  otlp: {protocols: {grpc: }}\n"+
		"service: {pipelines: {logs: {receivers: [otlp, o365messagetrace/one, o365messagetrace], exporters: [nop]}}}\n")
	status, text, _ := ran(t, "--config", file)
	assert.Equal(t, someProblem, status)
	assert.Equal(t, []string{"o365messagetrace: does not work", "o365messagetrace/one: all right", "o365messagetrace/two: all right"},
		regexp.MustCompile(`(?m)^\S.*$`).FindAllString(text, -1))
	assert.Equal(t, 1, strings.Count(text, "no pipeline of service.pipelines has this receiver"), "two is in none")
	assert.Equal(t, 2, strings.Count(text, "reads the same tenant as o365messagetrace:"))

	status, text, _ = ran(t, "--config", file, "--receiver", "o365messagetrace/one")
	assert.Equal(t, allRight, status)
	assert.NotContains(t, text, "/two")

	status, text, complaints := ran(t, "--config", file, "--receiver", "o365messagetrace/three")
	assert.Equal(t, misused, status)
	assert.Empty(t, text)
	assert.Equal(t, "o365check: --receiver: there is no receiver \"o365messagetrace/three\"; there is o365messagetrace, o365messagetrace/one, o365messagetrace/two\n", complaints)
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, someMail())
	text := ofCollector(forSim(sim, withGraph, "tenant_id", "storage: file_storage/o365\ntenant_id")) + "extensions: {file_storage/o365: {directory: /tmp}}\n"
	status, found, _ := ran(t, "--config", written(t, text))
	assert.Equal(t, misused, status)
	assert.Contains(t, found, `storage: the extension "file_storage/o365" is defined, but does not run; add it to service.extensions`)
	text = strings.Replace(text, "service: {", "service: {extensions: [file_storage/o365], ", 1)
	status, found, _ = ran(t, "--config", written(t, text))
	assert.Equal(t, allRight, status, found)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	other := written(t, "receivers: {otlp: }")
	wrong := written(t, "receivers: {o365messagetrace: {page_size: many}, 'o365messagetrace/': }")
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--config is missing; see o365check --help"},
		{[]string{"--config"}, "flag needs an argument: -config; see o365check --help"},
		{[]string{"--conf", "x"}, "flag provided but not defined: -conf"},
		{[]string{"--config", other, "more"}, `unexpected argument "more"`},
		{[]string{"--config", other, "--timeout", "0s"}, "--timeout must be greater than 0"},
		{[]string{"--config", "/nowhere.yaml"}, "unable to read the file file:/nowhere.yaml"},
		{[]string{"--config", other}, "there is no receiver of type o365messagetrace under receivers"},
		{[]string{"--config", written(t, "")}, "there is no receiver of type o365messagetrace under receivers"},
		{[]string{"--config", written(t, "receivers: ${file:/nowhere.yaml}")}, "/nowhere.yaml"},
		{[]string{"--config", wrong}, "receivers: "},
		{[]string{"--config", written(t, "receivers: [o365messagetrace]")}, "receivers: must be a block of keys"},
		{[]string{"--config", written(t, "a: {b")}, "not valid YAML"},
	} {
		status, text, complaints := ran(t, c.args...)
		assert.Equal(t, misused, status, c.args)
		assert.Empty(t, text, c.args)
		assert.Contains(t, complaints, c.says)
		assert.Equal(t, 1, strings.Count(complaints, "\n"), complaints)
	}
	status, text, complaints := ran(t, "--json", "--config", other)
	assert.Equal(t, misused, status)
	assert.Empty(t, complaints)
	assert.JSONEq(t, `{"ok": false, "error": "there is no receiver of type o365messagetrace under receivers", "receivers": []}`, text)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--help", "-h"} {
		status, text, complaints := ran(t, flag)
		assert.Equal(t, allRight, status)
		assert.Empty(t, complaints)
		assert.Equal(t, usage, text)
	}
}

// The keys of JSON are documented, and all of them occur.
func TestKeysOfJSON(t *testing.T) {
	t.Parallel()
	sim := simulatortest.Start(t, simulator.Config{GraphRoles: []string{}})
	status, text, _ := ran(t, "--json", "--config", written(t, ofCollector(forSim(sim, withGraph))))
	assert.Equal(t, someProblem, status)
	var report map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	keys := map[string]bool{}
	var note func(value any)
	note = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				keys[key] = true
				note(inner)
			}
		case []any:
			for _, inner := range value {
				note(inner)
			}
		}
	}
	note(report)
	_, documented, _ := strings.Cut(usage, "JSON: ")
	for key := range keys {
		assert.Regexp(t, `\b`+key+`\b`, documented)
	}
	for _, key := range []string{
		"ok", "receivers", "id", "tenant_id", "api", "subscription_plan", "endpoint", "sign_in", "client_id", "token", "audience", "roles", "expires",
		"problems", "scope", "message", "hint", "portal", "command", "warnings",
	} {
		assert.True(t, keys[key], key)
	}
	problem := report["receivers"].([]any)[0].(map[string]any)["problems"].([]any)[0].(map[string]any)
	assert.Equal(t, "sign-in", problem["scope"])
	assert.Contains(t, problem["portal"], " > API permissions > ", "as people read it")
	assert.Contains(t, text, " > API permissions > ")
}

// Variables are the process's, so this is not parallel.
func TestVariables(t *testing.T) {
	sim := simulatortest.Start(t, someMail())
	t.Setenv("O365CHECK_HIDDEN", simulator.DefaultClientSecret+"\n")
	t.Setenv("O365CHECK_RATE", "{requests: 30}")
	text := ofCollector(forSim(sim, withGraph, "SECRET", "${env:O365CHECK_HIDDEN}",
		"tenant_id", "rate_limit: ${env:O365CHECK_RATE}\nmin_age: ${env:O365CHECK_AGE:-1m}\ntenant_id"))
	status, found, _ := ran(t, "--config", written(t, text))
	assert.Equal(t, allRight, status, found)
	// A configuration in parts, and one in a variable.
	t.Setenv("O365CHECK_ALL", text)
	status, found, _ = ran(t, "--config", "env:O365CHECK_ALL", "--config", "yaml:receivers::o365messagetrace::page_size: 7")
	assert.Equal(t, misused, status)
	assert.Contains(t, found, "page_size: 7 is not between")
	part := written(t, fmt.Sprintf("client_id: %s\nclient_secret: ${env:O365CHECK_HIDDEN}", simulator.DefaultClientID))
	text = ofCollector(forSim(sim, withGraph, `{client_id: CLIENT, client_secret: "SECRET"}`, "${file:"+part+"}", "{oauth", `{"oauth"`))
	text = strings.Replace(text, `{"oauth": ${file:`+part+`}}`, "\n      oauth: ${file:"+part+"}", 1)
	status, found, _ = ran(t, "--config", written(t, text))
	assert.Equal(t, allRight, status, found)
}
