// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/o365messagetrace/o365messagetrace/simulator/fault"
)

// maxOrder bounds a list of rules, in bytes.
const maxOrder = 1 << 20

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
	switch r.Method {
	case http.MethodGet:
	case http.MethodDelete:
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost, http.MethodPut:
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rules, err := fault.ParseRules(text)
		if err == nil && r.Method == http.MethodPut {
			err = s.faults.Set(rules...)
		} else if err == nil {
			err = s.faults.Add(rules...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	default:
		w.Header().Set("Allow", "DELETE, GET, POST, PUT")
		http.Error(w, "only DELETE, GET, POST and PUT", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s.faults.Rules()) // fails if the client is gone
}
