// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// assertionType is the one that Microsoft's documentation of certificate
// credentials knows, for certificates and federated credentials alike.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// clockSkew is how far the clocks of a client may be off. Entra ID tolerates five
// minutes, by Microsoft's documentation of its token validation.
const clockSkew = 5 * time.Minute

// assertion is a client assertion, taken apart: a JWT in compact form.
type assertion struct {
	signed    string // what the signature is of
	signature []byte
	header    struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		// The thumbprints of the certificate. A chain in x5c may come with it, but
		// is looked at only for applications of Microsoft itself.
		SHA1   string `json:"x5t"`
		SHA256 string `json:"x5t#S256"`
	}
	claims struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience audience `json:"aud"`
		// Times are numbers that may have a fraction: MSAL for Python sends what
		// time.time() returns. Only the expiry is required.
		Expires   *float64 `json:"exp"`
		NotBefore *float64 `json:"nbf"`
	}
}

// audience is a string or a list of them (RFC 7519, 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a)) //nolint:wrapcheck // the caller does not look at it
}

// parseAssertion takes a JWT apart, or returns nil if it is none.
func parseAssertion(text string) *assertion {
	signed, signature, ok := cutLast(text)
	header, payload, ok2 := strings.Cut(signed, ".")
	if !ok || !ok2 || strings.Contains(payload, ".") {
		return nil
	}
	a := &assertion{signed: signed}
	var err error
	a.signature, err = base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !decodePart(header, &a.header) || !decodePart(payload, &a.claims) {
		return nil
	}
	return a
}

func decodePart(part string, into any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, into) == nil
}

// checkAssertion is what is wrong with the client assertion of a request, or nil.
// Which kind it is shows in the header or the issuer: the assertion of a
// certificate is the application's own.
func (d *Directory) checkAssertion(x *exchange.Exchange, clientID string, form url.Values) *failure {
	switch form.Get("client_assertion_type") {
	case assertionType:
	case "":
		return missingParameter("client_assertion_type")
	default:
		return unsupportedAssertion(form.Get("client_assertion_type"))
	}
	a := parseAssertion(form.Get("client_assertion"))
	if a == nil {
		return malformedAssertion()
	}
	if a.header.SHA1 != "" || a.header.SHA256 != "" || strings.EqualFold(a.claims.Issuer, clientID) {
		return d.checkCertificate(a, x, clientID)
	}
	return d.checkFederated(a, x.Clock(), clientID)
}

// verify checks the signature. The hash is SHA-256 with both algorithms, and for
// PS256 the salt is as long as the hash (RFC 7518, 3.5).
func (a *assertion) verify(key *rsa.PublicKey) bool {
	sum := sha256.Sum256([]byte(a.signed))
	if a.header.Algorithm == "PS256" {
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], a.signature, options) == nil
	}
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil
}

// checkTime applies the times of an assertion. How long it is valid is its own
// affair.
func (a *assertion) checkTime(now time.Time) *failure {
	if a.claims.Expires == nil {
		return malformedAssertion()
	}
	from, until := time.Time{}, instant(*a.claims.Expires)
	if a.claims.NotBefore != nil {
		from = instant(*a.claims.NotBefore)
	}
	if now.Add(clockSkew).Before(from) || !now.Add(-clockSkew).Before(until) {
		return outsideTime(now, from, until)
	}
	return nil
}

// instant is a time in seconds, kept within what years have four digits.
func instant(seconds float64) time.Time {
	const last = 253_402_300_799
	seconds = min(max(seconds, 0), last)
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC()
}
