// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

const (
	maxOrder      = 1 << 20 // bytes
	maxRecipients = 1_000_000
)

// orders finds what takes an order, or nil if there are none for a page.
func (s *Simulator) orders(page string) http.HandlerFunc {
	switch page {
	case "faults":
		return allowed(s.faultOrders, http.MethodDelete, http.MethodGet, http.MethodPost, http.MethodPut)
	case "faults/kinds":
		return allowed(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, fault.Kinds()) }, http.MethodGet)
	case "incidents":
		return allowed(s.incidentOrders, http.MethodGet, http.MethodPost)
	case "mail":
		return allowed(s.mailOrder, http.MethodPost)
	case "consent":
		return allowed(s.consentOrder, http.MethodPut, http.MethodDelete)
	default:
		return nil
	}
}

// mailOrder puts a message to all staff into the tenant. received is now if it is
// left out:
//
//	{"recipients": 150000, "received": "2026-10-01T10:00:00.123Z"}
//
// It answers with the id of the message, and the other two.
func (s *Simulator) mailOrder(w http.ResponseWriter, r *http.Request) {
	order := struct {
		ID         string    `json:"id"`
		Recipients int       `json:"recipients"`
		Received   time.Time `json:"received"`
	}{Received: s.cfg.Now().UTC()}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder)).Decode(&order)
	if err == nil && (order.Recipients < 1 || order.Recipients > maxRecipients) {
		err = fmt.Errorf("recipients must be between 1 and %d, not %d", maxRecipients, order.Recipients)
	}
	if err == nil {
		rows := traffic.AllStaff(s.cfg.Traffic.Domain, order.Received, order.Recipients)
		order.ID, err = rows[0].ID, s.Add(rows...)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, order)
}

// consentOrder gives consent to the application (PUT) or withdraws it (DELETE).
func (s *Simulator) consentOrder(w http.ResponseWriter, r *http.Request) {
	s.Consent(r.Method == http.MethodPut)
	w.WriteHeader(http.StatusNoContent)
}

// faultOrders lets whoever may look at the simulator make it misbehave:
//
//	POST    adds rules: a JSON array, or a single rule
//	PUT     replaces all rules by those
//	DELETE  removes all rules
//	GET     returns the rules, each with how often it has struck
//
// A rule has the fields of fault.Rule in lower camel case, and durations as Go
// writes them:
//
//	{"kind": "chaos", "probability": 0.4, "for": "60s"}
//
// All but DELETE answer with the rules that are then in force.
func (s *Simulator) faultOrders(w http.ResponseWriter, r *http.Request) {
	take := s.faults.Add
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, s.faults.Rules())
		return
	case http.MethodDelete:
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPut:
		take = s.faults.Set
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	var rules []fault.Rule
	if err == nil {
		rules, err = fault.ParseRules(text)
	}
	if err == nil {
		err = take(rules...)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, s.faults.Rules())
}

// allowed refuses methods other than some.
func allowed(next http.HandlerFunc, methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			next(w, r)
			return
		}
		list := strings.Join(methods, ", ")
		w.Header().Set("Allow", list)
		if i := strings.LastIndex(list, ", "); i >= 0 {
			list = list[:i] + " and " + list[i+2:]
		}
		http.Error(w, "only "+list, http.StatusMethodNotAllowed)
	}
}

// writeJSON answers a document. An error means that the client has gone.
func writeJSON(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(document)
}
