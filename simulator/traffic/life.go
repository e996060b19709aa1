// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// habit is something that happens on every day and looks like an incident to
// whoever counts too simply.
type habit struct {
	from, to    int // hours
	oneIn, most int // as of an incident
	stage       stage
}

func (h habit) hour(rng *rand.Rand) int { return h.from + rng.IntN(h.to-h.from) }
func (h habit) rows(perDay int) int     { return min(perDay/h.oneIn, h.most) }

var life = []habit{
	{8, 10, 40, 400, (*batch).newsletter},
	{9, 17, 250, 80, (*batch).mailMerge},
	{7, 20, 100, 60, (*batch).tickets},
	{10, 16, 4000, 5, (*batch).largeFiles},
	{0, 24, 200, 80, (*batch).bouncesAfterOutage},
	{8, 18, 400, 40, (*batch).outOfOffice},
	{18, 24, 100, 200, (*batch).migration},
}

// Marketing and Tickets are the local parts of addresses of the tenant that
// mail many: whoever looks for bulk mail has to know the first.
const (
	Marketing = "marketing"
	Tickets   = "tickets"
)

// newsletter is one's own, to customers.
func (b *batch) newsletter(at time.Time, rows int) {
	subject := new("News from us")
	for i := range rows {
		d := b.draft(at, Marketing+"@"+b.cfg.Domain, subject, mail.NoIncident)
		d.toIP, d.size = pick(b.rng, b.people.ipv4), 60_000
		b.emit(&d, fmt.Sprintf("%s.%d@customer-%d.example", pick(b.rng, b.names), i, i%60), "")
		at = b.within(at, 2*time.Second)
	}
}

// mailMerge is a letter to some dozens of colleagues, each with a name.
func (b *batch) mailMerge(at time.Time, rows int) {
	sender, first := pick(b.rng, b.people.users), b.rng.IntN(mailboxes)
	subject := b.subject()
	for i := range rows {
		d := b.draft(at, sender, subject, mail.NoIncident)
		b.emit(&d, spread(b.people.users, first, i), mail.Delivered)
		at = b.within(at, 3*time.Second)
	}
}

// tickets are answers to who wrote, at once and with the subject.
func (b *batch) tickets(at time.Time, rows int) {
	desk := Tickets + "@" + b.cfg.Domain
	for i := 0; i+1 < rows; i += 2 {
		subject := fmt.Sprintf("[#%d] printer", 10_000+b.rng.IntN(90_000))
		customer := pick(b.rng, b.people.outside[:strangers])
		in := b.draft(at, customer, &subject, mail.NoIncident)
		b.emit(&in, desk, mail.Delivered)
		out := b.draft(b.within(at, 20*time.Second), desk, new("Re: "+subject), mail.NoIncident)
		out.size = in.size + 1000
		b.emit(&out, customer, mail.Delivered)
		at = b.within(at, time.Minute)
	}
	if rows%2 == 1 {
		b.filler(at)
	}
}

// filler is one ordinary row, so that events take as many as they announced.
func (b *batch) filler(at time.Time) {
	d := b.draft(at, pick(b.rng, b.people.outside[:strangers]), b.subject(), mail.NoIncident)
	b.emit(&d, pick(b.rng, b.people.users), mail.Delivered)
}

// largeFiles go to the same partner every day, from the same user.
func (b *batch) largeFiles(at time.Time, rows int) {
	for i := range rows {
		d := b.draft(at, b.people.users[17], new(fmt.Sprintf("drawings %d", i+1)), mail.NoIncident)
		d.size = 16<<20 + b.rng.Int32N(6<<20)
		b.emit(&d, "drawings@partner-works.example", mail.Delivered)
		at = b.within(at, 5*time.Minute)
	}
}

// bouncesAfterOutage arrive all at once when a large host is back.
func (b *batch) bouncesAfterOutage(at time.Time, rows int) {
	for range rows {
		d := b.draft(at, "<>", b.undeliverable(), mail.NoIncident)
		d.fromIP, d.toIP = nil, nil
		b.emit(&d, pick(b.rng, b.people.users), mail.Delivered)
		at = b.within(at, time.Second)
	}
}

// outOfOffice answers come without a sender, within seconds.
func (b *batch) outOfOffice(at time.Time, rows int) {
	away := pick(b.rng, b.people.users)
	for i := 0; i+1 < rows; i += 2 {
		subject := fmt.Sprintf("Question %d", b.rng.IntN(1000))
		who := pick(b.rng, b.people.outside[:strangers])
		in := b.draft(at, who, &subject, mail.NoIncident)
		b.emit(&in, away, mail.Delivered)
		out := b.draft(b.within(at, 2*time.Second), "<>", new("Automatic reply: "+subject), mail.NoIncident)
		b.emit(&out, who, mail.Delivered)
		at = b.within(at, 2*time.Minute)
	}
	if rows%2 == 1 {
		b.filler(at)
	}
}

// migration moves a mailbox in, message by message.
func (b *batch) migration(at time.Time, rows int) {
	mailbox := pick(b.rng, b.people.users)
	for i := range rows {
		d := b.draft(at, "migration@old-host.example", new(fmt.Sprintf("imported %d", i)), mail.NoIncident)
		b.emit(&d, mailbox, mail.Delivered)
		at = b.within(at, 2*time.Second)
	}
}
