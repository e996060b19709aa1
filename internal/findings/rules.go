// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"iter"
	"reflect"
)

// Rules are the rules, each with its knobs. A further one is a file of its own and a line here.
type Rules struct {
	// BulkMail finds one sender who reaches many recipients.
	BulkMail BulkMail `mapstructure:"bulk_mail"`
	// LookalikeDomain finds senders whose domain resembles one of local_domains or protected_domains.
	LookalikeDomain LookalikeDomain `mapstructure:"lookalike_domain"`
	// SpoofedDomain finds senders of local_domains from outside of sending_networks.
	SpoofedDomain SpoofedDomain `mapstructure:"spoofed_domain"`
	// Exfiltration finds inside senders who send unusually much to freemail domains or to one outside domain.
	Exfiltration Exfiltration `mapstructure:"exfiltration"`
	// AutoForward finds mailboxes that pass on what they receive to one outside address.
	AutoForward AutoForward `mapstructure:"auto_forward"`
	// RemovedAfterDelivery finds mail that was delivered and then quarantined, failed or recalled.
	RemovedAfterDelivery RemovedAfterDelivery `mapstructure:"removed_after_delivery"`
	// FailureBurst finds senders of whose recipients many fail.
	FailureBurst FailureBurst `mapstructure:"failure_burst"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// knobs are the settings of one rule.
type knobs interface {
	// byDefault sets the defaults.
	byDefault()
	// common is the part that all rules have.
	common() *Common
	// validate reports what is wrong; each error begins with the key below the rule's own.
	validate() []error
	// rule makes the rule, nil if there is nothing that it could find.
	rule(s *Settings) rule
}

// rule is a rule at work.
type rule interface {
	// observe looks at a mail and tracks what counts.
	observe(e *Engine, m *mail)
	// measure returns what is measured of a window, and the least of it that makes the window a finding. The figures
	// of a whole stretch of time bound those of all windows in it.
	measure(s *series, f *figures) (count, limit int64)
	// least is from how many entries on a series can be a finding.
	least() int
	// describe completes a finding.
	describe(s *series, w *window, f *Finding)
}

// all are the rules by their names, in the order of Rules.
func (r *Rules) all() iter.Seq2[string, knobs] {
	return func(yield func(string, knobs) bool) {
		for field, value := range reflect.ValueOf(r).Elem().Fields() {
			if field.IsExported() && !yield(field.Tag.Get("mapstructure"), value.Addr().Interface().(knobs)) {
				return
			}
		}
	}
}

// DefaultRules are all rules with their defaults.
func DefaultRules() (r Rules) {
	for _, k := range r.all() {
		k.common().Enabled = true
		k.byDefault()
	}
	return r
}

// RuleNames are the names of all rules.
func RuleNames() (names []string) {
	var r Rules
	for name := range r.all() {
		names = append(names, name)
	}
	return names
}
