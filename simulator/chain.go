// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// open begins an exchange and writes the headers that every answer has.
func (s *Simulator) open(w http.ResponseWriter, r *http.Request) *exchange.Exchange {
	x := &exchange.Exchange{Writer: w, Request: r, Now: s.cfg.Now(), ID: uuid.NewString()}
	x.ClientID = r.Header.Get("client-request-id")
	if x.ClientID == "" {
		x.ClientID = x.ID
	}
	header := w.Header()
	header.Set("Date", x.Now.UTC().Format(http.TimeFormat)) // of the simulated clock, not of net/http's
	header.Set("request-id", x.ID)
	header.Set("client-request-id", x.ClientID)
	header.Set("Strict-Transport-Security", "max-age=31536000")
	return x
}

// routed finds out whose a path is.
func routed(services ...func(path string) exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		for _, find := range services {
			if handle := find(x.Request.URL.Path); handle != nil {
				handle(x)
				return
			}
		}
		x.JSON(http.StatusNotFound, []byte(`{"error":{"code":"NotFound","message":"m365sim serves nothing at this path."}}`))
	}
}
