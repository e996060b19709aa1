// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// configuration answers the OpenID Connect discovery document of a tenant.
// Clients of Microsoft's libraries insist on an issuer on the authority's host.
func (d *Directory) configuration(x *exchange.Exchange, tenant string) {
	if !d.knows(tenant) {
		refuse(x, unknownTenant(tenant))
		return
	}
	base := x.BaseURL()
	answer(x, http.StatusOK, map[string]any{
		"issuer":                                base + "/" + d.TenantID + "/v2.0",
		"token_endpoint":                        base + "/" + tenant + "/oauth2/v2.0/token",
		"authorization_endpoint":                base + "/" + tenant + "/oauth2/v2.0/authorize",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   strings.TrimPrefix(strings.TrimPrefix(base, "https://"), "http://"),
	})
}

// instance answers whether an authority is to be trusted. Microsoft's libraries
// ask login.microsoftonline.com, never the authority itself, so this is of use
// only where that name leads to the simulator.
func (d *Directory) instance(x *exchange.Exchange) {
	asked := x.Request.URL.Query().Get("authorization_endpoint")
	authority, err := url.Parse(asked)
	if err != nil || authority.Host == "" {
		refuse(x, unknownInstance(asked))
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(authority.Path, "/"), "/")
	answer(x, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": authority.Scheme + "://" + authority.Host + "/" + tenant +
			"/v2.0/.well-known/openid-configuration",
		"api-version": "1.1",
		"metadata": []map[string]any{{
			"preferred_network": authority.Host,
			"preferred_cache":   authority.Host,
			"aliases":           []string{authority.Host},
		}},
	})
}

// answer sends a document that must not be kept by anyone on the way.
func answer(x *exchange.Exchange, status int, document any) {
	header := x.Writer.Header()
	header.Set("Cache-Control", "no-store, no-cache")
	header.Set("Pragma", "no-cache")
	header.Set("X-Ms-Request-Id", x.ID)
	body, err := json.Marshal(document)
	if err != nil {
		status, body = http.StatusInternalServerError, nil // never: strings and numbers only
	}
	x.JSON(status, body)
}
