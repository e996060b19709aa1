// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The errors of the login host that tell what to change, as it writes them.
var (
	noSuchClient = refusal{
		400, "unauthorized_client", 700016,
		"Application with identifier '" + testClient + "' was not found in the directory 'Contoso'. This can happen if the application " +
			"has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your " +
			"authentication request to the wrong tenant.",
	}
	invalidSecret = refusal{
		401, "invalid_client", 7000215,
		"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client " +
			"secret ID, for a secret added to app '" + testClient + "'.",
	}
	expired = refusal{
		401, "invalid_client", 7000222,
		"The provided client secret keys for app '" + testClient + "' are expired. Visit the Azure portal to create new keys for your " +
			"app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
	}
	noSuchTenant = refusal{
		400, "invalid_tenant", 90002,
		"Tenant '" + testTenant + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct " +
			"cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
	}
	badSignature = refusal{
		401, "invalid_client", 700027,
		"Client assertion contains an invalid signature. [Reason - The key was not found.]",
	}
	badTime = refusal{
		401, "invalid_client", 700024,
		"Client assertion is not within its valid time range. Current time: 2026-11-22T10:00:00Z.",
	}
	noFederated = refusal{
		401, "invalid_client", 700213,
		"No matching federated identity record found for presented assertion subject 'x'. Check your federated identity credential " +
			"Subject, Audience and Issuer against the presented assertion.",
	}
	noSuchScope = refusal{
		400, "invalid_scope", 70011,
		"The provided value for the input parameter 'scope' is not valid.",
	}
	noSuchResource = refusal{
		400, "invalid_resource", 500011,
		"The resource principal named https://graph.example was not found in the tenant named Contoso.",
	}
)

func TestErrorsOfTheLoginHostSayWhatToChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refusal
		hint []string
	}{
		{noSuchClient, []string{"authentication.oauth.client_id", "tenant_id"}},
		{invalidSecret, []string{"authentication.oauth.client_secret", "client_secret_file", "not to the secret's ID"}},
		{expired, []string{"new client secret", "authentication.oauth.client_secret"}},
		{noSuchTenant, []string{"tenant_id", "subscription_plan", "authority_host"}},
		{badSignature, []string{"certificate"}},
		{badTime, []string{"clock"}},
		{noFederated, []string{"federated credential", "token_file"}},
		{noSuchScope, []string{"authentication.oauth.resource"}},
		{noSuchResource, []string{"authentication.oauth.resource"}},
		{refusal{400, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'."}, nil},
		{refusal{503, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."}, nil},
	} {
		t.Run(fmt.Sprintf("AADSTS%d", c.code), func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.refuse = c.write
			s, _ := newSource(l, Secret{Value: testSecret})
			e := requireFailure(t, s)
			assert.Equal(t, c.code, e.Code)
			require.EqualError(t, e, fmt.Sprintf("sign-in failed: AADSTS%d: %s", c.code, c.description))
			assert.NotContains(t, e.Error(), "Trace ID", "what differs each time is no part of the text")
			assert.Equal(t, len(c.hint) == 0, e.Hint() == "", e.Hint())
			for _, part := range c.hint {
				assert.Contains(t, e.Hint(), part)
			}
		})
	}
}

// What each hint names, whatever the login host says beside the code.
func TestEveryHintNamesWhatToChange(t *testing.T) {
	t.Parallel()
	named := map[string][]int{
		"authentication.x.client_secret":    {7000215, 7000222},
		"authentication.x.client_id":        {700016, 7000112, 7000229, 700027, 9002313},
		"authentication.x.resource":         {70011, 500011, 650052},
		"authentication.x.cert_file":        {700027},
		"authentication.x.token_file":       {700024, 70021, 700211, 700212, 700213, 7002121},
		"block of authentication":           {7000216, 7000218},
		"tenant_id":                         {90002, 900023, 700016, 7000229, 9002313},
		"subscription_plan":                 {90002, 90051, 900382, 900432, 900439},
		"authority_host":                    {90002, 90051, 900382, 900432, 900439},
		"Conditional Access":                {50131, 53000, 53001, 53003, 53011, 530032, 530034, 530035, 530084},
		"the address that this machine has": {50131, 53000, 53001, 53003, 53011, 530032, 530034, 530035, 530084},
		"enable it":                         {7000112, 500014},
		"New-MgServicePrincipal":            {7000229},
		"admin consent":                     {7000229, 501051},
		"licence of Exchange Online":        {500011, 650052},
		"clock":                             {700024},
		"no other program":                  {50196},
	}
	who := Config{Block: "authentication.x", ClientID: "the-client", TenantID: "the-tenant", Resource: "https://r.example", AuthorityHost: "https://login.example:8443"}
	hint := func(code int) string { return who.advice(code).Hint }
	tested := map[int]bool{}
	for part, codes := range named {
		for _, code := range codes {
			tested[code] = true
			assert.Contains(t, hint(code), part, "AADSTS%d", code)
		}
	}
	for code := range policyRefuses {
		assert.True(t, tested[code], "AADSTS%d", code)
	}
	for code := range hints {
		assert.True(t, tested[code], "AADSTS%d", code)
		assert.NotContains(t, hint(code), "BLOCK")
	}
	assert.Empty(t, hint(0))
	assert.Empty(t, hint(900144))
}

// The steps name what is known, and belong to a hint.
func TestSteps(t *testing.T) {
	t.Parallel()
	who := Config{Block: "authentication.x", ClientID: "the-client", TenantID: "the-tenant", Resource: "https://r.example", AuthorityHost: "https://login.example:8443"}
	for code := range steps {
		advice := who.advice(code)
		assert.NotEmpty(t, advice.Hint, "AADSTS%d", code)
		assert.NotEmpty(t, advice.Portal+advice.Command, "AADSTS%d", code)
		assert.NotRegexp(t, "CLIENT_ID|TENANT_ID|RESOURCE|LOGIN_HOST|BLOCK", advice.Portal+advice.Command, "AADSTS%d", code)
	}
	assert.Equal(t, "az ad sp update --id the-client --set accountEnabled=true", who.advice(7000112).Command)
	assert.Equal(t, "curl --silent https://login.example:8443/the-tenant/v2.0/.well-known/openid-configuration", who.advice(90002).Command)
	assert.Equal(t, "az ad sp update --id https://r.example --set accountEnabled=true", who.advice(500014).Command)
	assert.Contains(t, who.advice(badSecret).Portal, "the application the-client > Certificates & secrets")
	assert.Contains(t, who.advice(53003).Portal, "Conditional Access")
	assert.Contains(t, Config{}.advice(badSecret).Command, "--id CLIENT_ID", "what is not known is to be filled in")
}

// net/http returns the text of a proxy's status and nothing else.
func TestAProxyThatRefusesToConnect(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"Proxy Authentication Required": "NTLM", "Forbidden": "the proxy refuses to connect to the host in authority_host", "EOF": "cannot be reached",
	} {
		e := unanswered(errors.New(text), func(text string) string { return text }, "login.example")
		assert.Contains(t, e.Hint(), says)
		assert.Contains(t, e.Hint(), "proxy_url")
		assert.Contains(t, e.NextStep().Command, "https://login.example/")
	}
}

// The answers are as the service sends them.
func TestRefusalsAsRecorded(t *testing.T) {
	t.Parallel()
	for file, parts := range map[string][]string{
		"F29-token-53003":   {"Conditional Access", "exclude the application", "address"},
		"F30-token-500014":  {"service principal of the resource is disabled", "enable it"},
		"F30-token-50196":   {"too often", "no other program"},
		"F30-token-7000112": {"disabled", "enable it", "authentication.oauth.client_id"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			recorded, err := os.ReadFile("../../testdata/service/" + file + ".http")
			require.NoError(t, err)
			l := newLogin(t)
			l.refuse = func(w http.ResponseWriter) { resend(t, w, recorded) }
			s, clock := newSource(l, Secret{Value: testSecret})
			e := requireFailure(t, s)
			code, _ := strconv.Atoi(file[strings.LastIndex(file, "-")+1:])
			assert.Equal(t, code, e.Code)
			for _, part := range parts {
				assert.Contains(t, e.Hint(), part)
			}
			assert.False(t, e.Temporary())

			// No storm: once in five minutes, also if something asks for tokens all the time.
			for range 300 {
				assert.Equal(t, e.Error(), requireFailure(t, s).Error())
				clock.pass(time.Second - time.Millisecond)
			}
			assert.Len(t, l.requests, 1)
			l.set(func(l *login) { l.refuse = nil })
			clock.pass(time.Second)
			requireToken(t, s, "token-2")
		})
	}
}

// resend answers with a whole recorded response.
func resend(t *testing.T, w http.ResponseWriter, recorded []byte) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(recorded)), nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

func TestAnswersThatAreNoErrorOfTheLoginHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"no JSON":                    {502, "<html>Bad Gateway</html>", "the login host answered with status 502"},
		"nothing":                    {500, "", "the login host answered with status 500"},
		"JSON of another kind":       {418, `{"teapot":true}`, "the login host answered with status 418"},
		"no object":                  {500, `[1]`, "the login host answered with status 500"},
		"a description of no use":    {400, `{"error":"x","error_description":"Trace ID: 0a1b"}`, "the login host answered with status 400"},
		"no code":                    {400, `{"error":"x","error_description":"No such luck."}`, "No such luck."},
		"a byte order mark":          {400, "\uFEFF" + `{"error_description":"AADSTS90002: a"}`, "AADSTS90002: a"},
		"an error that is an object": {400, `{"error":{"code":"invalid_request","message":"AADSTS90002: a"}}`, "AADSTS90002: a"},
		"an old one, with lines":     {400, `{"error_description":"AADSTS90002: a\r\nTrace ID: b\r\nTimestamp: c"}`, "AADSTS90002: a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.refuse = func(w http.ResponseWriter) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}
			s, _ := newSource(l, Secret{Value: testSecret})
			assert.EqualError(t, requireFailure(t, s), "sign-in failed: "+c.says)
		})
	}
}

// Not even a login host that repeats what it was sent, or breaks off in the middle of a token, gets it into a log.
func TestNoSecretAndNoTokenReachesAnError(t *testing.T) {
	t.Parallel()
	body := func(status int, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"repeated in the description": body(401, `{"error_description":"AADSTS7000215: `+testSecret+` is wrong."}`),
		"repeated as it was sent":     body(401, `{"error_description":"AADSTS7000215: client_secret=s3cr3t~of%2Fthe%2Btest."}`),
		"repeated without JSON":       body(401, testSecret),
		"a token cut short":           body(200, `{"token_type":"Bearer","expires_in":3599,"access_token":"token-eyJ0eXAi`),
		"a token of a wrong type":     body(200, `{"token_type":"Bearer","expires_in":{},"access_token":"token-eyJ0eXAi"}`),
		"a token that is no JSON":     body(200, `token-eyJ0eXAi`),
		"an error beside the token":   body(200, `{"error":"x","error_description":"`+testSecret+`","access_token":"token-eyJ0eXAi"}`),
		"repeated in a bare header": func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if assert.NoError(t, err) {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nclient_secret="+testSecret+"\r\n\r\n")
				conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			l.refuse = answer
			s, _ := newSource(l, Secret{Value: testSecret})
			e := requireFailure(t, s)
			assert.True(t, strings.HasPrefix(e.Error(), "sign-in failed: "), e.Error())
		})
	}
	s, _ := newSource(newLogin(t), Secret{Value: testSecret})
	s.cfg.HTTPClient = &http.Client{Transport: failing{}}
	assert.ErrorContains(t, requireFailure(t, s), "[masked]")
}
