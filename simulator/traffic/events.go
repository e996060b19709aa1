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
	// leastForLife keeps it from being nothing but newsletters and tickets.
	leastForLife = 10_000
)

// event is something that happens once on a day, at an hour, and takes rows out
// of the day's budget.
type event struct {
	hour  int
	rows  int
	stage stage
}

// stage puts so many rows into a batch, beginning at an instant.
type stage func(b *batch, at time.Time, rows int)

// events lists what is planned for a day, counted from 1970. All hours of a day
// agree on it, which is what makes the day's total exact.
func (g *Generator) events(day int64) []event {
	rng := rand.New(rand.NewPCG(g.cfg.Seed, ^uint64(day))) //nolint:gosec // must repeat, need not be secret
	var list []event
	perDay := int64(g.cfg.RowsPerDay)
	if perDay >= leastForLargeList {
		for n := perDay*(day+1)/rowsPerLargeList - perDay*day/rowsPerLargeList; n > 0; n-- {
			list = append(list, event{rng.IntN(hoursPerDay), largeList + 1, (*batch).postToAll})
		}
	}
	if !g.cfg.NoIncidents {
		for _, kind := range mail.Incidents {
			if i, daily := incidents[kind]; daily && i.stage != nil {
				list = append(list, event{rng.IntN(hoursPerDay), i.rows(g.cfg.RowsPerDay), i.stage})
			}
		}
	}
	if perDay >= leastForLife {
		for _, l := range life {
			list = append(list, event{l.hour(rng), l.rows(g.cfg.RowsPerDay), l.stage})
		}
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

// play stages an event, beginning at a random minute of the hour.
func (b *batch) play(e event) {
	e.stage(b, b.start.Add(time.Duration(b.rng.IntN(50))*time.Minute), e.rows)
}

// postToAll is a message to a list of nearly everybody.
func (b *batch) postToAll(at time.Time, _ int) { b.post(at, pick(b.rng, b.people.large)) }
