// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Claims is what a token of Entra's says of itself. It is not verified: it serves to tell the user early what the service
// will find, nothing else.
type Claims struct {
	TenantID string   `json:"tid"`
	Audience string   `json:"aud"`
	Roles    []string `json:"roles"`
}

// ReadClaims reads the claims of a token; ok is false for a token that is no readable JWT, which is anybody's right.
func ReadClaims(token string) (c Claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, false
	}
	return c, json.Unmarshal(payload, &c) == nil
}

// Wanted is what a service asks of a token.
type Wanted struct {
	// TenantID is the tenant as configured. A domain cannot be compared.
	TenantID string
	// Resource is the audience asked for.
	Resource string
	// Role is the application permission.
	Role string
}

// applications are the IDs by which tokens may name the audience instead of its URL (Microsoft's documentation "Verify
// first-party Microsoft applications in sign-in reports").
var applications = map[string][]string{
	"00000003-0000-0000-c000-000000000000": {"https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us"},
	"00000002-0000-0ff1-ce00-000000000000": {
		"https://outlook.office365.com", "https://outlook.office.com", "https://outlook.office365.us", "https://outlook-dod.office365.us",
	},
}

var guid = regexp.MustCompile(`^[0-9a-fA-F-]{36}$`)

// Lacks returns what is wrong with the token, in words.
func (c Claims) Lacks(w Wanted) (lacks []string) {
	if guid.MatchString(w.TenantID) && c.TenantID != "" && !strings.EqualFold(c.TenantID, w.TenantID) {
		lacks = append(lacks, "it is of another tenant than tenant_id")
	}
	if c.Audience != "" && !sameAudience(c.Audience, w.Resource) {
		lacks = append(lacks, "it is for another audience than "+w.Resource+", the resource of api")
	}
	if !slices.Contains(c.Roles, w.Role) {
		lacks = append(lacks, fmt.Sprintf("it has no role %[1]s; grant the application the permission %[1]s with admin consent", w.Role))
	}
	return lacks
}

func sameAudience(audience, resource string) bool {
	resource = strings.TrimSuffix(strings.ToLower(resource), "/")
	audience = strings.TrimSuffix(strings.ToLower(audience), "/")
	return audience == resource || slices.Contains(applications[audience], resource)
}
