// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "time"

// FailureBurst finds one outside sender who tries many addresses that do not exist, which harvests those that do, and one
// inside sender who meets many failures: an account that somebody else uses to mail addresses of an old list, or a list
// that is broken.
//
// Distinct recipients whose status is failed are counted. Bounces, whose sender is <>, are not looked at.
//
// Known false positives: one's own newsletter to a list that nobody maintains; mail after an outage of a large partner, if
// it comes from one sender.
type FailureBurst struct {
	Common `mapstructure:",squash"`
	// Recipients is how many distinct recipients fail within the time.
	Recipients int64 `mapstructure:"recipients"`
	// Inside replaces recipients for senders of local_domains.
	Inside RecipientLimit `mapstructure:"inside"`
	// Outside replaces recipients for all other senders.
	Outside RecipientLimit `mapstructure:"outside"`
}

func (k *FailureBurst) byDefault() {
	k.Within, k.Recipients, k.Inside.Recipients = time.Hour, 30, 100
}

func (k *FailureBurst) validate() []error {
	return append(k.Common.validate(), validateSides(k.Recipients, k.Inside, k.Outside)...)
}

func (k *FailureBurst) rule(*Settings) rule {
	return &failureBurst{sides: newSides(k.Recipients, k.Inside, k.Outside)}
}

type failureBurst struct{ sides }

func (r *failureBurst) observe(e *Engine, m *mail) {
	if m.Status != "failed" || m.sender == nullSender || m.recipient == "" {
		return
	}
	e.track(m, key{text: m.sender, hash: m.senderHash}, entry{row: m.row(), counted: m.recipientHash, flags: failed})
}

func (r *failureBurst) describe(s *series, w *window, f *Finding) {
	f.Text = sentence("%s of %s to %s failed%s", number(w.messages, "message"), s.key, number(w.distinct, "recipient"),
		w.within())
	f.Technique = "T1589.002"
	if s.inside {
		f.Technique = "T1534"
	}
}
