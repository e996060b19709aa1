// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "time"

// RemovedAfterDelivery finds mail that was delivered and afterwards quarantined, failed or recalled: somebody had it for a
// while. Only a collector that follows statuses can tell, so the rule goes by the previous status of a record.
//
// How long somebody had it is from the receipt to when the new status was seen, and therefore at most so long.
//
// Known false positives: colleagues who recall what they should not have sent.
type RemovedAfterDelivery struct {
	Common `mapstructure:",squash"`
	// Recipients is from how many distinct recipients of a sender mail is removed within the time.
	Recipients int64 `mapstructure:"recipients"`
}

func (k *RemovedAfterDelivery) byDefault() { k.Within, k.Recipients = 24*time.Hour, 1 }

func (k *RemovedAfterDelivery) validate() []error {
	return append(k.Common.validate(), positive("recipients", k.Recipients)...)
}

func (k *RemovedAfterDelivery) rule(*Settings) rule { return &removedAfterDelivery{k.Recipients} }

type removedAfterDelivery struct{ recipients int64 }

var removals = map[string]uint8{"quarantined": quarantined, "failed": failed, "recalled": recalled}

func (r *removedAfterDelivery) observe(e *Engine, m *mail) {
	if m.Previous != "delivered" {
		return
	}
	how := removals[m.Status]
	if how == 0 {
		return
	}
	exposed := max(0, m.Observed.Sub(m.Received)/time.Second)
	e.track(m, key{text: m.sender, hash: m.senderHash},
		entry{row: m.row(), counted: m.recipientHash, bytes: clampSize(int64(exposed)), flags: how})
}

func (r *removedAfterDelivery) measure(_ *series, f *figures) (count, limit int64) {
	return f.distinct, r.recipients
}

func (r *removedAfterDelivery) least() int { return int(r.recipients) }

func (r *removedAfterDelivery) describe(s *series, w *window, f *Finding) {
	var longest uint32
	var flags uint8
	for i := range w.entries {
		longest, flags = max(longest, w.entries[i].bytes), flags|w.entries[i].flags
	}
	var how []string
	for _, each := range []string{"quarantined", "failed", "recalled"} {
		if flags&removals[each] != 0 {
			how = append(how, each)
		}
	}
	were, they := "were", "they"
	if w.messages == 1 {
		were, they = "was", "it"
	}
	f.Text = sentence("%s of %s reached %s and %s then %s; %s could be read for up to %s", number(w.messages, "message"), s.key,
		number(w.distinct, "recipient"), were, or(how), they, span(longest))
	f.Technique = "T1566"
}
