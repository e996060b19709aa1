// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Staged is an incident that was put on command, in addition to those of each
// day.
type Staged struct {
	Kind mail.Incident `json:"kind"`
	At   time.Time     `json:"at"`
	// Rows is the number of rows that it has.
	Rows int `json:"rows"`
}

type stagedIncidents struct {
	mu   sync.Mutex
	list []Staged
}

// Stage puts an incident into the tenant, beginning at an instant. Its rows are
// as late as all others.
func (s *Simulator) Stage(kind mail.Incident, at time.Time) (Staged, error) {
	rows, err := s.generator.Incident(kind, at)
	if err != nil {
		return Staged{}, err //nolint:wrapcheck // names its origin
	}
	if err := s.Add(rows...); err != nil {
		return Staged{}, err
	}
	done := Staged{Kind: kind, At: at.UTC(), Rows: len(rows)}
	s.staged.mu.Lock()
	defer s.staged.mu.Unlock()
	s.staged.list = append(s.staged.list, done)
	return done, nil
}

// incidentOrder is what is posted.
type incidentOrder struct {
	Kind string `json:"kind"`
	// In is how long from now the incident begins.
	In string `json:"in"`
}

// incidentOrders lets whoever may look at the simulator stage incidents:
//
//	POST  stages one, or several in an array: {"kind": "bulk", "in": "30s"}
//	GET   returns those staged so far
//
// Both answer with all that are staged.
func (s *Simulator) incidentOrders(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
		if err == nil {
			err = s.stageAll(text)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.staged.mu.Lock()
	list := append([]Staged{}, s.staged.list...)
	s.staged.mu.Unlock()
	writeJSON(w, list)
}

// stageAll stages all that is ordered, or nothing.
func (s *Simulator) stageAll(text []byte) error {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("[")) {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var orders []incidentOrder
	if err := decoder.Decode(&orders); err != nil {
		return fmt.Errorf("incidents: %w", err)
	}
	now := s.cfg.Now()
	staged := make([]Staged, len(orders))
	for i, o := range orders {
		kind, err := mail.ParseIncident(o.Kind)
		if err != nil {
			return err //nolint:wrapcheck // lists what there is
		}
		staged[i] = Staged{Kind: kind, At: now}
		if o.In != "" {
			after, err := time.ParseDuration(o.In)
			if err != nil {
				return fmt.Errorf("in: %w", err)
			}
			staged[i].At = now.Add(after)
		}
	}
	for _, each := range staged {
		if _, err := s.Stage(each.Kind, each.At); err != nil {
			return err
		}
	}
	return nil
}
