// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/rsa"
	"errors"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

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
	*jwt.Token
	signed string // what the signature is of
	claims assertionClaims
}

type assertionClaims struct {
	jwt.RegisteredClaims
	// Times are numbers that may have a fraction: MSAL for Python sends what
	// time.time() returns. Only the expiry is required.
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
}

// parseAssertion takes a JWT apart, or returns nil if it is none. Whether its
// algorithm will do is not decided here.
func parseAssertion(text string) *assertion {
	var a assertion
	token, parts, err := jwt.NewParser().ParseUnverified(text, &a.claims)
	if errors.Is(err, jwt.ErrTokenMalformed) {
		return nil
	}
	a.Token, a.signed = token, strings.Join(parts[:2], ".")
	return &a
}

// head returns a field of the header. The thumbprints of a certificate are in
// x5t and x5t#S256. A chain in x5c may come with them, but is looked at only for
// applications of Microsoft itself.
func (a *assertion) head(name string) string {
	text, _ := a.Header[name].(string)
	return text
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
	if a.head("x5t") != "" || a.head("x5t#S256") != "" || strings.EqualFold(a.claims.Issuer, clientID) {
		return d.checkCertificate(a, x, clientID)
	}
	return d.checkFederated(a, x.Clock(), clientID)
}

// strictPS256 takes no salt but one as long as the hash (RFC 7518, 3.5), where
// the library takes any.
var strictPS256 = &jwt.SigningMethodRSAPSS{
	SigningMethodRSA: jwt.SigningMethodPS256.SigningMethodRSA, Options: jwt.SigningMethodPS256.Options,
}

// verify checks the signature.
func (a *assertion) verify(key *rsa.PublicKey) bool {
	method := a.Method
	if method == jwt.SigningMethodPS256 {
		method = strictPS256
	}
	return method.Verify(a.signed, a.Signature, key) == nil
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
