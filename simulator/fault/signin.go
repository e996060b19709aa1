// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
)

// Sign-in. The texts are those of Microsoft's documentation of AADSTS codes.
const (
	// SecretRefused is AADSTS7000215: somebody replaced the client secret.
	SecretRefused Kind = "AADSTS7000215" //nolint:gosec // no secret
	// SecretExpired is AADSTS7000222: nobody replaced the client secret.
	SecretExpired Kind = "AADSTS7000222"
	// TenantUnknown is AADSTS90002: the tenant's name is mistyped, or its last
	// subscription has ended.
	TenantUnknown Kind = "AADSTS90002"
	// ApplicationUnknown is AADSTS700016: the application was deleted.
	ApplicationUnknown Kind = "AADSTS700016"
	// TransientSignInError is AADSTS90033 with 503, or Rule.Status: Microsoft's
	// word for trying again.
	TransientSignInError Kind = "AADSTS90033"
	// WorthlessToken signs in and hands out a token that the API refuses with
	// 401, as when a key was rolled and not all servers know the new one yet.
	WorthlessToken Kind = "worthless-token"
)

func signInRefused(c *call) {
	code := map[Kind]entra.Code{
		SecretRefused:        entra.WrongSecret,
		SecretExpired:        entra.ExpiredSecret,
		TenantUnknown:        entra.UnknownTenant,
		ApplicationUnknown:   entra.UnknownClient,
		TransientSignInError: entra.Unavailable,
	}[c.kind]
	entra.Refuse(c.x, code, c.rule.Status)
}

func worthlessToken(c *call, a *answer) bool {
	members, ok := parseObject(a.body.Bytes())
	if a.status != http.StatusOK || !ok {
		return false
	}
	for i, m := range members {
		var token string
		if m.name != "access_token" || json.Unmarshal(m.value, &token) != nil {
			continue
		}
		at := strings.LastIndexByte(token, '.') + 1
		members[i].value = quote(token[:at] + strings.Repeat("A", len(token)-at)) // still base64, no longer a signature
		c.x.Send(a.status, a.contentType(), formatObject(members))
		return true
	}
	return false
}
