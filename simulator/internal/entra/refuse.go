// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Code is the number in an AADSTS error.
type Code int

// Errors that sign-in may be told to answer with, whatever was asked.
const (
	UnknownClient Code = 700016
	WrongSecret   Code = 7000215
	ExpiredSecret Code = 7000222
	UnknownTenant Code = 90002
	Unavailable   Code = 90033
	Throttled     Code = 90055
)

// Refuse answers a request with an error, in the words that it would have if
// the request deserved it. A status of 0 is the one that Microsoft uses.
func Refuse(x *exchange.Exchange, code Code, status int) {
	tenant, _, _ := strings.Cut(strings.TrimPrefix(x.Request.URL.Path, "/"), "/")
	x.Request.Body = http.MaxBytesReader(x.Writer, x.Request.Body, maxForm)
	_ = x.Request.ParseForm() // without a form there is no name to put into the text
	clientID, _ := credentials(x.Request, x.Request.PostForm)
	var e *failure
	switch code {
	case UnknownClient:
		e = unknownClient(clientID, tenant)
	case WrongSecret:
		e = wrongSecret(clientID)
	case ExpiredSecret:
		e = expiredSecret(clientID)
	case UnknownTenant:
		e = unknownTenant(tenant)
	case Throttled:
		e = throttled()
	default:
		e = unavailable()
	}
	if status != 0 {
		e.status = status
	}
	refuse(x, e)
}
