// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// wire is a Rule as JSON. Durations are written as Go does: "60s".
type wire struct {
	Kind        Kind      `json:"kind,omitempty"`
	Kinds       []Kind    `json:"kinds,omitempty"`
	On          Target    `json:"on,omitempty"`
	Probability float64   `json:"probability,omitempty"`
	Count       int       `json:"count,omitempty"`
	From        time.Time `json:"from,omitzero"`
	For         duration  `json:"for,omitempty"`
	Contains    time.Time `json:"contains,omitzero"`
	Status      int       `json:"status,omitempty"`
	RetryAfter  string    `json:"retryAfter,omitempty"`
	Message     string    `json:"message,omitempty"`
	Host        string    `json:"host,omitempty"`
	Delay       duration  `json:"delay,omitempty"`
	Skew        duration  `json:"skew,omitempty"`
	Injected    int       `json:"injected,omitempty"` // of a State; ignored in rules
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err //nolint:wrapcheck // encoding/json says where
}

func (r *Rule) wire() wire {
	return wire{
		Kind: r.Kind, Kinds: r.Kinds, On: r.On, Probability: r.Probability, Count: r.Count,
		From: r.From, For: duration(r.For), Contains: r.Contains,
		Status: r.Status, RetryAfter: r.RetryAfter, Message: r.Message, Host: r.Host,
		Delay: duration(r.Delay), Skew: duration(r.Skew),
	}
}

func (w *wire) rule() Rule {
	return Rule{
		Kind: w.Kind, Kinds: w.Kinds, On: w.On, Probability: w.Probability, Count: w.Count,
		From: w.From, For: time.Duration(w.For), Contains: w.Contains,
		Status: w.Status, RetryAfter: w.RetryAfter, Message: w.Message, Host: w.Host,
		Delay: time.Duration(w.Delay), Skew: time.Duration(w.Skew),
	}
}

// MarshalJSON writes the fields of the rule and how often it has struck.
func (s State) MarshalJSON() ([]byte, error) {
	w := s.Rule.wire()
	w.Injected = s.Injected
	return json.Marshal(w) //nolint:wrapcheck // cannot fail
}

// ParseRules reads a JSON array of rules, or a single rule. Fields are named as
// those of Rule, in lower camel case; those it does not know are errors.
func ParseRules(text []byte) ([]Rule, error) {
	if text = bytes.TrimSpace(text); !bytes.HasPrefix(text, []byte("[")) {
		text = append(append([]byte("["), text...), ']')
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var list []wire
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("rules: there is something behind them")
	}
	rules := make([]Rule, len(list))
	for i := range list {
		rules[i] = list[i].rule()
		if err := rules[i].Validate(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
	}
	return rules, nil
}
