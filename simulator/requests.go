// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"slices"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// MaxRequests is how many requests are remembered at least. When there are
// twice as many, the older half is forgotten.
const MaxRequests = 100_000

// Request is a request that was answered. Bodies are not recorded, since those
// of sign-in carry secrets.
type Request struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	// Host is what the client asked for. Over Transport, it may be any.
	Host string `json:"host"`
	Path string `json:"path"`
	// Query is the part of the URL behind the question mark, as sent.
	Query string `json:"query,omitempty"`
	// Authorized reports whether there was an Authorization header, of any worth.
	Authorized bool `json:"authorized"`
	// Start and End are the window of received time that the filter asked for.
	// They are zero if the request was no query, or the query is wrong.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Size is how many rows the page might have had, by $top or without it.
	Size int `json:"size,omitempty"`
	// Continued reports whether the request followed a link to a further page.
	Continued bool `json:"continued,omitempty"`
	// Status is the HTTP status answered, 0 if there was none. Rows is the
	// number of rows of the tenant on the page, 0 if the page was damaged.
	Status int `json:"status"`
	Rows   int `json:"rows"`
	// ID is the request-id header of the answer.
	ID string `json:"id"`
	// Fault is the fault.Kind that was injected, if any. A clock that is off
	// goes together with another one, with a comma in between.
	Fault string `json:"fault,omitempty"`
}

// requestLog remembers requests.
type requestLog struct {
	mu   sync.Mutex
	list []Request
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 2*MaxRequests {
		l.list = append(l.list[:0], l.list[MaxRequests:]...)
	}
	l.list = append(l.list, r)
}

func (l *requestLog) all() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// recorded notes each exchange when it is over.
func (s *Simulator) recorded(next exchange.Handler) exchange.Handler {
	if s.cfg.NoInspection {
		return next
	}
	return func(x *exchange.Exchange) {
		// Deferred, so that a request whose connection is cut on purpose is
		// recorded as well.
		defer func() {
			s.requests.add(Request{
				Time:       x.Now,
				Method:     x.Request.Method,
				Host:       x.Request.Host,
				Path:       x.Request.URL.Path,
				Query:      x.Request.URL.RawQuery,
				Authorized: x.Request.Header.Get("Authorization") != "",
				Start:      x.Start,
				End:        x.End,
				Size:       x.Size,
				Continued:  x.Continued,
				Status:     x.Status,
				Rows:       x.Rows,
				ID:         x.ID,
				Fault:      x.Fault,
			})
		}()
		next(x)
	}
}
