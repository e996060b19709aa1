// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
)

// AutoForward finds a mailbox that passes on what it receives to one outside address. There are two signs of one message
// passed on: the same network message ID has inside and outside recipients though its sender is outside, which is how
// Exchange forwards; or the mailbox sends a message of the same subject, apart from prefixes such as FW:, and of similar
// size within five minutes of the receipt, which is what an inbox rule or a program does. Several such messages to one
// address within the time make a finding.
//
// An answer to the sender is no sign, so ticket systems and out-of-office replies are none. Messages that a distribution
// list has expanded, or that have more than five inside recipients, are none either: lists may have outside members. So the
// first sign waits for half a minute, in which the rows of the others may come.
//
// Known false positives: a mailbox that was told to forward, such as that of a colleague who left; journaling to an archive
// outside; an assistant who forwards by hand, at once, to the same address.
type AutoForward struct {
	Common `mapstructure:",squash"`
	// Messages is how many messages are passed on to one address within the time.
	Messages int64 `mapstructure:"messages"`
}

func (k *AutoForward) byDefault() { k.Within, k.Messages = 24*time.Hour, 3 }

func (k *AutoForward) validate() []error {
	return append(k.Common.validate(), positive("messages", k.Messages)...)
}

func (k *AutoForward) rule(*Settings) rule {
	return &autoForward{limit: k.Messages, trusted: newDomains(k.Ignore.Domains)}
}

type autoForward struct {
	limit   int64
	trusted domains
}

const (
	// promptly is for how many seconds after the receipt a message may be passed on.
	promptly = 300
	// crowd is from how many inside recipients on a message is not looked at.
	crowd = 6
)

func (r *autoForward) observe(e *Engine, m *mail) {
	if m.sender == nullSender || m.recipientDomain == "" {
		return
	}
	p := passed{message: m.message, at: m.at, size: clampSize(m.Size)}
	switch {
	case m.Status == "expanded":
		p.kind = listed
	case m.toInside:
		p.kind, p.mailbox, p.other = received, mix(m.tenantHash, m.recipientHash), m.senderHash
	case r.trusted.has(m.recipientDomain):
		return
	case m.fromInside:
		p.kind, p.mailbox, p.other = sent, mix(m.tenantHash, m.senderHash), m.recipientHash
	default:
		p.kind, p.other = relayed, m.recipientHash
	}
	if p.kind == listed && m.fromInside {
		return
	}
	if p.kind == received || p.kind == sent {
		if subject := e.subjectHash(m.Subject); subject != 0 {
			if p.subject = mix(p.mailbox, subject); p.kind == received {
				p.subject = ^p.subject
			}
		}
	}
	rare := p.kind == relayed || !m.fromInside && e.messages.rareOf(p.message)
	e.messages.add(p, m.recipient)
	if p.subject != 0 {
		for other := range e.messages.ofSubject(p.counterpart()) {
			r.answer(e, m, &p, other)
		}
	}
	if rare {
		r.sameMessage(e, m, &p)
	}
}

// answer tracks a message and what the mailbox may have made of it, in whichever order they came.
func (r *autoForward) answer(e *Engine, m *mail, p, other *passed) {
	in, out := p, other
	if p.kind == sent {
		in, out = other, p
	}
	if in.kind != received || out.kind != sent || in.message == out.message || out.other == in.other ||
		out.at < in.at || out.at > in.at+promptly || !similar(in.size, out.size) {
		return
	}
	mailbox, to := m.recipient, e.messages.name(other)
	if p.kind == sent {
		mailbox, to = to, mailbox
	}
	r.track(e, m, in, mailbox, to, entry{row: in.message})
}

// similar reports whether one message may be the other passed on: with a few more headers, or without its attachment's
// encoding.
func similar(a, b uint32) bool {
	const slack = 64 << 10
	return int64(b) <= 2*int64(a)+slack && int64(a) <= 2*int64(b)+slack
}

// sameMessage tracks the inside and outside recipients of a message from outside.
func (r *autoForward) sameMessage(e *Engine, m *mail, p *passed) {
	var inside, outside []*passed
	expanded := false
	for _, other := range e.messages.ofMessage(p.message) {
		switch other.kind {
		case received:
			inside = append(inside, other)
		case relayed:
			outside = append(outside, other)
		case listed:
			expanded = true
		}
	}
	if expanded || len(inside) >= crowd {
		for _, in := range inside {
			for _, out := range outside {
				e.retract(in, out, m)
			}
		}
		return
	}
	for _, in := range inside {
		for _, out := range outside {
			if in.is(p) || out.is(p) {
				r.track(e, m, in, e.messages.name(in), e.messages.name(out), entry{row: sharedRow(in.message), flags: shared})
			}
		}
	}
}

// sharedRow identifies an entry of which the sign is a shared message ID. It is taken back without the other sign.
func sharedRow(message uint64) uint64 { return ^message }

func (r *autoForward) track(e *Engine, m *mail, in *passed, mailbox, to string, n entry) {
	n.counted, n.message, n.at, n.bytes = in.message, in.message, in.at, in.size
	e.track(m, key{text: mailbox, hash: in.mailbox, about: to, aboutHash: e.hash(to)}, n)
}

// retract takes back that a message was passed on.
func (e *Engine) retract(in, out *passed, m *mail) {
	to := e.messages.name(out)
	s := e.byID(e.seriesID(e.ruleInHand, m, key{hash: in.mailbox, about: to, aboutHash: e.hash(to)}))
	if s == nil {
		return
	}
	s.drop(sharedRow(in.message))
	e.weigh(s)
}

func (r *autoForward) expands() {}

func (r *autoForward) measure(_ *series, f *figures) (count, limit int64) { return f.distinct, r.limit }

func (r *autoForward) least() int { return int(r.limit) }

func (r *autoForward) describe(s *series, w *window, f *Finding) {
	f.Recipients = []string{s.about}
	f.Text = sentence("%s passed on %s to %s%s", s.key, number(w.distinct, "message"), s.about, w.within())
	f.Technique, f.Severity = "T1114.003", Error
}

// replyPrefixes are what mail programs put before the subject of what is answered or forwarded, in several languages.
var replyPrefixes = map[string]bool{
	"re": true, "fw": true, "fwd": true, "aw": true, "wg": true, "tr": true, "rv": true, "sv": true, "vs": true, "vb": true,
	"antw": true, "doorst": true, "rif": true, "i": true, "r": true, "res": true, "enc": true, "odp": true, "pd": true,
	"ynt": true, "ilt": true, "vl": true, "nf": true, "bls": true, "továbbítás": true, "vá": true, "转发": true, "转寄": true,
	"答复": true, "回复": true, "回覆": true, "轉寄": true, "הועבר": true, "תשובה": true, "πρθ": true, "σχετ": true, "απ": true,
}

// subjectHash returns the hash of a subject without the prefixes of answers, 0 for none.
func (e *Engine) subjectHash(subject string) uint64 {
	text := strings.TrimSpace(subject)
	for {
		colon := strings.IndexByte(text[:min(len(text), 24)], ':')
		if colon < 0 {
			break
		}
		prefix, _, _ := strings.Cut(text[:colon], "[") // as in Re[2]:
		e.buffer = identity.AppendFolded(e.buffer[:0], strings.TrimSpace(prefix))
		if !replyPrefixes[string(e.buffer)] {
			break
		}
		text = strings.TrimSpace(text[colon+1:])
	}
	if text == "" {
		return 0
	}
	return e.hash(text)
}
