// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// inspectionPath is outside everything Microsoft serves. What is below needs no
// sign-in, counts against no quota and is not recorded.
const inspectionPath = "/_sim/"

// inspect answers NDJSON, one document a line:
//
//	/_sim/ledger?from=…&to=…&at=…   rows received in [from, to] and visible at an
//	                                instant, with their timelines up to it, newest first
//	/_sim/requests?from=…&to=…      requests answered in [from, to], oldest first
//	/_sim/injected?from=…&to=…      what faults put among rows in [from, to], oldest first
//
// and takes orders, see orders.go:
//
//	/_sim/faults                    GET, POST, PUT, DELETE
//	/_sim/faults/kinds              GET
//	/_sim/incidents                 GET, POST
//	/_sim/mail                      POST
//	/_sim/consent                   PUT, DELETE
//
// Times are RFC 3339. from may be left out; to and at are now by default, and to
// is so at most: mail of the future is endless.
func (s *Simulator) inspect(w http.ResponseWriter, r *http.Request, page string) {
	if take := s.orders(page); take != nil {
		take(w, r)
		return
	}
	allowed(func(w http.ResponseWriter, r *http.Request) { s.show(w, r, page) }, http.MethodGet)(w, r)
}

// show answers a page that takes no orders.
func (s *Simulator) show(w http.ResponseWriter, r *http.Request, page string) {
	now := s.cfg.Now().UTC()
	query := r.URL.Query()
	from, errFrom := timeOf(query, "from", time.Time{})
	to, errTo := timeOf(query, "to", now)
	at, errAt := timeOf(query, "at", now)
	for _, err := range []error{errFrom, errTo, errAt} {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if to.After(now) {
		to = now
	}
	switch page {
	case "ledger":
		writeLines(w, visibleRows(s.store.All(from, to), at))
	case "requests":
		writeLines(w, within(s.Requests(), from, to, func(r Request) time.Time { return r.Time }))
	case "injected":
		writeLines(w, within(s.faults.Injected(), from, to, func(f fault.Foreign) time.Time { return f.Time }))
	default:
		http.NotFound(w, r)
	}
}

func visibleRows(rows iter.Seq[mail.Row], at time.Time) iter.Seq[mail.Row] {
	return func(yield func(mail.Row) bool) {
		for row := range rows {
			row.Timeline = row.Until(at)
			if len(row.Timeline) > 0 && !yield(row) {
				return
			}
		}
	}
}

func within[T any](list []T, from, to time.Time, at func(T) time.Time) iter.Seq[T] {
	return slices.Values(slices.DeleteFunc(list, func(t T) bool { return at(t).Before(from) || at(t).After(to) }))
}

func timeOf(query url.Values, name string, fallback time.Time) (time.Time, error) {
	text := query.Get(name)
	if text == "" {
		return fallback, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fallback, fmt.Errorf("%s: %w", name, err)
	}
	return at.UTC(), nil
}

// writeLines stops at the first error, which means that the client has gone.
func writeLines[T any](w http.ResponseWriter, documents iter.Seq[T]) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	buffer := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	for document := range documents {
		if encoder.Encode(document) != nil {
			return
		}
	}
	_ = buffer.Flush()
}
