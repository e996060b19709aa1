// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	cluster = "https://kubernetes.default.svc.cluster.local"
	account = "system:serviceaccount:monitoring:collector"
)

// keySetOf writes public keys as a JSON Web Key Set.
func keySetOf(t *testing.T, list map[string]*rsa.PublicKey) []byte {
	t.Helper()
	set := []map[string]string{{"kty": "EC", "kid": "curve"}}
	for id, key := range list {
		set = append(set, map[string]string{
			"kty": "RSA", "kid": id, "use": "sig", "n": segment(key.N.Bytes()), "e": segment(big.NewInt(int64(key.E)).Bytes()),
		})
	}
	text, err := json.Marshal(map[string]any{"keys": set})
	require.NoError(t, err)
	return text
}

func federation(t *testing.T, credential FederatedCredential) Federation {
	t.Helper()
	f, err := NewFederation(credential)
	require.NoError(t, err)
	return f
}

func TestFederation(t *testing.T) {
	first, second := keys()[0], keys()[1]
	d := newDirectory()
	d.Federations = []Federation{
		federation(t, FederatedCredential{Issuer: cluster, Subject: account, JWKS: keySetOf(t, map[string]*rsa.PublicKey{"a": &first.PublicKey, "b": &second.PublicKey})}),
		federation(t, FederatedCredential{Issuer: "https://ci.example", Subject: "repo:x", Audience: "special", Key: &second.PublicKey}),
	}
	type change = map[string]any
	for name, test := range map[string]struct {
		header, claims change
		key            *rsa.PrivateKey
		code           int
		text           string
	}{
		"good":               {nil, nil, first, 0, ""},
		"second key":         {change{"kid": "b"}, nil, second, 0, ""},
		"audiences":          {nil, change{"aud": []string{"x", "api://AzureADTokenExchange"}}, first, 0, ""},
		"public key":         {change{"kid": "whatever"}, change{"iss": "https://ci.example", "sub": "repo:x", "aud": "special"}, second, 0, ""},
		"without a key's ID": {change{"kid": nil}, change{"iss": "https://ci.example", "sub": "repo:x", "aud": "special"}, second, 0, ""},

		"issuer":            {nil, change{"iss": cluster + "/"}, first, 700211, "issuer '" + cluster + "/'"},
		"no issuer":         {nil, change{"iss": nil}, first, 700211, "issuer ''"},
		"subject":           {nil, change{"sub": "System:serviceaccount:monitoring:collector"}, first, 700213, "No matching federated identity record found for presented assertion subject 'System:serviceaccount:monitoring:collector'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."},
		"subject of other":  {nil, change{"sub": "repo:x"}, first, 700213, "subject 'repo:x'"},
		"audience":          {nil, change{"aud": "https://kubernetes.default.svc"}, first, 700212, "audience 'https://kubernetes.default.svc'"},
		"no audience":       {nil, change{"aud": nil}, first, 700212, "audience ''"},
		"audience of other": {nil, change{"aud": "special"}, first, 700212, "audience 'special'"},
		"unknown key":       {change{"kid": "c"}, nil, first, 700027, "The key was not found."},
		"no key's ID":       {change{"kid": nil}, nil, first, 700027, "The key was not found."},
		"key of other":      {change{"kid": "b"}, nil, first, 700027, "did not match"},
		"other algorithm":   {change{"alg": "PS256"}, nil, first, 5002738, "'PS256' is not a supported signature algorithm. Supported signing algorithms are: 'RS256'."},
		"expired":           {nil, change{"exp": noon.Unix() - 3600}, first, 700024, "expiry time of assertion 2026-11-22T11:00:00"},
		"no end":            {nil, change{"exp": nil}, first, 50027, ""},
	} {
		t.Run(name, func(t *testing.T) {
			header := overlaid(change{"alg": "RS256", "kid": "a"}, test.header)
			claims := overlaid(change{
				"iss": cluster, "sub": account, "aud": []string{DefaultFederatedAudience}, "exp": noon.Unix() + 3600, "kubernetes.io": change{},
			}, test.claims)
			status, document, _ := call(t, d, form(t, tokenPath, withAssertion(signJWT(t, test.key, header, claims))))
			if test.code == 0 {
				require.Equal(t, http.StatusOK, status, document)
				require.NoError(t, d.Verify(document["access_token"].(string), graphURI, role, noon))
				return
			}
			assert.NotEqual(t, http.StatusOK, status)
			assert.Equal(t, []any{float64(test.code)}, document["error_codes"], document)
			assert.Contains(t, document["error_description"], test.text)
		})
	}
}

func TestFederatedCredentialsThatAreRefused(t *testing.T) {
	for want, credential := range map[string]FederatedCredential{
		"needs an issuer and a subject":                                      {Issuer: cluster},
		`federated credential of "s": key set: unexpected end of JSON input`: {Issuer: "i", Subject: "s"},
		"there is no RSA key in it":                                          {Issuer: "i", Subject: "s", JWKS: []byte(`{"keys":[{"kty":"EC"}]}`)},
		`key "k" is damaged`:                                                 {Issuer: "i", Subject: "s", JWKS: []byte(`{"keys":[{"kty":"RSA","kid":"k","n":"!","e":"AQAB"}]}`)},
		`key "j" is damaged`:                                                 {Issuer: "i", Subject: "s", JWKS: []byte(`{"keys":[{"kty":"RSA","kid":"j","n":"AQAB","e":"AQABAQABAQABAQAB"}]}`)},
	} {
		_, err := NewFederation(credential)
		assert.ErrorContains(t, err, want)
	}
}
