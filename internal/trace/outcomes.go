// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import "iter"

// Outcomes counts rows by what became of them.
type Outcomes struct {
	// Accepted rows were taken by the pipeline. Changed ones of them had been delivered before with another status.
	Accepted int `json:"accepted"`
	Changed  int `json:"-"`
	// Duplicate rows had been delivered before.
	Duplicate int `json:"duplicate"`
	// Held rows wait for a status that is not expected to change.
	Held int `json:"held"`
	// Filtered rows were received outside the window.
	Filtered int `json:"filtered"`
	// Malformed rows were no JSON objects. They are counted once more by what became of them.
	Malformed int `json:"malformed"`
	// Refused rows were refused by the pipeline for good.
	Refused int `json:"refused"`
}

// All walks the outcomes that metrics tell apart, by name.
func (o Outcomes) All() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		_ = yield("accepted", o.Accepted) && yield("duplicate", o.Duplicate) && yield("held", o.Held) &&
			yield("filtered", o.Filtered) && yield("malformed", o.Malformed) && yield("refused", o.Refused)
	}
}

// Received is the number of rows.
func (o Outcomes) Received() int {
	return o.Accepted + o.Duplicate + o.Held + o.Filtered + o.Refused
}

// Add adds the counts of more rows.
func (o *Outcomes) Add(more Outcomes) {
	o.Accepted += more.Accepted
	o.Changed += more.Changed
	o.Duplicate += more.Duplicate
	o.Held += more.Held
	o.Filtered += more.Filtered
	o.Malformed += more.Malformed
	o.Refused += more.Refused
}
