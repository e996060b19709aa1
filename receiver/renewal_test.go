// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// issuer is a login host, the identity service of a machine, and the service in one. Each of its tokens is another one.
type issuer struct {
	mu     sync.Mutex
	issued int
	// refused is the whole response to the first token.
	refused []byte
	// demanded are the claims that were asked for with each token.
	demanded []string
	sent     []string
}

func (i *issuer) token() string {
	i.issued++
	return jwt(fmt.Sprintf(`{"jti":"token-%d","roles":["Mail.Read"]}`, i.issued))
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	base := "https://" + r.Host + "/" + strings.Split(r.URL.Path, "/")[1]
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	case strings.HasSuffix(r.URL.Path, "/token"):
		i.demanded = append(i.demanded, r.FormValue("claims"))
		json.NewEncoder(w).Encode(map[string]string{
			"token_type": "Bearer", "expires_in": "3599", "expires_on": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), "access_token": i.token(),
		})
	default:
		i.sent = append(i.sent, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == i.sent[0] {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Write(i.refused)
				conn.Close()
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"value":[]}`)
	}
}

// Whichever way signs in, a refused token is followed by a really new one, past the caches of the library and of the
// machine. Not parallel, as the environment is the process's.
func TestARefusedTokenIsReplacedWhateverSignsIn(t *testing.T) {
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1790848800"}}}`
	challenged := func(response []byte) []byte {
		head, body, _ := strings.Cut(string(response), "\r\n\r\n")
		return []byte(head + "\r\nWWW-Authenticate: Bearer realm=\"\", error=\"insufficient_claims\", claims=\"" +
			base64.StdEncoding.EncodeToString([]byte(claims)) + "\"\r\n\r\n" + body)
	}
	unchanged := func(response []byte) []byte { return response }
	for name, c := range map[string]struct {
		file     string
		change   func([]byte) []byte
		demanded string
	}{
		"a policy has changed":          {"F28-401-outdated-policies", unchanged, ""},
		"claims are demanded":           {"F28-401-outdated-policies", challenged, claims},
		"a permission has been granted": {"F33-403-no-role", unchanged, ""},
	} {
		for _, method := range []string{"oauth", "certificate", "workload_identity", "managed_identity"} {
			t.Run(name+" "+method, func(t *testing.T) {
				response, err := os.ReadFile("../testdata/service/" + c.file + ".http")
				require.NoError(t, err)
				i := &issuer{refused: c.change(response)}
				address, trust := serveTLS(t, i)
				signIn := "authentication: {managed_identity: {}}"
				if method == "managed_identity" {
					machine := httptest.NewServer(i)
					t.Cleanup(machine.Close)
					t.Setenv("IDENTITY_ENDPOINT", machine.URL+"/token")
					t.Setenv("IDENTITY_HEADER", "x")
				} else {
					signIn = signIns[method](t, t.TempDir())
				}
				source := connected(t, &statusHost{extensions: map[component.ID]component.Component{}}, trust, signIn, fmt.Sprintf(
					"tenant_id: tenant%d.example\nendpoint: %s%s\nauthority_host: %s\nretry: {type: disabled}", tenants.Add(1), address, graphPath, address))
				require.NoError(t, ask(t, source))
				require.NoError(t, ask(t, source))
				i.mu.Lock()
				defer i.mu.Unlock()
				require.Len(t, i.sent, 3)
				assert.NotEqual(t, i.sent[0], i.sent[1])
				assert.Equal(t, i.sent[1], i.sent[2])
				require.Len(t, i.demanded, 2, "one renewal")
				if method != "managed_identity" {
					assert.Equal(t, []string{"", c.demanded}, i.demanded)
				}
			})
		}
	}
}

// A secret from the environment often has a line end behind it.
func TestASecretFromTheEnvironmentIsTrimmed(t *testing.T) {
	t.Parallel()
	var form, header string
	i := &issuer{}
	address, trust := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			form = r.FormValue("client_secret")
		}
		header = r.Header.Get("Authorization")
		if r.URL.Path == reportingPath {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"value":[]}`)
			return
		}
		i.ServeHTTP(w, r)
	}))
	where := fmt.Sprintf("api: reporting_webservice\nendpoint: %s%s\nauthority_host: %s\nretry: {type: disabled}\n", address, reportingPath, address)
	source := connected(t, &statusHost{}, trust, where+fmt.Sprintf("tenant_id: tenant%d.example\n", tenants.Add(1))+
		`authentication: {oauth: {client_id: c, client_secret: "s3cr3t\r\n"}}`)
	require.NoError(t, ask(t, source))
	assert.Equal(t, "s3cr3t", form)

	source = connected(t, &statusHost{}, trust, where+`authentication: {basic: {username: u, password: "s3cr3t\r\n"}}`)
	require.NoError(t, ask(t, source))
	assert.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("u:s3cr3t")), header)
}

func TestBothClientsPingConnectionsOfHTTP2(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, least)
	require.NoError(t, err)
	for _, client := range []struct{ idle, ping time.Duration }{
		{cfg.HTTP2ReadIdleTimeout, cfg.HTTP2PingTimeout}, {cfg.signInClient().HTTP2ReadIdleTimeout, cfg.signInClient().HTTP2PingTimeout},
	} {
		assert.Equal(t, 30*time.Second, client.idle)
		assert.Equal(t, 15*time.Second, client.ping)
	}
	cfg, err = load(t, least, "http2_read_idle_timeout: 0\nhttp2_ping_timeout: 1s")
	require.NoError(t, err)
	assert.Zero(t, cfg.HTTP2ReadIdleTimeout)
	assert.Equal(t, time.Second, cfg.HTTP2PingTimeout)
}
