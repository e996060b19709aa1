// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package entra is the sign-in of Microsoft Entra ID as far as an application
// that signs in as itself can see it: discovery, both token endpoints, and the
// errors with their codes, texts and HTTP statuses.
//
// The wire format follows Microsoft's documentation of the OAuth 2.0 client
// credentials flow and of the AADSTS error codes.
package entra

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Directory is one tenant with one registered application.
type Directory struct {
	// TenantID and Domain both name the tenant in URLs.
	TenantID, Domain string
	// ClientID and Secret are the application's credentials.
	ClientID, Secret string
	// Certificates and Federations are credentials as well, by client assertion.
	Certificates []*x509.Certificate
	Federations  []Federation
	// Lifetime is how long tokens are valid, in whole seconds.
	Lifetime time.Duration
	// Resources are the audiences that tokens can be asked for.
	Resources []Resource

	mu sync.Mutex // of the roles of resources
}

// Resource is an API for which tokens are issued.
type Resource struct {
	// Audience is the identifier URI, such as https://graph.microsoft.com.
	Audience string
	// Roles are the application permissions that the tenant has consented to.
	Roles []string
}

// Handler returns the endpoint a path belongs to, or nil if it is none of the
// directory's. Paths are those below the authority host.
func (d *Directory) Handler(path string) exchange.Handler {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch rest {
	case "v2.0/.well-known/openid-configuration":
		return get(func(x *exchange.Exchange) { d.configuration(x, tenant) })
	case "oauth2/v2.0/token":
		return post(func(x *exchange.Exchange) { d.token(x, tenant, v2) })
	case "oauth2/token":
		return post(func(x *exchange.Exchange) { d.token(x, tenant, v1) })
	case "discovery/instance":
		if tenant == "common" {
			return get(d.instance)
		}
	}
	return nil
}

// knows reports whether a path segment names the tenant.
func (d *Directory) knows(tenant string) bool {
	return strings.EqualFold(tenant, d.TenantID) || strings.EqualFold(tenant, d.Domain)
}

// resource finds a resource by its identifier, which clients write with and
// without a slash at the end.
func (d *Directory) resource(identifier string) (Resource, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.Resources {
		if strings.EqualFold(strings.TrimRight(identifier, "/"), strings.TrimRight(r.Audience, "/")) {
			return r, true
		}
	}
	return Resource{}, false
}

// SetRoles replaces the permissions that the tenant has consented to, in the order
// of Resources. Tokens that have been issued keep theirs.
func (d *Directory) SetRoles(roles ...[]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range roles {
		d.Resources[i].Roles = roles[i]
	}
}

// key signs the tokens. It depends on the credentials alone, so tokens outlive
// a restart of the simulator, as they outlive one of the real service.
func (d *Directory) key() []byte {
	sum := sha256.Sum256([]byte("m365sim\x00" + d.TenantID + "\x00" + d.ClientID + "\x00" + d.Secret))
	return sum[:]
}

func get(next exchange.Handler) exchange.Handler  { return only(http.MethodGet, next) }
func post(next exchange.Handler) exchange.Handler { return only(http.MethodPost, next) }

func only(method string, next exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		if x.Request.Method != method {
			x.Writer.Header().Set("Allow", method)
			refuse(x, wrongMethod(method, x.Request.Method))
			return
		}
		next(x)
	}
}
