// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// incident is how a kind of incident looks: it takes a share of the day's rows,
// one in so many, up to a most.
type incident struct {
	oneIn, most int
	// stage is nil for what goes on all day.
	stage stage
}

func (i incident) rows(perDay int) int { return min(perDay/i.oneIn, i.most) }

var incidents = map[mail.Incident]incident{
	mail.BulkMailing:  {50, 250, (*batch).bulkMailing},
	mail.LookAlike:    {100, 12, (*batch).lookAlikes},
	mail.Forwarding:   {1, 8, nil},
	mail.Takeover:     {100, 180, (*batch).takeover},
	mail.Spoofing:     {200, 8, (*batch).spoofing},
	mail.Exfiltration: {500, 40, (*batch).exfiltration},
	mail.Removal:      {500, 20, (*batch).removal},
	mail.Harvesting:   {100, 120, (*batch).harvesting},
}

// Incident makes the rows of one incident that begins at an instant: as many as
// a busy tenant sees of it.
func (g *Generator) Incident(kind mail.Incident, at time.Time) ([]mail.Row, error) {
	i, known := incidents[kind]
	if !known {
		return nil, fmt.Errorf("traffic: there is no incident %q", kind)
	}
	b := &batch{
		Generator: g,
		rng:       rand.New(rand.NewPCG(g.cfg.Seed, uint64(at.UnixNano()))),
		start:     at.UTC(),
		last:      at.UTC().Add(24 * time.Hour),
	}
	b.reserve(2 * i.most)
	if i.stage == nil {
		i.stage = (*batch).forwarding
	}
	i.stage(b, at.UTC(), i.most)
	return b.rows, nil
}

// within returns an instant up to a while later.
func (b *batch) within(at time.Time, most time.Duration) time.Time {
	return at.Add(time.Duration(b.rng.Int64N(int64(most))).Truncate(time.Millisecond))
}

func (b *batch) bulkMailing(at time.Time, rows int) {
	subject := new("Last chance: 70 % off everything, today only")
	first := b.rng.IntN(mailboxes)
	for i := range rows {
		d := b.draft(at, b.people.bulk, subject, mail.BulkMailing)
		b.emit(&d, spread(b.people.users, first, i), "")
		at = b.within(at, time.Second)
	}
}

func (b *batch) lookAlikes(at time.Time, rows int) {
	subject := new("Urgent: changed bank details, payment due today")
	first := b.rng.IntN(mailboxes)
	for i := range rows {
		d := b.draft(at, pick(b.rng, b.people.lookers), subject, mail.LookAlike)
		b.emit(&d, spread(b.people.users, first, i), mail.Delivered)
		at = b.within(at, 45*time.Second)
	}
}

func (b *batch) takeover(at time.Time, rows int) {
	subject := new("Shared document: please review")
	sender, first := pick(b.rng, b.people.users), b.rng.IntN(mailboxes)
	for i := range rows {
		d := b.draft(at, sender, subject, mail.Takeover)
		b.emit(&d, spread(b.people.users, first, i), "")
		at = b.within(at, 1500*time.Millisecond)
	}
}

func (b *batch) spoofing(at time.Time, rows int) {
	subject := new("Are you at your desk?")
	sender, first := pick(b.rng, b.people.users), b.rng.IntN(mailboxes)
	for i := range rows {
		d := b.draft(at, sender, subject, mail.Spoofing)
		d.fromIP = pick(b.rng, b.people.foreign)
		b.emit(&d, spread(b.people.users, first, i), mail.Delivered)
		at = b.within(at, 45*time.Second)
	}
}

func (b *batch) exfiltration(at time.Time, rows int) {
	sender := pick(b.rng, b.people.users)
	for i := range rows {
		d := b.draft(at, sender, new(fmt.Sprintf("backup part %d", i+1)), mail.Exfiltration)
		d.size = 18<<20 + b.rng.Int32N(6<<20)
		d.toIP = pick(b.rng, b.people.ipv4)
		b.emit(&d, "my.own.archive@freemail.example", mail.Delivered)
		at = b.within(at, 10*time.Second)
	}
}

// removal is found out after it was delivered.
func (b *batch) removal(at time.Time, rows int) {
	subject, after := new("Your invoice is attached"), b.quarantineAfter()
	first := b.rng.IntN(mailboxes)
	for i := range rows {
		d := b.draft(at, "accounts@paper-invoices.example", subject, mail.Removal)
		b.emit(&d, spread(b.people.users, first, i), mail.Delivered)
		if b.cfg.StatusChanges == 0 {
			continue
		}
		row := &b.rows[len(b.rows)-1]
		delivered := row.Timeline[0].At
		row.Timeline = []mail.Change{
			{At: delivered, Status: mail.Delivered},
			{At: b.within(delivered.Add(after), after/2), Status: mail.Quarantined},
		}
		at = b.within(at, 20*time.Second)
	}
}

// quarantineAfter is short where all else is, so that a demonstration is.
func (b *batch) quarantineAfter() time.Duration {
	if b.cfg.Delays[len(b.cfg.Delays)-1].Within == 0 {
		return 20 * time.Second
	}
	return 20 * time.Minute
}

func (b *batch) harvesting(at time.Time, rows int) {
	for i := range rows {
		d := b.draft(at, "probe@list-check.example", new("test"), mail.Harvesting)
		b.emit(&d, fmt.Sprintf("%s.%d@%s", pick(b.rng, b.names), i, b.cfg.Domain), mail.Failed)
		at = b.within(at, 3*time.Second)
	}
}

// forwarding is what goes on all day, in minutes: the mailbox receives and
// sends on, or has the service do it, which keeps the trace id.
func (b *batch) forwarding(at time.Time, rows int) {
	mailbox := pick(b.rng, b.people.users)
	for i := range rows {
		subject := fmt.Sprintf("Contract %d", 2000+b.rng.IntN(1000))
		in := b.draft(at, pick(b.rng, b.people.outside[:strangers]), &subject, mail.Forwarding)
		b.emit(&in, mailbox, mail.Delivered)
		if i%2 == 0 {
			out := b.draft(b.within(at, 3*time.Second), mailbox, new("FW: "+subject), mail.Forwarding)
			out.size = in.size + 2000
			b.emit(&out, b.people.refuge, mail.Delivered)
		} else {
			b.emit(&in, b.people.refuge, mail.Delivered)
		}
		at = b.within(at, 10*time.Second)
	}
}
