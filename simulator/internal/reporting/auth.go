// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// authorized lets requests through that carry a valid token, or the user's name
// and password.
func (a *API) authorized(next exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		open(x)
		if e := a.check(x); e != nil {
			if e.status == http.StatusUnauthorized {
				a.challenge(x)
			}
			refuse(x, e)
			return
		}
		next(x)
	}
}

// check returns why a request is not let in, or nil. Whatever is wrong with a
// token, public recordings have the same page in HTML; only a role that is
// missing is told apart.
func (a *API) check(x *exchange.Exchange) *failure {
	if user, password, ok := x.Request.BasicAuth(); ok {
		if a.User == "" || !same(strings.ToLower(user), strings.ToLower(a.User)) || !same(password, a.Password) {
			return unauthorized()
		}
		return nil
	}
	scheme, token, _ := strings.Cut(x.Request.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return unauthorized()
	}
	err := a.Verifier.Verify(strings.TrimSpace(token), a.Audience, Role, x.Now)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, entra.ErrRole):
		return forbidden()
	default:
		return unauthorized()
	}
}

// challenge tells a client how to sign in, in the manner of Exchange Online.
func (a *API) challenge(x *exchange.Exchange) {
	header := x.Writer.Header()
	header.Add("WWW-Authenticate", `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", `+
		`trusted_issuers="00000001-0000-0000-c000-000000000000@*"`)
	if a.User != "" {
		header.Add("WWW-Authenticate", `Basic Realm="`+x.Request.Host+`"`)
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
