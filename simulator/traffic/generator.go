// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Generator is a mail.Source. It does not change once made, and is safe for
// concurrent use.
type Generator struct {
	cfg      Config
	people   *people
	subjects []*string
	empty    *string // shared by all rows that have one
	names    []string
}

var _ mail.Source = (*Generator)(nil)

// New returns a generator, or what is wrong with its configuration.
func New(cfg Config) (*Generator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 0))
	return &Generator{
		cfg: cfg, people: newPeople(cfg.Domain, rng), subjects: newSubjects(), empty: new(""),
		names: strings.Fields(strings.ToLower(firstNames)),
	}, nil
}

// Span returns the configured bounds, or nothing if there is no mail.
func (g *Generator) Span() (first, last time.Time) {
	if g.cfg.RowsPerDay == 0 {
		return time.Time{}, time.Time{}
	}
	return g.cfg.From, g.cfg.To
}

// Hour makes the rows received in the hour that begins at start.
func (g *Generator) Hour(start time.Time) []mail.Row {
	start = start.UTC().Truncate(time.Hour)
	hour := start.Unix() / int64(time.Hour/time.Second)
	events := g.events(hour / hoursPerDay)
	b := &batch{
		Generator: g,
		rng:       rand.New(rand.NewPCG(g.cfg.Seed, uint64(hour)+1)), //nolint:gosec // must repeat, need not be exact
		start:     start,
		last:      start.Add(time.Hour - time.Millisecond),
		left:      g.budget(events, start.Hour()),
	}
	events = slices.DeleteFunc(events, func(e event) bool { return e.hour != start.Hour() })
	total := b.left
	for _, e := range events {
		total += e.rows
	}
	b.reserve(total)
	for _, e := range events {
		b.play(e)
	}
	for _, at := range b.moments(b.left) {
		if b.left <= 0 {
			break
		}
		b.message(at)
	}
	return g.clip(b.rows)
}

// clip drops what lies outside the configured span, in its first and last hour.
func (g *Generator) clip(rows []mail.Row) []mail.Row {
	kept := rows[:0]
	for i := range rows {
		at := rows[i].Received
		if at.Before(g.cfg.From) || !g.cfg.To.IsZero() && at.After(g.cfg.To) {
			continue
		}
		kept = append(kept, rows[i])
	}
	return kept
}
