// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// version is a generation of the token endpoint.
type version int

const (
	v1 version = 1
	v2 version = 2
)

// maxForm bounds the body of a token request, in bytes. A client assertion with
// a chain of certificates is a few kilobytes.
const maxForm = 64 << 10

// token is the token endpoint. It checks in the order Microsoft does: tenant,
// shape of the request, application, credential, and last what is asked for.
func (d *Directory) token(x *exchange.Exchange, tenant string, v version) {
	if !d.knows(tenant) {
		refuse(x, unknownTenant(tenant))
		return
	}
	x.Request.Body = http.MaxBytesReader(x.Writer, x.Request.Body, maxForm)
	if err := x.Request.ParseForm(); err != nil {
		refuse(x, missingParameter("grant_type"))
		return
	}
	form := x.Request.PostForm
	clientID, secret := credentials(x.Request, form)
	if e := d.checkShape(form, clientID, v); e != nil {
		refuse(x, e)
		return
	}
	if e := d.authenticate(x, tenant, clientID, secret); e != nil {
		refuse(x, e)
		return
	}
	identifier, e := identifierOf(form, v)
	if e != nil {
		refuse(x, e)
		return
	}
	resource, ok := d.resource(identifier)
	if !ok {
		refuse(x, unknownResource(identifier, tenant))
		return
	}
	answer(x, http.StatusOK, d.grant(identifier, resource, x.Now, v))
}

// credentials reads the application's id and secret from the form or, as RFC
// 6749 allows, from an Authorization header.
func credentials(r *http.Request, form url.Values) (clientID, secret string) {
	clientID, secret = form.Get("client_id"), form.Get("client_secret")
	user, password, ok := r.BasicAuth()
	if !ok || clientID != "" {
		return clientID, secret
	}
	// Both parts are form-encoded before they are joined (RFC 6749, 2.3.1).
	if plain, err := url.QueryUnescape(user); err == nil {
		user = plain
	}
	if plain, err := url.QueryUnescape(password); err == nil {
		password = plain
	}
	return user, password
}

func (d *Directory) checkShape(form url.Values, clientID string, v version) *failure {
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return missingParameter("grant_type")
	case clientID == "":
		return missingParameter("client_id")
	case grant != "client_credentials":
		return unsupportedGrant(grant)
	case v == v2 && form.Get("scope") == "":
		return missingParameter("scope")
	case v == v1 && form.Get("resource") == "":
		return missingParameter("resource")
	}
	return nil
}

// authenticate checks the application and its credential: a client assertion, of
// a certificate or of another identity provider, or the secret.
func (d *Directory) authenticate(x *exchange.Exchange, tenant, clientID, secret string) *failure {
	form := x.Request.PostForm
	switch {
	case !strings.EqualFold(clientID, d.ClientID):
		return unknownClient(clientID, tenant)
	case form.Get("client_assertion") != "":
		return d.checkAssertion(x, clientID, form)
	case secret == "":
		return missingCredential()
	case subtle.ConstantTimeCompare([]byte(secret), []byte(d.Secret)) != 1:
		return wrongSecret(clientID)
	}
	return nil
}

// identifierOf returns the resource that is asked for. For client credentials,
// version 2 accepts nothing but "<resource>/.default"; Microsoft's libraries
// add scopes of OpenID Connect, which it ignores.
func identifierOf(form url.Values, v version) (string, *failure) {
	if v == v1 {
		return form.Get("resource"), nil
	}
	found := ""
	for scope := range strings.FieldsSeq(form.Get("scope")) {
		switch scope {
		case "openid", "profile", "offline_access", "email":
			continue
		}
		identifier, ok := strings.CutSuffix(scope, "/.default")
		if !ok || found != "" || identifier == "" {
			return "", invalidScope(form.Get("scope"))
		}
		found = identifier
	}
	if found == "" {
		return "", invalidScope(form.Get("scope"))
	}
	return found, nil
}

// grant is the document that brings a token. Version 1 writes numbers as
// strings.
func (d *Directory) grant(identifier string, resource Resource, now time.Time, v version) map[string]any {
	token := d.issue(identifier, resource.Roles, now)
	seconds := int64(d.Lifetime / time.Second)
	if v == v2 {
		return map[string]any{
			"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
		}
	}
	text := strconv.FormatInt(seconds, 10)
	return map[string]any{
		"token_type": "Bearer", "expires_in": text, "ext_expires_in": text, "access_token": token,
		"expires_on": strconv.FormatInt(now.Unix()+seconds, 10),
		"not_before": strconv.FormatInt(now.Unix(), 10),
		"resource":   identifier,
	}
}
