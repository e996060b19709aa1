// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// signIn asks for a token at an origin.
func signIn(t *testing.T, client *http.Client, origin string) (reply, error) {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {simulator.DefaultClientID},
		"client_secret": {simulator.DefaultClientSecret}, "scope": {simulator.DefaultGraphAudience + "/.default"},
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		origin+"/"+simulator.DefaultTenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, client, r)
}

func TestSignIn(t *testing.T) {
	sim, client, at := overTLS(t, 2)
	at = strings.TrimSuffix(at, tracesPath)
	for kind, test := range map[fault.Kind]struct {
		status int
		err    string
		code   int
		text   string
	}{
		fault.SecretRefused:         {401, "invalid_client", 7000215, "AADSTS7000215: Invalid client secret provided."},
		fault.SecretExpired:         {401, "invalid_client", 7000222, "secret keys for app '" + simulator.DefaultClientID + "' are expired"},
		fault.TenantUnknown:         {400, "invalid_tenant", 90002, "Tenant '" + simulator.DefaultTenantID + "' not found."},
		fault.ApplicationUnknown:    {400, "unauthorized_client", 700016, simulator.DefaultClientID},
		fault.TransientSignInError:  {503, "temporarily_unavailable", 90033, "AADSTS90033: A transient error has occurred."},
		fault.ServerErrorRetryAfter: {502, "temporarily_unavailable", 90033, "AADSTS90033"},
		fault.ThrottledSeconds:      {429, "temporarily_unavailable", 90055, "AADSTS90055"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			rule := fault.Rule{Kind: kind, On: fault.SignIn, Count: 1}
			if kind == fault.ServerErrorRetryAfter {
				rule.Status = test.status
			}
			order(t, sim, rule)
			assert.Equal(t, http.StatusOK, got(t, sim, client, at+tracesPath).status, "not a sign-in")
			answer, err := signIn(t, client, at)
			require.NoError(t, err)
			assert.Equal(t, test.status, answer.status)
			var document struct {
				Error       string
				Description string `json:"error_description"`
				Codes       []int  `json:"error_codes"`
			}
			require.NoError(t, json.Unmarshal(answer.body, &document))
			assert.Equal(t, test.err, document.Error)
			assert.Equal(t, []int{test.code}, document.Codes)
			assert.Contains(t, document.Description, test.text)
			assert.NotContains(t, string(answer.body), simulator.DefaultClientSecret)
			answer, err = signIn(t, client, at)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, answer.status, "once")
		})
	}
}

func TestWorthlessTokens(t *testing.T) {
	sim := tenant(t, standing, 1)
	order(t, sim, fault.Rule{Kind: fault.WorthlessToken, Count: 1})
	for _, want := range []int{http.StatusUnauthorized, http.StatusOK} {
		answer, err := signIn(t, inProcess(sim), origin)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.status)
		var grant struct {
			AccessToken string `json:"access_token"`
			ExpiresIn   int    `json:"expires_in"`
		}
		require.NoError(t, json.Unmarshal(answer.body, &grant))
		assert.Equal(t, 3599, grant.ExpiresIn)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+tracesPath, http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+grant.AccessToken)
		answer, err = do(t, inProcess(sim), r)
		require.NoError(t, err)
		assert.Equal(t, want, answer.status)
	}
}

// What happens to connections happens to sign-in as well.
func TestSignInOnTheWire(t *testing.T) {
	for _, version := range []int{1, 2} {
		sim, client, at := overTLS(t, version)
		at = strings.TrimSuffix(at, tracesPath)

		order(t, sim, fault.Rule{Kind: fault.Reset, On: fault.SignIn, Count: 1})
		_, err := signIn(t, client, at)
		wasReset(t, err)

		order(t, sim, fault.Rule{Kind: fault.Hang, On: fault.SignIn, Delay: 10 * time.Millisecond})
		answer, err := signIn(t, client, at)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, answer.status, "the form is still there")

		order(t, sim, fault.Rule{Kind: fault.Hang, On: fault.SignIn})
		client.Timeout = 500 * time.Millisecond
		_, err = signIn(t, client, at)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		recorded(t, sim, 3) // noticed
	}
}
