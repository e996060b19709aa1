// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// Injector makes requests go wrong by rules. It is safe for concurrent use.
// Without rules it does nothing.
type Injector struct {
	now  func() time.Time
	look func(*exchange.Exchange) Target
	seed uint64

	mu       sync.Mutex
	rules    []*armed
	requests uint64 // since rules were set
	injected []Foreign
	serial   int
	held     []heldPage
}

// armed is a rule in force.
type armed struct {
	Rule
	kinds []Kind
	until time.Time // zero: without an end
	count int       // faults injected
	token string    // of the first request, for Rule.FirstToken
}

// State is a rule and how often it has struck.
type State struct {
	Rule
	Injected int `json:"injected,omitzero"`
}

// Foreign is text that was put among the rows of a page.
type Foreign struct {
	Time time.Time `json:"time"`
	// Request is the request-id of the answer.
	Request string `json:"request"`
	// Text is the JSON value in the place of a row, as sent.
	Text string `json:"text"`
}

// NewInjector returns an injector without rules, for the simulator's use. look
// classifies a request, and notes what it asks for.
func NewInjector(seed uint64, now func() time.Time, look func(*exchange.Exchange) Target) *Injector {
	return &Injector{seed: seed, now: now, look: look}
}

// Set replaces all rules, and restarts the sequence of chance. The error tells
// what is wrong with a rule; nothing is changed then.
func (i *Injector) Set(rules ...Rule) error {
	list, err := i.arm(rules)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules, i.requests = list, 0
	return nil
}

// Add puts rules behind those there are.
func (i *Injector) Add(rules ...Rule) error {
	list, err := i.arm(rules)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = slices.Concat(i.rules, list)
	return nil
}

// Clear removes all rules. Links already handed out keep their meaning, and the
// record of injected rows stays.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = nil
}

// Rules returns the rules in force, those that are spent or over among them.
func (i *Injector) Rules() []State {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := make([]State, len(i.rules))
	for n, rule := range i.rules {
		list[n] = State{Rule: rule.Rule, Injected: rule.count}
	}
	return list
}

// Injected returns what was put among rows, oldest first, whether or not its
// page arrived: the newest MaxInjected of it at least.
func (i *Injector) Injected() []Foreign {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.injected)
}

// MaxInjected is how much injected text is remembered at least.
const MaxInjected = 100_000

func (i *Injector) record(list []Foreign) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.injected) >= 2*MaxInjected {
		i.injected = slices.Clone(i.injected[MaxInjected:])
	}
	i.injected = append(i.injected, list...)
}

func (i *Injector) arm(rules []Rule) ([]*armed, error) {
	now := i.now()
	list := make([]*armed, len(rules))
	for n, rule := range rules {
		if err := rule.Validate(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", n, err)
		}
		list[n] = &armed{Rule: rule, kinds: rule.members()}
		if rule.For > 0 {
			from := rule.From
			if from.IsZero() {
				from = now
			}
			list[n].until = from.Add(rule.For)
		}
	}
	return list, nil
}

// idle reports whether there is nothing that could go wrong.
func (i *Injector) idle() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.rules) == 0
}

// choice is a fault that a request has drawn.
type choice struct {
	rule *armed
	kind Kind
}

// choose draws what happens to a request: any number of shifts, and at most one
// other fault. What is drawn counts at once, so that no two requests share the
// last fault of a rule.
func (i *Injector) choose(x *exchange.Exchange, sort Target) (list []choice, rng *rand.Rand) {
	i.mu.Lock()
	defer i.mu.Unlock()
	rng = rand.New(rand.NewPCG(i.seed, i.requests))
	i.requests++
	for _, rule := range i.rules {
		if !rule.applies(x, sort) {
			continue
		}
		kinds := slices.DeleteFunc(slices.Clone(rule.kinds), func(k Kind) bool { return !behaviors[k].on.covers(sort) })
		if len(kinds) == 0 || rule.Probability > 0 && rng.Float64() >= rule.Probability {
			continue
		}
		drawn := choice{rule: rule, kind: kinds[rng.IntN(len(kinds))]}
		rule.count++
		list = append(list, drawn)
		if behaviors[drawn.kind].shift == nil {
			break
		}
	}
	return list, rng
}

// refund takes back a fault that could not be brought about.
func (i *Injector) refund(c choice) {
	i.mu.Lock()
	defer i.mu.Unlock()
	c.rule.count--
}

// applies reports whether a request meets the conditions. The caller holds the
// lock.
func (r *armed) applies(x *exchange.Exchange, sort Target) bool {
	switch {
	case !r.On.covers(sort),
		r.Count > 0 && r.count >= r.Count,
		x.Now.Before(r.From),
		!r.until.IsZero() && !x.Now.Before(r.until),
		!r.Contains.IsZero() && (x.Start.IsZero() || r.Contains.Before(x.Start) || r.Contains.After(x.End)),
		r.TopAbove > 0 && x.Size <= r.TopAbove:
		return false
	case r.FirstToken:
		token := x.Request.Header.Get("Authorization")
		r.token = cmp.Or(r.token, token)
		return token != "" && token == r.token
	}
	return true
}
