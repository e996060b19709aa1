// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// start is the beginning of the mail.
var start = time.Date(2026, time.November, 2, 0, 0, 0, 0, time.UTC)

const (
	// poll is how often the reader reads.
	poll = 5 * time.Minute
	// settled is when the connector has looked at what waits for the row of a list: 30 seconds, and 5 until it looks.
	settled = 35 * time.Second
)

// world is a tenant and a reader, who at each poll sees every row and status that has become visible since the one before.
type world struct {
	seed       uint64
	days       int
	rowsPerDay int
}

// event is a status of a row that becomes visible.
type event struct {
	row      *mail.Row
	change   mail.Change
	previous mail.Status
}

// settings are what somebody who knows the tenant would set.
func settings() findings.Settings {
	s := findings.DefaultSettings()
	s.LocalDomains = []string{traffic.DefaultDomain}
	s.SendingNetworks = []string{"203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"}
	s.Rules.BulkMail.Ignore.Senders = []string{traffic.Marketing + "@" + traffic.DefaultDomain}
	s.Rules.FailureBurst.Ignore.Senders = s.Rules.BulkMail.Ignore.Senders
	return s
}

func run(w world) (*result, error) {
	g, err := traffic.New(traffic.Config{RowsPerDay: w.rowsPerDay, Seed: w.seed, From: start})
	if err != nil {
		return nil, err
	}
	e := findings.New(settings(), [16]byte{})
	r := newResult(w)
	end := start.Add(time.Duration(w.days) * 24 * time.Hour)
	pending := map[int64][]event{}
	// A day more, for rows that come late. They are looked at, but no more mail is received.
	for now := start; now.Before(end.Add(25 * time.Hour)); now = now.Add(poll) {
		if now.Equal(now.Truncate(time.Hour)) && now.Before(end) {
			rows := g.Hour(now)
			for i := range rows {
				r.expect(&rows[i])
				plan(pending, &rows[i])
			}
		}
		tick := now.Add(poll)
		key := tick.UnixNano()
		r.poll(e, pending[key], tick)
		delete(pending, key)
		r.wait(e, tick.Add(settled))
	}
	r.finish(e)
	return r, nil
}

// plan puts the statuses of a row where the reader sees them. Of two between the same polls it sees the later one.
func plan(pending map[int64][]event, row *mail.Row) {
	previous := mail.Status("")
	for i, change := range row.Timeline {
		at := tickOf(change.At)
		if i+1 < len(row.Timeline) && tickOf(row.Timeline[i+1].At) == at {
			continue
		}
		pending[at] = append(pending[at], event{row, change, previous})
		previous = change.Status
	}
}

// tickOf is the first poll after a time.
func tickOf(at time.Time) int64 { return at.Truncate(poll).Add(poll).UnixNano() }

func observation(e *event, now time.Time) findings.Observation {
	o := findings.Observation{
		Tenant: "tenant", Message: e.row.ID, Sender: e.row.Sender, Recipient: e.row.Recipient, Size: int64(e.row.Size),
		Status: string(e.change.Status), Previous: string(e.previous), Received: e.row.Received, Observed: now,
	}
	if e.row.Subject != nil {
		o.Subject = *e.row.Subject
	}
	if e.row.FromIP != nil {
		o.Source = *e.row.FromIP
	}
	return o
}
