// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Errors of Verify.
var (
	ErrMalformed = errors.New("token is malformed")
	ErrSignature = errors.New("token is not signed by this directory")
	ErrExpired   = errors.New("token is expired or not valid yet")
	ErrAudience  = errors.New("token is for another audience")
	ErrRole      = errors.New("token lacks a role")
)

// claims are those of an access token of version 1, which is what Graph and
// Exchange get. They are for the service: clients must not look into tokens.
type claims struct {
	jwt.RegisteredClaims
	// Audience is in the place of the library's list: it is one string.
	Audience string   `json:"aud"`
	AppID    string   `json:"appid"`
	AppIDAcr string   `json:"appidacr"`
	IDType   string   `json:"idtyp"`
	Roles    []string `json:"roles,omitempty"`
	TenantID string   `json:"tid"`
	Unique   string   `json:"uti"`
	Version  string   `json:"ver"`
}

// Issue returns a token for an audience, or an error if there is no such
// resource.
func (d *Directory) Issue(audience string, now time.Time) (string, error) {
	resource, ok := d.resource(audience)
	if !ok {
		return "", fmt.Errorf("no resource named %q", audience)
	}
	return d.issue(audience, resource.Roles, now), nil
}

func (d *Directory) issue(audience string, roles []string, now time.Time) string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    "https://sts.windows.net/" + d.TenantID + "/",
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Truncate(time.Second).Add(d.Lifetime)),
			Subject:   d.ClientID,
		},
		Audience: audience,
		AppID:    d.ClientID,
		AppIDAcr: "1",
		IDType:   "app",
		Roles:    roles,
		TenantID: d.TenantID,
		Unique:   rand.Text(),
		Version:  "1.0",
	}).SignedString(d.key())
	if err != nil {
		return "" // never: strings and numbers only
	}
	return token
}

// Verify checks a token as an API does that belongs to audience and requires
// role. The error is one of those of this package.
func (d *Directory) Verify(token, audience, role string, now time.Time) error {
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Name}),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return d.key(), nil })
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidClaims):
		return ErrExpired
	case errors.Is(err, jwt.ErrTokenMalformed) && !signed(parser, token):
		return ErrMalformed
	case err != nil:
		return ErrSignature
	case !strings.EqualFold(strings.TrimRight(c.Audience, "/"), strings.TrimRight(audience, "/")):
		return ErrAudience
	case !slices.Contains(c.Roles, role):
		return ErrRole
	}
	return nil
}

// signed reports whether a token has three parts with a signature at the end. If
// the other two make no sense, the signature is not for them.
func signed(parser *jwt.Parser, token string) bool {
	parts := strings.Split(token, ".")
	_, err := parser.DecodeSegment(parts[len(parts)-1])
	return len(parts) == 3 && err == nil
}
