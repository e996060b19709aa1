// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package imds is where programs on Azure get tokens of a managed identity,
// without a credential of their own:
//
//	GET /metadata/identity/oauth2/token   on virtual machines (the Instance Metadata Service)
//	GET /msi/token                        on App Service
//
// The first follows Microsoft's documentation of acquiring tokens on a virtual
// machine, the second that of managed identities for App Service.
//
// Both speak plain HTTP in real life. The first is at 169.254.169.254, and
// Microsoft's library for Go (azidentity up to 1.15, MSAL up to 1.10) asks nobody
// else: it knows the name of the variable AZURE_POD_IDENTITY_AUTHORITY_HOST, by
// which the libraries for other languages are led elsewhere, but does not read
// it. A Go program gets here through its HTTP transport, or by the second form,
// which it uses if IDENTITY_ENDPOINT and IDENTITY_HEADER are set. Only
// DefaultAzureCredential probes first, by a request without the header Metadata;
// any answer will do.
package imds

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Paths of the two forms. The second is where App Service has it.
const (
	machinePath = "/metadata/identity/oauth2/token"
	appPath     = "/msi/token"
)

// Issuer makes tokens.
type Issuer interface {
	Issue(audience string, now time.Time) (string, error)
}

// API gives out tokens to whoever asks.
type API struct {
	Issuer Issuer
	// Lifetime is how long tokens are valid, in whole seconds.
	Lifetime time.Duration
	// Identities are the client ids of the identities assigned to the machine.
	Identities []string
	// Header is the secret that the App Service form wants. Without one there is
	// no such form.
	Header string
	// Cache is for how long the same token is given out again, whatever has changed
	// in between. Microsoft's documentation of managed identities speaks of about 24
	// hours. Only the App Service form has a way around it: token_sha256_to_refresh,
	// by the documentation of token revocation in Microsoft's libraries (MSAL).
	Cache time.Duration

	mu    sync.Mutex
	given map[string]grant // by resource
}

// grant is a token and when it was issued.
type grant struct {
	token string
	at    time.Time
}

// Handler returns the endpoint a path belongs to, or nil if it is neither.
func (a *API) Handler(path string) exchange.Handler {
	switch {
	case path == machinePath:
		return a.machine
	case path == appPath && a.Header != "":
		return a.app
	default:
		return nil
	}
}

// machine is the form of virtual machines. The texts are those that the service
// is known for, by way of questions people ask about them.
func (a *API) machine(x *exchange.Exchange) {
	query := x.Request.URL.Query()
	fail := func(status int, code, text string) {
		answer(x, status, map[string]string{"error": code, "error_description": text})
	}
	switch {
	case x.Request.Method != http.MethodGet:
		x.Writer.Header().Set("Allow", http.MethodGet)
		fail(http.StatusMethodNotAllowed, "invalid_request", "Method not allowed")
	case !strings.EqualFold(x.Request.Header.Get("Metadata"), "true"):
		fail(http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
	case x.Request.Header.Get("X-Forwarded-For") != "": // what was forwarded may not come from the machine
		fail(http.StatusBadRequest, "invalid_request", "Required metadata header not specified or not correct")
	case query.Get("api-version") == "":
		fail(http.StatusBadRequest, "invalid_request", "Required query variable 'api-version' is missing")
	case query.Get("resource") == "":
		fail(http.StatusBadRequest, "invalid_request", "Required query variable 'resource' is missing")
	default:
		identity, text := a.identity(query)
		if identity == "" {
			fail(http.StatusBadRequest, "invalid_request", text)
			return
		}
		token, ok := a.token(x, identity, query.Get("resource"), "")
		if !ok {
			fail(http.StatusBadRequest, "invalid_resource", "AADSTS500011: The resource principal named "+query.Get("resource")+
				" was not found in the tenant.")
			return
		}
		token["refresh_token"] = ""
		answer(x, http.StatusOK, token)
	}
}

// app is the form of App Service.
func (a *API) app(x *exchange.Exchange) {
	query := x.Request.URL.Query()
	fail := func(status int, text string) {
		answer(x, status, map[string]any{"statusCode": status, "message": text, "correlationId": x.ID})
	}
	switch {
	case x.Request.Method != http.MethodGet:
		x.Writer.Header().Set("Allow", http.MethodGet)
		fail(http.StatusMethodNotAllowed, "Method not allowed")
	case subtle.ConstantTimeCompare([]byte(x.Request.Header.Get("X-IDENTITY-HEADER")), []byte(a.Header)) != 1:
		fail(http.StatusUnauthorized, "X-IDENTITY-HEADER is missing or wrong") // made up
	case query.Get("api-version") != "2019-08-01":
		fail(http.StatusBadRequest, "The api-version is missing or not supported.") // made up
	default:
		identity, _ := a.identity(query)
		token, ok := a.token(x, identity, query.Get("resource"), query.Get("token_sha256_to_refresh"))
		if identity == "" || !ok {
			fail(http.StatusBadRequest, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
			return
		}
		answer(x, http.StatusOK, token)
	}
}

// identity returns the client id of the identity that is asked for, or what is
// wrong. Who names none gets the only one. Identities can be named by client id
// alone; those named otherwise are never found.
func (a *API) identity(query url.Values) (clientID, text string) {
	const notFound = "Identity not found"
	for _, name := range []string{"object_id", "principal_id", "msi_res_id", "mi_res_id"} {
		if query.Get(name) != "" {
			return "", notFound
		}
	}
	asked := query.Get("client_id")
	switch {
	case asked != "":
		if i := slices.IndexFunc(a.Identities, func(id string) bool { return strings.EqualFold(id, asked) }); i >= 0 {
			return a.Identities[i], ""
		}
		return "", notFound
	case len(a.Identities) > 1:
		return "", "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"
	case len(a.Identities) == 0:
		return "", notFound
	}
	return a.Identities[0], ""
}

// token makes a document of strings only. A token whose SHA-256 is worthless, in
// hexadecimal digits, is not given out again.
func (a *API) token(x *exchange.Exchange, identity, resource, worthless string) (map[string]string, bool) {
	given, err := a.grant(resource, worthless, x.Now)
	if err != nil {
		return nil, false
	}
	expires := given.at.Unix() + int64(a.Lifetime/time.Second)
	return map[string]string{
		"access_token": given.token,
		"client_id":    identity,
		"expires_in":   strconv.FormatInt(expires-x.Now.Unix(), 10),
		"expires_on":   strconv.FormatInt(expires, 10),
		"not_before":   strconv.FormatInt(given.at.Unix(), 10),
		"resource":     resource,
		"token_type":   "Bearer",
	}, true
}

// grant returns the token of the cache, or a new one.
func (a *API) grant(resource, worthless string, now time.Time) (grant, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.given[resource]
	sum := sha256.Sum256([]byte(known.token))
	if ok && now.Before(known.at.Add(min(a.Cache, a.Lifetime))) && !strings.EqualFold(worthless, hex.EncodeToString(sum[:])) {
		return known, nil
	}
	token, err := a.Issuer.Issue(resource, now)
	if err != nil {
		return grant{}, err //nolint:wrapcheck // the caller only asks whether there is one
	}
	if a.given == nil {
		a.given = make(map[string]grant)
	}
	a.given[resource] = grant{token, now}
	return a.given[resource], nil
}

func answer(x *exchange.Exchange, status int, document any) {
	x.Writer.Header().Set("Cache-Control", "no-store")
	body, err := json.Marshal(document)
	if err != nil {
		status, body = http.StatusInternalServerError, nil // never: strings and numbers only
	}
	x.JSON(status, body)
}
