// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"fmt"
	"time"
)

// The inputs that AddTrouble shows.
const (
	Backfilling = "o365messagetrace/adatum"
	Throttled   = "o365messagetrace/litware"
	Stopped     = "o365messagetrace/wingtip"
)

// AddTrouble shows an input in backfill with jobs that wait, one that the service has paused, and one that cannot sign in.
func (s *Server) AddTrouble(now time.Time) {
	left := (3*time.Hour - 4*time.Minute).Seconds()
	backfilling := healthy(Backfilling, "graph", "enterprise", now, 5*time.Minute, []string{"soc"}, 88)
	backfilling.Lag = 42
	backfilling.CompleteUpTo = now.AddDate(0, 0, -52).Truncate(time.Hour)
	backfilling.Backfill = &Backfill{Total: 90 * 86400, Open: 52 * 86400, Share: 38. / 90, ETA: &left}
	s.AddInput(backfilling)
	until := now.Add(4*time.Minute + 20*time.Second)
	throttled := healthy(Throttled, "graph", "enterprise", now, 5*time.Minute, nil, 90)
	throttled.Health = Health{
		Status: "recoverable_error", Hint: "lower rate_limit of the receivers of this tenant", Since: now.Add(-time.Minute),
	}
	throttled.PausedUntil = &until
	throttled.Lag = 7 * 60
	s.AddInput(throttled)
	stopped := healthy(Stopped, "graph", "enterprise", now, 5*time.Minute, nil, 0)
	stopped.Health = Health{
		Status: "permanent_error", Hint: "client_secret of the application has expired: create a new one and set client_secret",
		Since: now.Add(-2 * time.Hour),
	}
	stopped.Lag = 7200
	stopped.CompleteUpTo = now.Add(-2 * time.Hour)
	s.AddInput(stopped)

	window := func(hours int) Window {
		start := now.AddDate(0, 0, -52).Truncate(time.Hour).Add(time.Duration(hours) * time.Hour)
		return Window{start, start.Add(time.Hour)}
	}
	s.AddJob(Job{
		Input: Backfilling, Lane: "backfill", State: "running", Window: window(1), Started: now.Add(-8 * time.Second), Requests: 2, Pages: 2,
	})
	s.AddJob(Job{
		Input: Backfilling, Lane: "backfill", State: "waiting", WaitingFor: "quota", Window: window(0), Started: now.Add(-6 * time.Second),
	})
	s.AddJob(Job{
		Input: Throttled, Lane: "live", State: "paused", PausedUntil: until, Window: Window{now.Add(-7 * time.Minute), now.Add(-2 * time.Minute)},
		Started: now.Add(-40 * time.Second), Requests: 4, Retries: 3,
	})
	s.AddJob(Job{
		Input: Stopped, Lane: "live", State: "failed", Window: Window{now.Add(-5 * time.Minute), now}, Tick: now, Started: now.Add(-time.Minute),
		Finished: now.Add(-time.Minute), Error: "AADSTS7000222: The provided client secret keys for app are expired.", Hint: stopped.Health.Hint,
	})
}

// AddMany shows so many inputs, some of them late and some in trouble.
func (s *Server) AddMany(now time.Time, n int) {
	for i := range n {
		id, tags := fmt.Sprintf("o365messagetrace/customer-%02d", i), [][]string{{"apac"}, {"emea"}}[i%2]
		in := healthy(id, "graph", "enterprise", now, 5*time.Minute, tags, float64(i%90))
		in.Lag = float64(20 + i)
		switch i % 20 {
		case 7:
			in.Health = Health{Status: "recoverable_error", Hint: FabrikamHint, Since: now.Add(-time.Hour)}
		case 11:
			in.Lag = 3600
		case 13:
			in.Backfill = &Backfill{Total: 90 * 86400, Open: 10 * 86400, Share: 8. / 9}
		}
		s.AddInput(in)
	}
}
