// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
)

// jwt returns a token with the claims.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

const (
	rightTenant = `"tid":"11111111-1111-1111-1111-111111111111"`
	graphRole   = `"roles":["ExchangeMessageTrace.Read.All"]`
	reportRole  = `"roles":["ReportingWebService.Read.All"]`
)

func TestWhatATokenLacksIsSaidOnce(t *testing.T) {
	t.Parallel()
	const (
		prefix     = "warn: the service may refuse the token: "
		tenant     = prefix + "it is of another tenant than tenant_id"
		audience   = prefix + "it is for another audience than https://graph.microsoft.com, the resource of api"
		permission = prefix + "it has no role ExchangeMessageTrace.Read.All; grant the application the permission " +
			"ExchangeMessageTrace.Read.All with admin consent"
	)
	for name, c := range map[string]struct {
		more, claims string
		says         []string
	}{
		"nothing":          {"", `{` + rightTenant + `,"aud":"https://graph.microsoft.com",` + graphRole + `}`, nil},
		"no JWT":           {"", "", nil},
		"everything":       {"", `{"tid":"x","aud":"https://outlook.office365.com"}`, []string{tenant, audience, permission}},
		"the role":         {"", `{` + rightTenant + `,"aud":"https://graph.microsoft.com",` + reportRole + `}`, []string{permission}},
		"of the other API": {"api: reporting_webservice", `{` + rightTenant + `,"aud":"https://outlook.office365.com",` + reportRole + `}`, nil},
		"of another cloud": {"subscription_plan: gcc_high", `{` + rightTenant + `,"aud":"https://outlook.office365.us",` + reportRole + `}`, nil},
		"by the ID":        {"subscription_plan: gcc_high", `{"aud":"00000002-0000-0ff1-ce00-000000000000",` + reportRole + `}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, logs := observedReceiver(t, least, c.more)
			token := "opaque-token"
			if c.claims != "" {
				token = jwt(c.claims)
			}
			i := &inspected{Authorizer: &turns{tokens: slices.Repeat([]string{token, "another"}, 10)}, inspect: r.inspect}
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { _, _ = i.Token(t.Context()) })
			}
			all.Wait()
			for _, entry := range logs.All() {
				assert.NotContains(t, entry.Message, token)
				assert.Empty(t, entry.Context, "of the token nothing is logged")
			}
			assert.ElementsMatch(t, c.says, withoutTenant(lines(logs)), "in whatever order the callers come")
		})
	}
}

// turns gives out tokens one after the other.
type turns struct {
	tokens []string
	mu     sync.Mutex
}

func (a *turns) Token(context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tokens) == 0 {
		return "", errors.New("no more")
	}
	token := a.tokens[0]
	a.tokens = a.tokens[1:]
	return token, nil
}

func (*turns) Reject(string, string) {}

func TestEachNewTokenIsInspected(t *testing.T) {
	t.Parallel()
	var seen []string
	a, b := jwt(`{"tid":"a"}`), jwt(`{"tid":"b"}`)
	tokens := []string{a, a, "opaque", b, b, a}
	i := &inspected{Authorizer: &turns{tokens: tokens}, inspect: func(s claims.Set) { seen = append(seen, s.TenantID) }}
	for _, want := range tokens {
		token, err := i.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, token)
	}
	assert.Equal(t, []string{"a", "b", "a"}, seen)
	_, err := i.Token(t.Context())
	require.Error(t, err)
	assert.Len(t, seen, 3)
}
