// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "fmt"

// sides are the limits of a rule that counts recipients, for senders inside and outside.
type sides struct{ inside, outside int64 }

func newSides(recipients int64, inside, outside RecipientLimit) sides {
	s := sides{recipients, recipients}
	if inside.Recipients > 0 {
		s.inside = inside.Recipients
	}
	if outside.Recipients > 0 {
		s.outside = outside.Recipients
	}
	return s
}

func validateSides(recipients int64, inside, outside RecipientLimit) []error {
	errs := positive("recipients", recipients)
	for name, limit := range map[string]RecipientLimit{"inside": inside, "outside": outside} {
		if limit.Recipients < 0 {
			errs = append(errs, fmt.Errorf("%s.recipients: must not be negative, but is %d", name, limit.Recipients))
		}
	}
	return errs
}

func (s sides) measure(of *series, f *figures) (count, limit int64) {
	if of.inside {
		return f.distinct, s.inside
	}
	return f.distinct, s.outside
}

func (s sides) least() int { return int(min(s.inside, s.outside)) }
