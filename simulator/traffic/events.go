// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math/rand/v2"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	hoursPerDay = 24
	// rowsPerLargeList is how much mail comes with each post to a large list.
	rowsPerLargeList = 25_000
	// leastForLargeList keeps a small tenant from being nothing but lists.
	leastForLargeList = 2 * (largeList + 1)
)

// event is something that happens once on a day, at an hour, and takes rows out
// of the day's budget.
type event struct {
	kind mail.Incident // NoIncident: a post to a large list
	hour int
	rows int
}

// events lists what is planned for a day, counted from 1970. All hours of a day
// agree on it, which is what makes the day's total exact.
func (g *Generator) events(day int64) []event {
	rng := rand.New(rand.NewPCG(g.cfg.Seed, ^uint64(day))) //nolint:gosec // must repeat, need not be secret
	var list []event
	perDay := int64(g.cfg.RowsPerDay)
	if perDay >= leastForLargeList {
		for n := perDay*(day+1)/rowsPerLargeList - perDay*day/rowsPerLargeList; n > 0; n-- {
			list = append(list, event{mail.NoIncident, rng.IntN(hoursPerDay), largeList + 1})
		}
	}
	if !g.cfg.NoIncidents {
		list = append(list,
			event{mail.BulkMailing, rng.IntN(hoursPerDay), min(g.cfg.RowsPerDay/50, 250)},
			event{mail.LookAlike, rng.IntN(hoursPerDay), min(g.cfg.RowsPerDay/100, 12)})
	}
	return list
}

// budget returns how many rows of ordinary mail an hour gets: an even share of
// what the day's events leave, exact over the day.
func (g *Generator) budget(events []event, hour int) int {
	left := g.cfg.RowsPerDay
	for _, e := range events {
		left -= e.rows
	}
	return left*(hour+1)/hoursPerDay - left*hour/hoursPerDay
}

// stage plays an event, beginning at a random minute of the hour.
func (b *batch) stage(e event) {
	at := b.start.Add(time.Duration(b.rng.IntN(50)) * time.Minute)
	switch e.kind {
	case mail.BulkMailing:
		subject := new("Last chance: 70 % off everything, today only")
		first := b.rng.IntN(mailboxes)
		for i := range e.rows {
			d := b.draft(at, b.people.bulk, subject, mail.BulkMailing)
			b.emit(&d, spread(b.people.users, first, i), "")
			at = at.Add(time.Duration(b.rng.IntN(2000)) * time.Millisecond)
		}
	case mail.LookAlike:
		subject := new("Urgent: changed bank details, payment due today")
		first := b.rng.IntN(mailboxes)
		for i := range e.rows {
			d := b.draft(at, pick(b.rng, b.people.lookers), subject, mail.LookAlike)
			b.emit(&d, spread(b.people.users, first, i), mail.Delivered)
			at = at.Add(time.Duration(b.rng.IntN(45_000)) * time.Millisecond)
		}
	default:
		b.post(at, pick(b.rng, b.people.large))
	}
}
