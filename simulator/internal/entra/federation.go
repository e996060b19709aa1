// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"cmp"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// DefaultFederatedAudience is the audience that Microsoft's documentation of
// workload identity federation recommends for the worldwide cloud.
const DefaultFederatedAudience = "api://AzureADTokenExchange"

// FederatedCredential makes the application trust tokens of another identity
// provider, such as the service account tokens of a Kubernetes cluster. Issuer,
// subject and audience are compared with case, as Entra ID does since 2024.
type FederatedCredential struct {
	Issuer, Subject string
	// Audience is DefaultFederatedAudience if empty.
	Audience string
	// Key checks signatures, which must be RS256: Microsoft supports no other. If
	// it is nil, JWKS does.
	Key *rsa.PublicKey
	// JWKS is a JSON Web Key Set (RFC 7517), which the real service would fetch
	// from the issuer.
	JWKS []byte
}

// keySet is a FederatedCredential's keys by their id. Key has the id "".
type keySet map[string]*rsa.PublicKey

// Federation is a FederatedCredential that can be used.
type Federation struct {
	credential FederatedCredential
	keys       keySet
}

// NewFederation completes a credential, or returns what is wrong with it.
func NewFederation(credential FederatedCredential) (Federation, error) {
	credential.Audience = cmp.Or(credential.Audience, DefaultFederatedAudience)
	f := Federation{credential: credential}
	if credential.Issuer == "" || credential.Subject == "" {
		return f, errors.New("federated credential needs an issuer and a subject")
	}
	if credential.Key != nil {
		f.keys = keySet{"": credential.Key}
		return f, nil
	}
	var err error
	if f.keys, err = parseKeySet(credential.JWKS); err != nil {
		return f, fmt.Errorf("federated credential of %q: %w", credential.Subject, err)
	}
	return f, nil
}

// parseKeySet reads the RSA keys of a set.
func parseKeySet(text []byte) (keySet, error) {
	var set struct {
		Keys []struct{ Kty, Kid, N, E string } `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	keys := make(keySet)
	for _, k := range set.Keys {
		if k.Kty != "RSA" {
			continue
		}
		n, errN := base64.RawURLEncoding.DecodeString(k.N)
		e, errE := base64.RawURLEncoding.DecodeString(k.E)
		exponent := new(big.Int).SetBytes(e)
		if errN != nil || errE != nil || len(n) == 0 || !exponent.IsInt64() || exponent.Int64() < 2 || exponent.Int64() >= 1<<31 {
			return nil, fmt.Errorf("key set: key %q is damaged", k.Kid)
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: there is no RSA key in it")
	}
	return keys, nil
}

// find returns the key that signed an assertion. A sole key needs no id.
func (k keySet) find(id string) (*rsa.PublicKey, bool) {
	if key, ok := k[id]; ok {
		return key, true
	}
	if len(k) == 1 {
		for own, key := range k {
			return key, own == "" || id == ""
		}
	}
	return nil, false
}

// checkFederated checks an assertion of another identity provider against the
// credentials of the application: first by its claims, then by its issuer.
func (d *Directory) checkFederated(a *assertion, now time.Time, clientID string) *failure {
	left := d.Federations
	keep := func(matches func(c *FederatedCredential) bool) bool {
		left = slices.DeleteFunc(slices.Clone(left), func(f Federation) bool { return !matches(&f.credential) })
		return len(left) > 0
	}
	switch {
	case !keep(func(c *FederatedCredential) bool { return c.Issuer == a.claims.Issuer }):
		return noFederation(700211, "issuer", a.claims.Issuer)
	case !keep(func(c *FederatedCredential) bool { return c.Subject == a.claims.Subject }):
		return noFederation(700213, "subject", a.claims.Subject)
	case !keep(func(c *FederatedCredential) bool { return slices.Contains(a.claims.Audience, c.Audience) }):
		return noFederation(700212, "audience", first(a.claims.Audience))
	case a.head("alg") != "RS256":
		return unsupportedAlgorithm(a.head("alg"), "RS256")
	}
	reason := "The key was not found."
	for _, f := range left {
		key, ok := f.keys.find(a.head("kid"))
		switch {
		case !ok:
			continue
		case a.verify(key):
			return a.checkTime(now)
		}
		reason = "The provided signature value did not match the expected signature value."
	}
	return badSignature(clientID, reason, a.head("kid"), "")
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
