// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"errors"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// authorized lets requests through that carry a valid token. Graph looks at the
// token before anything else.
func (a *API) authorized(next exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		scheme, token, _ := strings.Cut(x.Request.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		if e := a.check(strings.TrimSpace(token), x); e != nil {
			if e.status == http.StatusUnauthorized {
				x.Writer.Header().Set("WWW-Authenticate", `Bearer realm="", `+
					`authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", `+
					`client_id="00000003-0000-0000-c000-000000000000"`)
			}
			refuse(x, e)
			return
		}
		next(x)
	}
}

// check returns what is wrong with a token, or nil. The texts are those Graph is
// known for, by way of questions people ask about them.
func (a *API) check(token string, x *exchange.Exchange) *failure {
	if token == "" {
		return invalidToken("Access token is empty.")
	}
	err := a.Verifier.Verify(token, a.Audience, Role, x.Now)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, entra.ErrExpired):
		return invalidToken("Lifetime validation failed, the token is expired.")
	case errors.Is(err, entra.ErrAudience):
		return invalidToken("Access token validation failure. Invalid audience.")
	case errors.Is(err, entra.ErrSignature):
		return invalidToken("Access token validation failure. Invalid signature.")
	case errors.Is(err, entra.ErrRole):
		return &failure{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
	default:
		return invalidToken("IDX14100: JWT is not well formed, there are no dots (.).")
	}
}

func invalidToken(text string) *failure {
	return &failure{http.StatusUnauthorized, "InvalidAuthenticationToken", text}
}
