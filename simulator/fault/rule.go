// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Rule is what goes wrong, with which requests, how often and for how long.
// Conditions left at zero do not restrict it.
type Rule struct {
	// Kind is what goes wrong.
	Kind Kind `json:"kind,omitzero"`
	// Kinds are what may go wrong besides Kind: one is drawn for each request.
	Kinds []Kind `json:"kinds,omitzero"`

	// On is the sort of requests. Of those, a kind concerns only the ones that
	// it can do something to.
	On Target `json:"on,omitzero"`
	// Probability is the share of requests, between 0 and 1. 0 means all.
	Probability float64 `json:"probability,omitzero"`
	// Count is how many faults there are before the rule is spent. 0 means no
	// limit.
	Count int `json:"count,omitzero"`
	// From is when the rule begins to apply, and For how long it does from
	// then on, or from when it was set if From is zero.
	From time.Time     `json:"from,omitzero"`
	For  time.Duration `json:"for,omitzero"`
	// Contains restricts the rule to pages of windows of received time with
	// this instant in them.
	Contains time.Time `json:"contains,omitzero"`
	// TopAbove restricts the rule to pages that may have more rows than this, by
	// $top or by what the service does without it.
	TopAbove int `json:"topAbove,omitzero"`
	// FirstToken restricts the rule to the token of the first request that it was
	// asked about: whoever signs in again is let through.
	FirstToken bool `json:"firstToken,omitzero"`

	// What follows is for some kinds only, as their comments tell.

	// Status is the HTTP status. 0 means that the kind chooses.
	Status int `json:"status,omitzero"`
	// RetryAfter is the Retry-After header, literally. Empty means that the kind
	// chooses.
	RetryAfter string `json:"retryAfter,omitzero"`
	// Message is the text of the error. Empty means that the kind chooses.
	Message string `json:"message,omitzero"`
	// Host is where foreign links and redirects lead: host, host:port, or
	// scheme://host:port. Empty means foreign.example, which does not exist.
	Host string `json:"host,omitzero"`
	// Delay is a duration of real time, or of a testing/synctest bubble.
	Delay time.Duration `json:"delay,omitzero"`
	// Skew is how far a clock is off. A negative one turns the kind's direction
	// around; 0 means 5 min.
	Skew time.Duration `json:"skew,omitzero"`
	// Response is what Replay answers: status line, headers and body.
	Response string `json:"response,omitzero"`
}

// Validate returns what is wrong with a rule, if anything.
func (r *Rule) Validate() error {
	var errs []error
	kinds := r.members()
	if len(kinds) == 0 {
		errs = append(errs, errors.New("kind is missing"))
	}
	concerned := 0
	for _, kind := range kinds {
		switch how, ok := behaviors[kind]; {
		case !ok:
			errs = append(errs, fmt.Errorf("there is no kind %q", kind))
		case how.on.meets(r.On):
			concerned++
		}
	}
	switch {
	case !r.On.known():
		errs = append(errs, fmt.Errorf("there is no target %q", r.On))
	case concerned == 0 && len(errs) == 0:
		errs = append(errs, fmt.Errorf("%s can do nothing to requests of sort %q", kinds[0], r.On))
	}
	if r.Probability < 0 || r.Probability > 1 {
		errs = append(errs, fmt.Errorf("probability must be between 0 and 1, not %g", r.Probability))
	}
	if r.Count < 0 || r.TopAbove < 0 || r.For < 0 || r.Delay < 0 {
		errs = append(errs, errors.New("count, topAbove and durations must not be negative"))
	}
	if (r.Response != "") != slices.Contains(kinds, Replay) {
		errs = append(errs, errors.New("replay needs a response, and nothing else does"))
	}
	if r.Status != 0 && http.StatusText(r.Status) == "" {
		errs = append(errs, fmt.Errorf("there is no HTTP status %d", r.Status))
	}
	return errors.Join(errs...)
}

// members returns the kinds to draw from.
func (r *Rule) members() []Kind {
	var all []Kind
	for _, kind := range append([]Kind{r.Kind}, r.Kinds...) {
		for _, member := range kind.members() {
			if member != "" && !slices.Contains(all, member) {
				all = append(all, member)
			}
		}
	}
	return all
}

// delayOf returns how long a kind takes. 0 is without an end: hanging on command
// has none, hanging by chance does unless everything may happen.
func (r *Rule) delayOf(kind Kind) time.Duration {
	switch {
	case r.Delay > 0:
		return r.Delay
	case kind == SlowBody, kind == ConnectTimeout, kind == Hang && (r.Kind == Chaos || slices.Contains(r.Kinds, Chaos)):
		return DefaultDelay
	default:
		return 0
	}
}

// DefaultDelay is how long slow bodies and ConnectTimeout take, and hanging requests
// of Chaos.
const DefaultDelay = 5 * time.Second
