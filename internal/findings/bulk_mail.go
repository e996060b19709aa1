// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "time"

// BulkMail finds one sender who reaches many distinct recipients within a time: a campaign from outside, or an account of
// the tenant that somebody else uses.
//
// Recipients are counted and not messages, since a bulk mailing is one message or thousands, as its sender likes. A message
// that a distribution list has expanded counts as one recipient, the list. Where many recipients of one message have been
// seen but no list yet, the message is held back for half a minute.
//
// Known false positives: newsletters that were ordered, one's own marketing, ticket systems and monitoring: put their
// senders into ignore. A mail merge of more than a hundred recipients is found as well, and is what it looks like.
type BulkMail struct {
	Common `mapstructure:",squash"`
	// Recipients is how many distinct recipients a sender reaches within the time.
	Recipients int64 `mapstructure:"recipients"`
	// Inside replaces recipients for senders of local_domains.
	Inside RecipientLimit `mapstructure:"inside"`
	// Outside replaces recipients for all other senders.
	Outside RecipientLimit `mapstructure:"outside"`
}

// RecipientLimit is the limit for senders of one side.
type RecipientLimit struct {
	// Recipients is a number of distinct recipients; 0 takes that of the rule.
	Recipients int64 `mapstructure:"recipients"`

	// prevent unkeyed literal initialization
	_ struct{}
}

func (k *BulkMail) byDefault() {
	k.Within, k.Recipients = time.Hour, 100
}

func (k *BulkMail) validate() []error {
	return append(k.Common.validate(), validateSides(k.Recipients, k.Inside, k.Outside)...)
}

func (k *BulkMail) rule(*Settings) rule {
	return &bulkMail{sides: newSides(k.Recipients, k.Inside, k.Outside)}
}

type bulkMail struct{ sides }

func (r *bulkMail) expands() {}

func (r *bulkMail) observe(e *Engine, m *mail) {
	if m.sender == nullSender || m.recipient == "" {
		return
	}
	n := entry{row: m.row(), counted: m.recipientHash, bytes: clampSize(m.Size)}
	if m.Status == "expanded" {
		n.flags |= expanded
	}
	e.track(m, key{text: m.sender, hash: m.senderHash}, n)
}

func (r *bulkMail) describe(s *series, w *window, f *Finding) {
	f.Text = sentence("%s sent %s to %s%s; %s", s.key, number(w.messages, "message"), number(w.distinct, "recipient"),
		w.within(), wereDelivered(w.delivered))
	f.Technique = "T1566"
	if s.inside {
		f.Technique, f.Severity = "T1534", Error
	}
}
