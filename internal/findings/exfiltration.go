// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"math"
	"time"
)

// Exfiltration finds one inside sender who sends unusually many bytes or messages to freemail domains, taken together, or
// to one outside domain. Unusual is what is over a fixed floor (bytes, messages) and over a multiple of the sender's own
// usual day: what went the same way on an average day with such mail, of the last two weeks before the window.
//
// A message counts once, whatever its number of recipients there.
//
// Known false positives: the first large delivery to a new partner; what a partner gets every day, on the first day that is
// read. Put such senders, or the partner's domain, into ignore. The usual day is known from days that were read before, so
// a backfill that reads the newest day first judges by the floor alone.
type Exfiltration struct {
	Common `mapstructure:",squash"`
	// Bytes is how many bytes are too many, if that is also unusual.
	Bytes int64 `mapstructure:"bytes"`
	// Messages is how many messages are too many, if that is also unusual. Either is enough.
	Messages int64 `mapstructure:"messages"`
	// Multiple is how many times the sender's usual day is unusual.
	Multiple float64 `mapstructure:"multiple"`
}

func (k *Exfiltration) byDefault() {
	k.Within, k.Bytes, k.Messages, k.Multiple = 24*time.Hour, 250<<20, 150, 5
}

func (k *Exfiltration) validate() []error {
	errs := append(k.Common.validate(), positive("bytes", k.Bytes)...)
	return append(append(errs, positive("messages", k.Messages)...), positive("multiple", k.Multiple)...)
}

func (k *Exfiltration) rule(*Settings) rule {
	return &exfiltration{bytes: k.Bytes, messages: k.Messages, multiple: k.Multiple, trusted: newDomains(k.Ignore.Domains)}
}

type exfiltration struct {
	bytes, messages int64
	multiple        float64
	trusted         domains
	// freemail is the hash of allFreemail, once that was needed.
	freemail uint64
}

const (
	secondsPerDay = 24 * 60 * 60
	// usualDays is for how many days what was sent on a day is remembered.
	usualDays = 14
	// allFreemail stands for all freemail domains. It is no domain.
	allFreemail = "freemail"
)

// day is what was sent on a UTC day, counted from 1970.
type day struct {
	number   uint32
	bytes    int64
	messages int64
}

func (r *exfiltration) observe(e *Engine, m *mail) {
	if !m.fromInside || m.toInside || m.recipientDomain == "" || r.trusted.has(m.recipientDomain) {
		return
	}
	k := key{text: m.sender, hash: m.senderHash, about: m.recipientDomain, aboutHash: m.to.hash}
	if m.to.freemail {
		if r.freemail == 0 {
			r.freemail = e.hash(allFreemail)
		}
		k.about, k.aboutHash = allFreemail, r.freemail
	}
	s := e.track(m, k, entry{row: m.message, counted: m.message, bytes: clampSize(m.Size)})
	s.until = max(s.until, e.now+usualDays*secondsPerDay)
}

// remember adds up days again. Entries of a day are forgotten one by one, so that the most that was there is the day's.
func (r *exfiltration) remember(_ *Engine, s *series) {
	for i := 0; i < len(s.entries); {
		d := day{number: s.entries[i].at / secondsPerDay}
		for ; i < len(s.entries) && s.entries[i].at/secondsPerDay == d.number; i++ {
			d.bytes += int64(s.entries[i].bytes)
			d.messages++
		}
		s.remember(d)
	}
}

func (s *series) remember(d day) {
	for i := range s.days {
		if s.days[i].number == d.number {
			s.days[i].bytes = max(s.days[i].bytes, d.bytes)
			s.days[i].messages = max(s.days[i].messages, d.messages)
			return
		}
	}
	if len(s.days) > usualDays {
		oldest := 0
		for i := range s.days {
			if s.days[i].number < s.days[oldest].number {
				oldest = i
			}
		}
		s.days[oldest] = d
		return
	}
	s.days = append(s.days, d)
}

// usual is an average day before the time.
func (s *series) usual(before uint32) (bytes, messages float64) {
	n := 0.0
	for _, d := range s.days {
		if d.number < before/secondsPerDay && d.number+usualDays >= before/secondsPerDay {
			bytes, messages, n = bytes+float64(d.bytes), messages+float64(d.messages), n+1
		}
	}
	if n == 0 {
		return 0, 0
	}
	return bytes / n, messages / n
}

func (r *exfiltration) measure(s *series, f *figures) (count, limit int64) {
	bytes, messages := s.usual(f.start)
	bytesLimit := max(r.bytes, int64(math.Ceil(bytes*r.multiple)))
	messagesLimit := max(r.messages, int64(math.Ceil(messages*r.multiple)))
	if float64(f.bytes)/float64(bytesLimit) >= float64(f.distinct)/float64(messagesLimit) {
		return f.bytes, bytesLimit
	}
	return f.distinct, messagesLimit
}

func (r *exfiltration) least() int { return 1 }

func (r *exfiltration) describe(s *series, w *window, f *Finding) {
	to := s.about
	if to == allFreemail {
		to = "freemail domains"
	}
	f.Text = sentence("%s sent %s with %s to %s%s", s.key, number(w.messages, "message"), size(w.bytes), to, w.within())
	if bytes, messages := s.usual(w.start); bytes+messages > 0 {
		f.Text += sentence("; a usual day has %s with %s", number(int64(math.Ceil(messages)), "message"), size(int64(bytes)))
	}
	f.Technique, f.Severity = "T1048", Error
}
