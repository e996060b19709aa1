// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what x5t is made of
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// CheckCertificate returns why a certificate cannot be registered, or nil. Assertions
// are signed by RS256 or PS256, which takes RSA.
func CheckCertificate(certificate *x509.Certificate) error {
	if certificate == nil {
		return errors.New("client certificate is missing")
	}
	if _, ok := certificate.PublicKey.(*rsa.PublicKey); !ok {
		return fmt.Errorf("client certificate %q has a key of type %v, not RSA", certificate.Subject, certificate.PublicKeyAlgorithm)
	}
	return nil
}

// checkCertificate checks an assertion that is signed with a certificate of the
// application, by the claims and headers of Microsoft's documentation of
// certificate credentials. Issuer and subject are the application, and the
// audience is a token endpoint of the tenant, of either version.
func (d *Directory) checkCertificate(a *assertion, x *exchange.Exchange, clientID string) *failure {
	if alg := a.head("alg"); alg != "RS256" && alg != "PS256" {
		return unsupportedAlgorithm(alg, "PS256, RS256")
	}
	certificate, thumbprint := d.registered(a)
	if certificate == nil {
		return badSignature(clientID, "The key was not found.", thumbprint, "")
	}
	found := fmt.Sprintf("Start=%s, End=%s", certificate.NotBefore.UTC().Format(slashed), certificate.NotAfter.UTC().Format(slashed))
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	switch now := x.Clock(); {
	case now.After(certificate.NotAfter):
		return badSignature(clientID, "The key used is expired.", thumbprint, found)
	case !ok || !a.verify(key):
		return badSignature(clientID, "The provided signature value did not match the expected signature value.", thumbprint, found)
	case !strings.EqualFold(a.claims.Issuer, clientID) || !strings.EqualFold(a.claims.Subject, clientID):
		return foreignAssertion()
	case !slices.ContainsFunc(a.claims.Audience, func(aud string) bool { return d.isEndpoint(aud, x) }):
		return wrongRealm()
	default:
		return a.checkTime(now)
	}
}

// slashed is how Entra ID writes the validity of a key.
const slashed = "01/02/2006 15:04:05"

// registered returns the certificate that an assertion names by a thumbprint, if
// the application has it, and the thumbprint in capital letters.
func (d *Directory) registered(a *assertion) (certificate *x509.Certificate, thumbprint string) {
	hash := func(c *x509.Certificate) []byte { sum := sha256.Sum256(c.Raw); return sum[:] }
	text := a.head("x5t#S256")
	if text == "" {
		hash = func(c *x509.Certificate) []byte { sum := sha1.Sum(c.Raw); return sum[:] } //nolint:gosec // RFC 7515 requires it
		text = a.head("x5t")
	}
	named, ok := anyBase64(text)
	if !ok || len(named) == 0 {
		return nil, strings.ToUpper(text)
	}
	for _, c := range d.Certificates {
		if slices.Equal(hash(c), named) {
			certificate = c
		}
	}
	return certificate, fmt.Sprintf("%X", named)
}

// anyBase64 decodes base64 of either alphabet, padded or not: MSAL for Go writes
// thumbprints in the standard one, MSAL for Python pads the other one.
func anyBase64(text string) ([]byte, bool) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	data, err := base64.RawURLEncoding.DecodeString(text)
	return data, err == nil
}

// isEndpoint reports whether an audience is a token endpoint of the tenant on the
// host that was asked.
func (d *Directory) isEndpoint(audience string, x *exchange.Exchange) bool {
	u, err := url.Parse(audience)
	if err != nil || !strings.EqualFold(u.Host, x.Request.Host) {
		return false
	}
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return d.knows(tenant) && (rest == "oauth2/v2.0/token" || rest == "oauth2/token")
}
