// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
	Audience  string   `json:"aud"`
	Issuer    string   `json:"iss"`
	IssuedAt  int64    `json:"iat"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	AppID     string   `json:"appid"`
	AppIDAcr  string   `json:"appidacr"`
	IDType    string   `json:"idtyp"`
	Subject   string   `json:"sub"`
	Roles     []string `json:"roles,omitempty"`
	TenantID  string   `json:"tid"`
	Unique    string   `json:"uti"`
	Version   string   `json:"ver"`
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
	payload, err := json.Marshal(claims{
		Audience:  audience,
		Issuer:    "https://sts.windows.net/" + d.TenantID + "/",
		IssuedAt:  now.Unix(),
		NotBefore: now.Unix(),
		Expires:   now.Unix() + int64(d.Lifetime/time.Second),
		AppID:     d.ClientID,
		AppIDAcr:  "1",
		IDType:    "app",
		Subject:   d.ClientID,
		Roles:     roles,
		TenantID:  d.TenantID,
		Unique:    rand.Text(),
		Version:   "1.0",
	})
	if err != nil {
		return "" // never: strings and numbers only
	}
	signed := segment([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + segment(payload)
	return signed + "." + segment(d.sign(signed))
}

// Verify checks a token as an API does that belongs to audience and requires
// role. The error is one of those of this package.
func (d *Directory) Verify(token, audience, role string, now time.Time) error {
	signed, signature, ok := cutLast(token)
	if !ok || strings.Count(token, ".") != 2 {
		return ErrMalformed
	}
	_, payload, _ := strings.Cut(signed, ".")
	got, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return ErrMalformed
	}
	if !hmac.Equal(got, d.sign(signed)) {
		return ErrSignature
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ErrMalformed
	}
	var c claims
	if err := json.Unmarshal(text, &c); err != nil {
		return ErrMalformed
	}
	switch {
	case now.Unix() >= c.Expires || now.Unix() < c.NotBefore:
		return ErrExpired
	case !strings.EqualFold(strings.TrimRight(c.Audience, "/"), strings.TrimRight(audience, "/")):
		return ErrAudience
	case !slices.Contains(c.Roles, role):
		return ErrRole
	}
	return nil
}

func (d *Directory) sign(text string) []byte {
	mac := hmac.New(sha256.New, d.key())
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func segment(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func cutLast(token string) (before, after string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return "", "", false
	}
	return token[:i], token[i+1:], true
}
