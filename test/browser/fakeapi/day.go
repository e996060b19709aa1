// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fakeapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// The inputs that AddDay shows.
const (
	Contoso  = "o365messagetrace/contoso"
	Fabrikam = "o365messagetrace/fabrikam"
	Tailspin = "o365messagetrace/tailspin"
)

// What ails Fabrikam.
const (
	FabrikamError = "the service refused the request: 403 Forbidden"
	FabrikamHint  = "give the application the role Global Reader, or consent to ReportingWebService.Read.All"
)

const history = 5 * time.Hour

// AddDay shows three inputs, one of them in trouble, and the jobs of the last five hours. The same numbers come every time.
func (s *Server) AddDay(now time.Time) {
	random := rand.New(rand.NewPCG(3, 65)) //nolint:gosec // it must repeat, and need not be secret
	s.AddInput(healthy(Contoso, "graph", "enterprise", now, 5*time.Minute, []string{"soc", "mail"}, 41))
	s.AddInput(ailing(now))
	s.AddInput(healthy(Tailspin, "graph", "gcc", now, 10*time.Minute, []string{"mail"}, 74))
	for at := now.Add(-history).Truncate(5 * time.Minute); at.Before(now.Add(-2 * time.Minute)); at = at.Add(5 * time.Minute) {
		s.addTick(random, Contoso, at, 5*time.Minute, 420)
		if at.Minute()%10 == 0 {
			s.addTick(random, Tailspin, at, 10*time.Minute, 90)
			s.addFailure(at, now.Sub(at) > 40*time.Minute, random)
		}
	}
	start := now.Add(-26 * time.Hour).Truncate(time.Hour)
	s.AddJob(Job{
		Input: Contoso, Lane: "backfill", State: "running", Window: Window{start, start.Add(time.Hour)}, Started: now.Add(-14 * time.Second),
		Requests: 3, Pages: 3, Rows: Rows{Accepted: 9120, Duplicate: 4880}, Bytes: 7_400_000,
		Log: []Line{{Time: now.Add(-14 * time.Second), Level: "info", Message: "reading a window"}},
	})
}

func healthy(id, api, plan string, now time.Time, poll time.Duration, tags []string, used float64) Input {
	complete := now.Truncate(poll)
	return Input{
		ID: id, TenantID: "5f0c7a52-2a36-4b5e-9f57-8a6f0b0f5c11", API: api, Plan: plan, Mode: "continuous", Tags: tags,
		Endpoint:     "https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces",
		PollInterval: poll.Seconds(), Health: Health{Status: "ok", Since: now.Add(-history)},
		CompleteUpTo: complete, SettledUpTo: now.Add(-31 * time.Hour), Lag: now.Sub(complete).Seconds(),
		Quota:    Quota{Used: used, Limit: 90, Interval: 300},
		NextTick: complete.Add(poll), RowsAccepted: 24_816,
		Config: map[string]any{
			"api": api, "subscription_plan": plan, "poll_interval": poll.String(), "storage": "file_storage",
			"revisit_ages": []string{"5m", "15m", "30m", "1h", "2h", "4h", "8h", "30h"},
		},
	}
}

func ailing(now time.Time) Input {
	input := healthy(Fabrikam, "reporting_webservice", "gcc_high", now, 10*time.Minute, []string{"soc"}, 12)
	input.Endpoint = "https://reports.office365.us/ecp/reportingwebservice/reporting.svc/MessageTrace"
	input.Health = Health{Status: "recoverable_error", Hint: FabrikamHint, Since: now.Add(-40 * time.Minute)}
	input.CompleteUpTo = now.Add(-47 * time.Minute)
	input.Lag = 47 * 60
	input.RowsAccepted = 3107
	return input
}

func (s *Server) addTick(random *rand.Rand, input string, at time.Time, poll time.Duration, rows int) {
	live := rows/2 + random.IntN(rows)
	s.addDone(random, input, "live", at, Window{at.Add(-poll), at}, Rows{Accepted: live}, 1)
	late := random.IntN(12)
	s.addDone(random, input, "revisit", at.Add(time.Second), Window{at.Add(-35 * time.Minute), at.Add(-15 * time.Minute)},
		Rows{Accepted: late, Duplicate: rows * 3, Held: random.IntN(3)}, 2)
}

func (s *Server) addDone(random *rand.Rand, input, lane string, at time.Time, window Window, rows Rows, pages int) {
	took := time.Duration(300+random.IntN(2800)) * time.Millisecond
	total := rows.Accepted + rows.Duplicate + rows.Held
	s.AddJob(Job{
		Input: input, Lane: lane, State: "done", Window: window, Tick: at.Truncate(time.Minute), Started: at, Finished: at.Add(took),
		Duration: took.Seconds(), Requests: pages, Pages: pages, Rows: rows, Bytes: int64(total) * 530,
		Log: []Line{
			{Time: at, Level: "info", Message: "reading a window", Fields: map[string]any{"lane": lane}},
			{Time: at.Add(took / 2), Level: "debug", Message: "a page arrived", Fields: map[string]any{"rows": total, "status": 200}},
			{
				Time: at.Add(took), Level: "info", Message: "the window is read",
				Fields: map[string]any{"delivered": rows.Accepted, "known": rows.Duplicate},
			},
		},
	})
}

func (s *Server) addFailure(at time.Time, worked bool, random *rand.Rand) {
	if worked {
		s.addTick(random, Fabrikam, at, 10*time.Minute, 60)
		return
	}
	took := 840 * time.Millisecond
	s.AddJob(Job{
		Input: Fabrikam, Lane: "live", State: "failed", Window: Window{at.Add(-10 * time.Minute), at}, Tick: at, Started: at,
		Finished: at.Add(took), Duration: took.Seconds(), Requests: 1, Error: FabrikamError, Hint: FabrikamHint,
		Log: []Line{
			{Time: at, Level: "info", Message: "reading a window", Fields: map[string]any{"lane": "live"}},
			{Time: at.Add(took), Level: "error", Message: "request refused", Fields: map[string]any{"status": 403, "hint": FabrikamHint}},
		},
	})
}

var (
	people   = []string{"adele.vance", "lee.gu", "megan.bowen", "nestor.wilke", "pradeep.g", "isaiah.langer"}
	others   = []string{"billing@northwind.example", "news@proseware.example", "jobs@wingtip.example", "<>"}
	subjects = []string{
		"Invoice 20931", "Re: Quarterly numbers", "Your parcel is on its way", "Minutes of the board meeting",
		"Undeliverable: Invitation", "Password expires in 3 days", "Wartungsfenster am Samstag",
	}
	statuses = []string{
		"delivered", "delivered", "delivered", "delivered", "delivered", "expanded", "pending", "failed", "quarantined", "filteredAsSpam",
	}
)

// Mail is the n-th record of an endless day.
func Mail(input string, n int, now time.Time) Record {
	random := rand.New(rand.NewPCG(uint64(n), 65)) //nolint:gosec // as above
	sender, recipient := others[random.IntN(len(others))], people[random.IntN(len(people))]+"@contoso.example"
	subject, status, size := subjects[random.IntN(len(subjects))], statuses[random.IntN(len(statuses))], 4000+random.IntN(900_000)
	body, err := json.Marshal(map[string]any{
		"id": fmt.Sprintf("%032x", n), "senderAddress": sender, "recipientAddress": recipient, "subject": subject, "status": status, "size": size,
		"receivedDateTime": now.UTC(), "fromIP": "203.0.113.7",
	})
	if err != nil {
		panic(err)
	}
	return Record{
		Time: now.UTC(), Input: input, Body: string(body),
		Attributes: map[string]any{
			"log.record.uid": fmt.Sprintf("%032x", n*7919), "email.from.address": sender, "email.to.address": recipient,
			"email.subject": subject, "email.message_id": fmt.Sprintf("<%08x@mail.example>", n), "o365.message_trace.status": status,
			"o365.message_trace.size": size, "source.address": "203.0.113.7", "o365.message_trace.lane": "live",
			"__inputId": input, "__final": false,
		},
	}
}

func jobID(at time.Time, serial int) string {
	return fmt.Sprintf("%016x%08x", at.UnixNano(), serial)
}
