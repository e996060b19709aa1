// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keys are made once: it takes long.
var keys = sync.OnceValue(func() (list [2]*rsa.PrivateKey) {
	for i := range list {
		list[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return list
})

func newCertificate(t *testing.T, key *rsa.PrivateKey, until time.Time) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: noon.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate
}

// signJWT makes a JWT with a key, by RS256 whatever the header claims, but for PS256.
func signJWT(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	token := jwt.Token{Method: jwt.SigningMethodRS256, Header: header, Claims: jwt.MapClaims(claims)}
	if header["alg"] == "PS256" {
		token.Method = jwt.SigningMethodPS256
	}
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

// segment writes data as a part of a JWT.
func segment(data []byte) string { return new(jwt.Token).EncodeSegment(data) }

// overlaid returns a map with changes; nil removes.
func overlaid(base, changes map[string]any) map[string]any {
	maps.Copy(base, changes)
	maps.DeleteFunc(base, func(_ string, value any) bool { return value == nil })
	return base
}

const tokenPath = "/contoso.com/oauth2/v2.0/token"

func withAssertion(text string) url.Values {
	values := goodV2()
	values.Del("client_secret")
	values.Set("client_assertion_type", assertionType)
	values.Set("client_assertion", text)
	return values
}

func TestCertificates(t *testing.T) {
	key, other := keys()[0], keys()[1]
	d := newDirectory()
	registered, expired := newCertificate(t, key, noon.AddDate(1, 0, 0)), newCertificate(t, other, noon.Add(-time.Minute))
	d.Certificates = []*x509.Certificate{expired, registered}
	long, short := sha256.Sum256(registered.Raw), sha1.Sum(registered.Raw)
	old := sha256.Sum256(expired.Raw)
	type change = map[string]any
	const notFound, wrong = "[Reason - The key was not found.,", "[Reason - The provided signature value did not match the expected signature value.,"
	for name, test := range map[string]struct {
		header, claims change
		key            *rsa.PrivateKey
		code           int
		text           string
	}{
		"as documented":         {nil, nil, key, 0, ""},
		"RS256":                 {change{"alg": "RS256"}, nil, key, 0, ""},
		"SHA-1":                 {change{"alg": "RS256", "x5t": segment(short[:]), "x5t#S256": nil}, nil, key, 0, ""},
		"SHA-1 with PS256":      {change{"x5t": segment(short[:]), "x5t#S256": nil}, nil, key, 0, ""},
		"both thumbprints":      {change{"x5t": segment(short[:])}, nil, key, 0, ""},
		"as MSAL for Go":        {change{"x5t#S256": base64.StdEncoding.EncodeToString(long[:])}, change{"iat": nil}, key, 0, ""},
		"as MSAL for Python":    {change{"x5t#S256": base64.URLEncoding.EncodeToString(long[:])}, change{"nbf": nil, "exp": float64(noon.Unix()) + 600.25}, key, 0, ""},
		"with a chain":          {change{"x5c": []string{base64.StdEncoding.EncodeToString(registered.Raw)}}, nil, key, 0, ""},
		"endpoint of version 1": {nil, change{"aud": "https://login.test/contoso.com/oauth2/token"}, key, 0, ""},
		"tenant by its ID":      {nil, change{"aud": "https://LOGIN.test/11111111-AAAA-4bbb-8ccc-222222222222/oauth2/v2.0/token"}, key, 0, ""},
		"several audiences":     {nil, change{"aud": []string{"x", "https://login.test/contoso.com/oauth2/token"}}, key, 0, ""},
		"other case":            {nil, change{"iss": "CLIENT", "sub": "Client"}, key, 0, ""},
		"clock 5 min behind":    {nil, change{"exp": noon.Unix() - 299}, key, 0, ""},
		"clock 5 min ahead":     {nil, change{"nbf": noon.Unix() + 300}, key, 0, ""},

		"expired":                      {nil, change{"exp": noon.Unix() - 300}, key, 700024, "Current time: 2026-11-22T12:00:00.0000000Z, assertion valid from 2026-11-22T12:00:00.0000000Z, expiry time of assertion 2026-11-22T11:55:00.0000000Z."},
		"not valid yet":                {nil, change{"nbf": float64(noon.Unix()) + 300.5}, key, 700024, "assertion valid from 2026-11-22T12:05:00.5000000Z"},
		"beyond all years":             {nil, change{"nbf": 1e300}, key, 700024, "assertion valid from 9999-12-31T23:59:59.0000000Z"},
		"without an end":               {nil, change{"exp": nil}, key, 50027, "malformed"},
		"other key":                    {nil, nil, other, 700027, wrong},
		"unknown certificate":          {change{"x5t#S256": segment(make([]byte, 32))}, nil, key, 700027, notFound + " Thumbprint of key used by client: '" + strings.Repeat("00", 32) + "',"},
		"thumbprint of the other kind": {change{"x5t#S256": segment(short[:])}, nil, key, 700027, notFound},
		"thumbprint in hex":            {change{"x5t#S256": "äöü"}, nil, key, 700027, notFound},
		"no thumbprint":                {change{"x5t#S256": nil}, nil, key, 700027, notFound},
		"expired certificate":          {change{"x5t#S256": segment(old[:])}, nil, other, 700027, "[Reason - The key used is expired.,"},
		"symmetric":                    {change{"alg": "HS256"}, nil, key, 5002738, "'HS256' is not a supported"},
		"unsigned":                     {change{"alg": "none"}, nil, key, 5002738, "'none' is not a supported"},
		"unknown algorithm":            {change{"alg": "RS1"}, nil, key, 5002738, "'RS1' is not a supported"},
		"no algorithm":                 {change{"alg": nil}, nil, key, 5002738, "'' is not a supported"},
		"other subject":                {nil, change{"sub": "other"}, key, 700021, "doesn't match 'client_id'"},
		"other issuer":                 {nil, change{"iss": "other"}, key, 700021, "doesn't match 'client_id'"},
		"other tenant":                 {nil, change{"aud": "https://login.test/fabrikam.com/oauth2/v2.0/token"}, key, 700023, "does not match Realm issuer"},
		"other host":                   {nil, change{"aud": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"}, key, 700023, "does not match Realm issuer"},
		"not an endpoint":              {nil, change{"aud": "https://login.test/contoso.com"}, key, 700023, "does not match Realm issuer"},
		"no audience":                  {nil, change{"aud": nil}, key, 700023, "does not match Realm issuer"},
		"audience of numbers":          {nil, change{"aud": 1}, key, 50027, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			header := overlaid(change{"alg": "PS256", "typ": "JWT", "x5t#S256": segment(long[:])}, test.header)
			claims := overlaid(change{
				"aud": "https://login.test" + tokenPath, "iss": "client", "sub": "client", "jti": "1",
				"nbf": noon.Unix(), "iat": noon.Unix(), "exp": noon.Unix() + 600,
			}, test.claims)
			assertion := signJWT(t, test.key, header, claims)
			status, document, _ := call(t, d, form(t, tokenPath, withAssertion(assertion)))
			if test.code == 0 {
				require.Equal(t, http.StatusOK, status, document)
				require.NoError(t, d.Verify(document["access_token"].(string), graphURI, role, noon))
				return
			}
			assert.Equal(t, []any{float64(test.code)}, document["error_codes"], document)
			assert.Contains(t, document["error_description"], test.text)
			if test.code != 50027 {
				assert.Equal(t, http.StatusUnauthorized, status)
				assert.Equal(t, "invalid_client", document["error"])
			}
		})
	}
}

func TestAssertionsThatAreNone(t *testing.T) {
	key := keys()[0]
	d := newDirectory()
	d.Certificates = []*x509.Certificate{newCertificate(t, key, noon.AddDate(1, 0, 0))}
	good := strings.Split(signJWT(t, key, map[string]any{"alg": "RS256"}, map[string]any{"iss": "client"}), ".")
	for _, text := range []string{
		"x", "a.b", "a.b.c.d", good[0] + "." + good[1], good[0] + ".!." + good[2], good[0] + "." + good[1] + ".!", "!." + good[1] + "." + good[2],
		good[1][1:] + "." + good[1] + "." + good[2], good[0] + "." + segment([]byte("[]")) + "." + good[2], strings.Join(good, ".") + "=",
	} {
		status, document, _ := call(t, d, form(t, tokenPath, withAssertion(text)))
		assert.Equal(t, http.StatusBadRequest, status, text)
		assert.Equal(t, []any{50027.}, document["error_codes"], text)
	}
	for kind, code := range map[string]float64{"": 900144, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer": 90023} {
		values := withAssertion(strings.Join(good, "."))
		values.Set("client_assertion_type", kind)
		status, document, _ := call(t, d, form(t, tokenPath, values))
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, []any{code}, document["error_codes"])
	}
	// A tampered payload.
	payload := segment([]byte(`{"iss":"client","sub":"client","aud":"https://login.test` + tokenPath + `","exp":9e9}`))
	thumbprint := sha256.Sum256(d.Certificates[0].Raw)
	signed := strings.Split(signJWT(t, key, map[string]any{"alg": "RS256", "x5t#S256": segment(thumbprint[:])}, map[string]any{"iss": "client"}), ".")
	_, document, _ := call(t, d, form(t, tokenPath, withAssertion(signed[0]+"."+payload+"."+signed[2])))
	assert.Equal(t, []any{700027.}, document["error_codes"])
}

// One credential does not make another one invalid, and an assertion opens both
// services.
func TestAssertionsForBothServices(t *testing.T) {
	key := keys()[0]
	d := newDirectory()
	d.Certificates = []*x509.Certificate{newCertificate(t, key, noon.AddDate(1, 0, 0))}
	status, _, _ := call(t, d, form(t, tokenPath, goodV2()))
	assert.Equal(t, http.StatusOK, status, "the secret")
	thumbprint := sha256.Sum256(d.Certificates[0].Raw)
	assertion := signJWT(t, key, map[string]any{"alg": "RS256", "x5t#S256": segment(thumbprint[:])}, map[string]any{
		"iss": "client", "sub": "client", "aud": "https://login.test/contoso.com/oauth2/token", "exp": noon.Unix() + 600,
	})
	const outlook, reading = "https://outlook.office365.com", "ReportingWebService.Read.All"
	for audience, permission := range map[string]string{graphURI: role, outlook: reading} {
		values := withAssertion(assertion)
		values.Set("scope", audience+"/.default openid offline_access profile") // as MSAL for Go has it
		values.Set("client_info", "1")
		status, document, _ := call(t, d, form(t, tokenPath, values))
		require.Equal(t, http.StatusOK, status)
		require.NoError(t, d.Verify(document["access_token"].(string), audience, permission, noon))

		values.Del("scope")
		values.Set("resource", audience)
		status, document, _ = call(t, d, form(t, "/contoso.com/oauth2/token", values))
		require.Equal(t, http.StatusOK, status)
		require.NoError(t, d.Verify(document["access_token"].(string), audience, permission, noon))
	}
}

func TestSaltsAreAsLongAsTheHash(t *testing.T) {
	key := keys()[0]
	for length, good := range map[int]bool{rsa.PSSSaltLengthEqualsHash: true, 20: false} {
		method := *jwt.SigningMethodPS256
		method.Options = &rsa.PSSOptions{SaltLength: length}
		token := jwt.Token{Method: &method, Header: map[string]any{"alg": "PS256"}, Claims: jwt.MapClaims{}}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		assert.Equal(t, good, parseAssertion(text).verify(&key.PublicKey))
	}
}

func TestCheckCertificate(t *testing.T) {
	require.NoError(t, CheckCertificate(newCertificate(t, keys()[0], noon)))
	require.ErrorContains(t, CheckCertificate(nil), "missing")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	require.ErrorContains(t, CheckCertificate(&x509.Certificate{PublicKey: &key.PublicKey, PublicKeyAlgorithm: x509.ECDSA}), "ECDSA, not RSA")
}
