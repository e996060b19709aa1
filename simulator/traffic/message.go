// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// moments returns n ascending instants of the hour. Some fall on the same
// millisecond and some on neighbouring seconds, because mail comes in bursts
// and edges of windows are where rows get lost.
func (b *batch) moments(n int) []time.Time {
	ms := make([]int, n)
	for i := range ms {
		switch r := b.rng.IntN(100); {
		case i > 0 && r < 4:
			ms[i] = ms[i-1]
		case i > 0 && r < 8:
			ms[i] = min(ms[i-1]+1000, int(time.Hour/time.Millisecond)-1)
		default:
			ms[i] = b.rng.IntN(int(time.Hour / time.Millisecond))
		}
	}
	// Not every moment is used, since a message may have several recipients:
	// shuffled, the ones that are used cover the whole hour.
	b.rng.Shuffle(n, func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
	at := make([]time.Time, n)
	for i, m := range ms {
		at[i] = b.start.Add(time.Duration(m) * time.Millisecond)
	}
	return at
}

// message makes one ordinary message of a random kind.
func (b *batch) message(at time.Time) {
	switch n := b.rng.IntN(1000); {
	case n < 15 && b.left >= 2 && !b.cfg.NoIncidents:
		b.forwarded(at)
	case n < 520:
		b.plain(at, pick(b.rng, b.people.outside), b.people.users, b.empty)
	case n < 770:
		b.plain(at, pick(b.rng, b.people.users), b.people.users, nil)
	case n < 940:
		b.plain(at, pick(b.rng, b.people.users), b.people.outside, pick(b.rng, b.people.ipv4))
	case n < 970:
		b.bounce(at)
	default:
		list := pick(b.rng, b.people.small)
		if len(list.members) >= b.left {
			b.plain(at, pick(b.rng, b.people.outside), b.people.users, b.empty)
			return
		}
		b.left -= len(list.members) + 1
		b.post(at, list)
	}
}

// plain is a message to one or a few recipients.
func (b *batch) plain(at time.Time, sender string, recipients []string, toIP *string) {
	d := b.draft(at, sender, b.subject(), mail.NoIncident)
	d.toIP = toIP
	count := 1
	if b.rng.IntN(4) == 0 {
		count = min(2+b.rng.IntN(6), b.left)
	}
	b.left -= count
	first := b.rng.IntN(len(recipients))
	for i := range count {
		b.emit(&d, b.anyCase(spread(recipients, first, i)), "")
	}
}

// anyCase returns an address as it is or, for a mailbox now and then, in the
// case its owner likes to see. Nobody promises that an address keeps its case.
func (b *batch) anyCase(address string) string {
	if b.rng.IntN(30) == 0 {
		if proud, ok := b.people.proud[address]; ok {
			return proud
		}
	}
	return address
}

// bounce is a non-delivery report: no sender, and made by the service itself,
// so there is no address it came from.
func (b *batch) bounce(at time.Time) {
	d := b.draft(at, "<>", b.undeliverable(), mail.NoIncident)
	d.fromIP, d.toIP = nil, nil
	b.left--
	b.emit(&d, pick(b.rng, b.people.users), "")
}

// post is a message to a distribution list: a row for the list, expanded, and
// one for each member, hundreds of them in the same millisecond. The caller has
// made room in the budget.
func (b *batch) post(at time.Time, list group) {
	d := b.draft(at, pick(b.rng, b.people.users), b.subject(), mail.NoIncident)
	b.emit(&d, list.address, mail.Expanded)
	last := b.last.Add(time.Millisecond - 100)
	for i, member := range list.members {
		if i%400 == 399 && d.received.Add(time.Millisecond).Before(last) {
			d.received = d.received.Add(time.Millisecond)
		}
		b.emit(&d, member, "")
	}
}

// forwarded is a message to the mailbox that forwards everything, and what it
// sends on: a message of its own.
func (b *batch) forwarded(at time.Time) {
	b.left -= 2
	in := b.draft(at, pick(b.rng, b.people.outside), b.subject(), mail.NoIncident)
	b.emit(&in, b.people.forwarder, mail.Delivered)
	subject := "FW:"
	if in.subject != nil {
		subject = "FW: " + *in.subject
	}
	out := b.draft(at.Add(time.Duration(b.rng.IntN(3000))*time.Millisecond), b.people.forwarder, &subject, mail.Forwarding)
	out.toIP = b.people.ipv4[0]
	out.size = in.size + 2000 + b.rng.Int32N(4000) // a few more headers
	b.emit(&out, b.people.refuge, mail.Delivered)
}

// subject returns a subject from the pool, an empty one, or none.
func (b *batch) subject() *string {
	switch b.rng.IntN(100) {
	case 0:
		return nil
	case 1:
		return b.empty
	default:
		return pick(b.rng, b.subjects)
	}
}

func (b *batch) undeliverable() *string {
	if s := b.subject(); s != nil {
		return new("Undeliverable: " + *s)
	}
	return new("Undeliverable:")
}

// spread walks a pool in strides that meet nobody twice, so that the recipients
// of one message differ.
func spread(pool []string, first, i int) string {
	const stride = 37
	return pool[(first+i*stride)%len(pool)]
}

func pick[T any](rng *rand.Rand, pool []T) T { return pool[rng.IntN(len(pool))] }
