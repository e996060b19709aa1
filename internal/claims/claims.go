// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package claims reads the claims of tokens that Microsoft Entra ID issues. It does not verify them: they serve to tell
// the user what the service will find, and nothing else.
package claims

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Set is the claims of a token that matter here (Microsoft's documentation "Access token claims reference").
type Set struct {
	// TenantID is the GUID of the tenant, however the tenant is named in the configuration.
	TenantID string `json:"tid"`
	Audience string `json:"aud"`
	// Roles are the application permissions that have been consented to.
	Roles []string `json:"roles"`
	// Scopes are the delegated permissions. Only the token of a user has them.
	Scopes string `json:"scp"`
	// Resource is the Azure resource to which a managed identity belongs; other tokens have none.
	Resource string `json:"xms_mirid"`
	// AppID and Party are the application's ID, in tokens of version 1 and 2.
	AppID string `json:"appid"`
	Party string `json:"azp"`
	// Object is the ID of the application's service principal.
	Object string `json:"oid"`
	// Expiry is when the token expires, in seconds since 1970; 0 if the token does not tell.
	Expiry float64 `json:"exp"`
}

// Expires returns when the token expires, zero if it does not tell.
func (s Set) Expires() time.Time {
	if s.Expiry <= 0 || s.Expiry > maxExpiry {
		return time.Time{}
	}
	return time.Unix(int64(s.Expiry), 0).UTC()
}

// maxExpiry is the end of the year 9999, the last that RFC 3339 can write.
const maxExpiry = 253402300799

// ClientID returns the application's ID, empty if the token names none that is a GUID.
func (s Set) ClientID() string { return guid.FindString(cmp.Or(s.AppID, s.Party)) }

// ObjectID returns the ID of the application's service principal, empty if the token names none that is a GUID.
func (s Set) ObjectID() string { return guid.FindString(s.Object) }

// Read returns the claims of a token; ok is false if the token is not a readable JWT, which Entra does not promise.
func Read(token string) (s Set, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return s, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return s, false
	}
	return s, json.Unmarshal(payload, &s) == nil
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
		"https://partner.outlook.cn",
	},
}

var guid = regexp.MustCompile(`^[0-9a-fA-F-]{36}$`)

// Missing returns what is wrong with the token, in words.
func (s Set) Missing(w Wanted) (missing []string) {
	if guid.MatchString(w.TenantID) && s.TenantID != "" && !strings.EqualFold(s.TenantID, w.TenantID) {
		missing = append(missing, "it is of another tenant than tenant_id")
	}
	if s.Audience != "" && !sameAudience(s.Audience, w.Resource) {
		missing = append(missing, "it is for another audience than "+w.Resource+", the resource of api")
	}
	if !s.Has(w.Role) {
		missing = append(missing, fmt.Sprintf("it has no role %[1]s; grant the application the permission %[1]s with admin consent", w.Role))
	}
	return missing
}

// Has reports whether the token has the role.
func (s Set) Has(role string) bool { return slices.Contains(s.Roles, role) }

// maxListed bounds how many roles are listed.
const maxListed = 10

// readable matches the value of a role as services define them. The rest is not repeated.
var readable = regexp.MustCompile(`^[\w.-]{1,80}$`)

// ReadableRoles returns the roles of the token whose names are as services define them, at most ten.
func (s Set) ReadableRoles() (roles []string) {
	for _, role := range s.Roles {
		if readable.MatchString(role) && len(roles) < maxListed {
			roles = append(roles, role)
		}
	}
	return roles
}

// ListRoles returns what roles the token has, in words.
func (s Set) ListRoles() string {
	listed := s.ReadableRoles()
	switch more := len(s.Roles) - len(listed); {
	case len(s.Roles) == 0 && s.Scopes != "":
		return "the token is a user's and has no roles"
	case len(s.Roles) == 0:
		return "the token has no roles"
	case more > 0 && len(listed) > 0:
		return fmt.Sprintf("the token has the roles %s and %d more", strings.Join(listed, ", "), more)
	case more > 0:
		return "the token has no role with a readable name"
	case len(listed) == 1:
		return "the token has the role " + listed[0]
	}
	return "the token has the roles " + strings.Join(listed, ", ")
}

func sameAudience(audience, resource string) bool {
	resource = strings.TrimSuffix(strings.ToLower(resource), "/")
	audience = strings.TrimSuffix(strings.ToLower(audience), "/")
	return audience == resource || slices.Contains(applications[audience], resource)
}
