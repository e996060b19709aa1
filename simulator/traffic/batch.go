// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// batch is one hour in the making. Its slices are allocated in bulk: a month
// of a busy tenant is millions of rows.
type batch struct {
	*Generator
	rng   *rand.Rand
	start time.Time
	last  time.Time // nothing is received later
	left  int       // rows of ordinary mail still to make

	rows       []mail.Row
	changes    []mail.Change
	messageIDs []string
}

// reserve makes room for n rows. The changes may outgrow theirs: slices of the
// old array stay valid when append moves on to a new one.
func (b *batch) reserve(n int) {
	const perChange = 1.4 // further entries of a timeline that has any, on average
	b.rows = make([]mail.Row, 0, n)
	b.changes = make([]mail.Change, 0, n+int(float64(n)*b.cfg.StatusChanges*perChange))
}

// draft is a message without its recipients.
type draft struct {
	id        string
	messageID *string
	received  time.Time
	sender    string
	subject   *string
	fromIP    *string
	toIP      *string
	size      int32
	incident  mail.Incident
}

// draft begins a message with what every message has. Instants behind the hour
// are pulled back into it: an hour answers for itself alone.
func (b *batch) draft(at time.Time, sender string, subject *string, incident mail.Incident) draft {
	if at.After(b.last) {
		at = b.last
	}
	d := draft{
		received: at.Add(time.Duration(b.rng.IntN(10_000)) * 100), // the trace counts in 100 ns
		sender:   sender,
		subject:  subject,
		fromIP:   b.address(),
		toIP:     b.empty, // documented for inbound mail
		size:     b.size(),
		incident: incident,
	}
	d.id, d.messageID = b.ids()
	return d
}

// emit adds the row of one recipient. An empty status is drawn, and may change
// later.
func (b *batch) emit(d *draft, recipient string, status mail.Status) {
	b.rows = append(b.rows, mail.Row{
		ID:        d.id,
		MessageID: d.messageID,
		Received:  d.received,
		Sender:    d.sender,
		Recipient: recipient,
		Subject:   d.subject,
		FromIP:    d.fromIP,
		ToIP:      d.toIP,
		Size:      d.size,
		Incident:  d.incident,
		Timeline:  b.timeline(d.received, status),
	})
}

// ids invents a trace id and a Message-ID, both cut from one string.
func (b *batch) ids() (id string, messageID *string) {
	const hexDigits = "0123456789abcdef"
	var text [36 + 1 + 32 + len("@mail.prod.example>")]byte
	digits := func(to []byte) {
		for word, i := uint64(0), 0; i < len(to); i++ {
			if i%16 == 0 {
				word = b.rng.Uint64()
			}
			to[i] = hexDigits[word>>(i%16*4)&15]
		}
	}
	digits(text[:36])
	for _, dash := range []int{8, 13, 18, 23} {
		text[dash] = '-'
	}
	text[36] = '<'
	digits(text[37:69])
	copy(text[69:], "@mail.prod.example>")
	all := string(text[:])
	if len(b.messageIDs) == cap(b.messageIDs) {
		b.messageIDs = make([]string, 0, 64) // old pointers stay valid
	}
	b.messageIDs = append(b.messageIDs, all[36:])
	return all[:36], &b.messageIDs[len(b.messageIDs)-1]
}

// address returns where a message came from: IPv4 as a rule, IPv6 at times, and
// now and then nothing, which real rows show in two ways.
func (b *batch) address() *string {
	switch n := b.rng.IntN(100); {
	case n < 3:
		return nil
	case n < 5:
		return b.empty
	case n < 20:
		return pick(b.rng, b.people.ipv6)
	default:
		return pick(b.rng, b.people.ipv4)
	}
}

// size returns bytes: kilobytes as a rule, up to 32 MiB, and 0 once in a while.
func (b *batch) size() int32 {
	switch n := b.rng.IntN(100); {
	case n == 0:
		return 0
	case n < 5:
		return b.rng.Int32N(32 << 20)
	default:
		return 2000 + b.rng.Int32N(150_000)
	}
}
