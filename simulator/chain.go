// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// open begins an exchange and writes the headers that every answer has.
func (s *Simulator) open(w http.ResponseWriter, r *http.Request) *exchange.Exchange {
	x := &exchange.Exchange{Writer: w, Request: r, Now: s.cfg.Now(), ID: newGUID()}
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

// newGUID returns a random version 4 GUID.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
