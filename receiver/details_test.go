// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/jobs"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/simulator"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

var wrongDetails = map[string][]string{
	"details: {statuses: []}":               {"details.statuses: empty; name some of delivered, "},
	"details: {statuses: [failed, lost]}":   {`details.statuses[1]: "lost" is none of delivered, `},
	"details: {statuses: [failed, Failed]}": {"details.statuses[1]: failed is listed already"},
	"details: {after: -1s}":                 {"details.after: -1s is not between 0s and 24h"},
	"details: {after: 25h}":                 {"details.after: 25h is not between 0s and 24h"},
	"details: {max_per_interval: 0}":        {"details.max_per_interval: 0 is not between 1 and 10000"},
	"details: {max_per_interval: 10001}":    {"details.max_per_interval: 10001 is not between 1 and 10000"},
	"details: {rate_limit: {requests: -1}}": {"details.rate_limit.requests: -1 is negative"},
	"details: {rate_limit: {interval: 0s}}": {"details.rate_limit.interval: 0s is not greater than 0"},
	"details: {status: [failed]}":           {"details.status"},
}

func TestDetailsAreOffUnlessTheyAreThere(t *testing.T) {
	cfg, err := load(t, least)
	require.NoError(t, err)
	assert.False(t, cfg.Details.HasValue())
	usual := Details{Statuses: []string{"failed", "quarantined", "filteredAsSpam", "pending"}, After: 2 * time.Minute, MaxPerInterval: 20}
	for text, change := range map[string]func(*Details){
		"details: {}":                           func(*Details) {},
		"details: {after: 0}":                   func(d *Details) { d.After = 0 },
		"details: {after: 1d}":                  func(d *Details) { d.After = 24 * time.Hour },
		"details: {statuses: [FILTEREDASSPAM]}": func(d *Details) { d.Statuses = []string{"FILTEREDASSPAM"} },
		"details: {max_per_interval: 10000}":    func(d *Details) { d.MaxPerInterval = 10_000 },
		"details: {max_per_interval: 1}":        func(d *Details) { d.MaxPerInterval = 1 },
	} {
		cfg, err := load(t, least, text)
		require.NoError(t, err, text)
		require.True(t, cfg.Details.HasValue(), text)
		want := usual
		change(&want)
		got := *cfg.Details.Get()
		assert.False(t, got.RateLimit.HasValue(), text)
		want.RateLimit = got.RateLimit
		assert.Equal(t, want, got, text)
	}
	cfg, err = load(t, least, "details: {rate_limit: {requests: 50}}")
	require.NoError(t, err)
	assert.Equal(t, RateLimit{Requests: 50, Interval: 5 * time.Minute}, *cfg.Details.Get().RateLimit.Get())
}

// minuteOfMail is a minute of 50 rows a second, of which every twentieth has failed.
func minuteOfMail(from time.Time) (rows []mail.Row) {
	const perSecond = 50
	for i := range 60 * perSecond {
		received := from.Add(time.Duration(i) * time.Second / perSecond)
		row := mail.Row{
			ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i), Recipient: fmt.Sprintf("o'neil+%d@contoso.com", i), Sender: "a@fabrikam.example",
			Received: received, Timeline: []mail.Change{{At: received.Add(30 * time.Second), Status: mail.Delivered}},
		}
		if i%20 == 0 {
			row.Timeline[0].Status = mail.Failed
		}
		rows = append(rows, row)
	}
	return rows
}

// readMinute runs a receiver of a minute of mail for a while, with the configuration as change leaves it.
func readMinute(t *testing.T, api API, change func(*Config)) *world {
	t.Helper()
	sim, err := simulator.New(simulator.Config{})
	require.NoError(t, err)
	w := newWorld(t, sim)
	require.NoError(t, sim.Add(minuteOfMail(time.Now())...))
	w.start(func(cfg *Config) {
		cfg.API, cfg.PollInterval = api, 30*time.Second
		if change != nil {
			change(cfg)
		}
	})
	return w
}

func withDetails(cfg *Config) { cfg.Details.GetOrInsertDefault() }

// causes are the causes that have been delivered, by their rows.
func (s *sink) causes() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]string{}
	for _, f := range s.followed {
		if f.event == records.CauseEventName {
			all[f.key] = append(all[f.key], f.attributes["o365.message_trace.cause"].(string))
		}
	}
	return all
}

// expected are the causes that the simulator has for the rows that failed.
func (w *world) expected(status mail.Status) map[string][]string {
	all := map[string][]string{}
	for row := range w.sim.Rows(time.Time{}, time.Now()) {
		if now, _ := row.StatusAt(time.Now()); now == status {
			all[keyOf(row.ID, row.Recipient)] = []string{row.Cause(status)}
		}
	}
	return all
}

// mostAtOnce is how many of the requests came in the busiest five minutes.
func mostAtOnce(requests []simulator.Request) (most int) {
	for i := range requests {
		n := i
		for n < len(requests) && requests[n].Time.Sub(requests[i].Time) < 5*time.Minute {
			n++
		}
		most = max(most, n-i)
	}
	return most
}

// ofDetailsAlone are the requests for details.
func ofDetailsAlone(requests []simulator.Request) []simulator.Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r simulator.Request) bool {
		return !strings.Contains(r.Path, "getDetailsByRecipient") && !strings.Contains(r.Path, "MessageTraceDetail")
	})
}

func TestEachFailedRowHasItsCauseOnce(t *testing.T) {
	for _, api := range []API{Graph, ReportingWebService} {
		t.Run(string(api), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := readMinute(t, api, withDetails)
				time.Sleep(3 * time.Hour)
				w.stop()
				assert.Equal(t, w.expected(mail.Failed), w.sink.causes())
				assert.Len(t, w.sink.causes(), 150)
				uids := map[string]int{}
				for _, f := range w.sink.followed {
					uids[f.uid]++
				}
				for uid, n := range uids {
					assert.Equal(t, 1, n, uid)
				}
				assert.Greater(t, len(uids), 2*150, "each row has details beside its cause")
				requests := ofDetailsAlone(w.sim.Requests())
				assert.LessOrEqual(t, mostAtOnce(requests), 20)
				assert.LessOrEqual(t, mostAtOnce(w.sim.Requests()), 90)
				assert.Empty(t, w.logs.All())
			})
		})
	}
}

// With and without details each row of mail comes at the very same instant.
func TestDetailsDelayNoMail(t *testing.T) {
	came := map[bool]map[string]time.Duration{}
	for _, with := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			w := readMinute(t, Graph, func(cfg *Config) {
				if with {
					withDetails(cfg)
				}
			})
			time.Sleep(3 * time.Hour)
			w.stop()
			assert.Equal(t, with, len(w.sink.followed) > 0)
			came[with] = map[string]time.Duration{}
			for key, at := range w.sink.first {
				came[with][key] = at.Sub(began)
			}
		})
	}
	assert.Len(t, came[true], 3000)
	assert.Equal(t, came[false], came[true])
}

// With a quota that mail uses up, no details are asked for, and none are lost.
func TestDetailsWaitForTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := readMinute(t, Graph, func(cfg *Config) {
			withDetails(cfg)
			cfg.RateLimit.Requests = 10
		})
		time.Sleep(48 * time.Hour)
		assert.Empty(t, ofDetailsAlone(w.sim.Requests()), "polling takes all of the quota")
		assert.Len(t, w.sink.first, 3000)
		w.stop()
		w.start(func(cfg *Config) {
			withDetails(cfg)
			cfg.PollInterval = 5 * time.Minute
		})
		time.Sleep(3 * time.Hour)
		w.stop()
		assert.Equal(t, w.expected(mail.Failed), w.sink.causes())
	})
}

// Microsoft may count details apart from pages: then they need not wait for them.
func TestDetailsWithAQuotaOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := readMinute(t, Graph, func(cfg *Config) {
			withDetails(cfg)
			cfg.RateLimit.Requests = 10
			details := cfg.Details.Get()
			details.RateLimit.GetOrInsertDefault().Requests = 8
		})
		time.Sleep(4 * time.Hour)
		w.stop()
		assert.Equal(t, w.expected(mail.Failed), w.sink.causes())
		assert.Equal(t, 8, mostAtOnce(ofDetailsAlone(w.sim.Requests())))
	})
}

// The Job Inspector shows how many rows wait, and the jobs that ask for them.
func TestDetailsAreInspected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := readMinute(t, Graph, nil)
		w.stop()
		i, with := w.inspect()
		w.start(func(cfg *Config) {
			cfg.PollInterval = 30 * time.Second
			withDetails(cfg)
			with(cfg)
		})
		waits := func() int { return *i.Inputs()[0].Describe().DetailsWaiting }
		time.Sleep(6 * time.Minute)
		assert.Positive(t, waits())
		time.Sleep(3 * time.Hour)
		assert.Zero(t, waits())
		told := 0
		for _, job := range i.jobs(jobs.Done) {
			told += job.Details
			if job.Details > 0 {
				assert.Equal(t, trace.Details, job.Lane)
				assert.Zero(t, job.Rows)
			}
		}
		assert.Len(t, w.sink.followed, told)
		w.stop()
		w.start(with)
		time.Sleep(time.Minute)
		assert.Nil(t, i.Inputs()[0].Describe().DetailsWaiting)
		w.stop()
	})
}

// A receiver that dies again and again repeats the records of one row each time at most.
func TestDetailsOverKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := readMinute(t, Graph, withDetails)
		for range 10 {
			time.Sleep(17 * time.Minute)
			w.kill()
			w.start(func(cfg *Config) {
				cfg.PollInterval = 30 * time.Second
				withDetails(cfg)
			})
		}
		time.Sleep(3 * time.Hour)
		w.stop()
		causes := w.sink.causes()
		repeated := 0
		for _, each := range causes {
			repeated += len(each) - 1
		}
		assert.Equal(t, slices.Sorted(maps.Keys(w.expected(mail.Failed))), slices.Sorted(maps.Keys(causes)))
		assert.LessOrEqual(t, repeated, 10)
		assert.LessOrEqual(t, mostAtOnce(ofDetailsAlone(w.sim.Requests())), 20, "the limit holds over restarts")
	})
}

// What a row turns into is asked about as well, and what it has been told before is not told again.
func TestDetailsFollowTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.New(simulator.Config{})
		require.NoError(t, err)
		w := newWorld(t, sim)
		now := time.Now()
		rows := []mail.Row{
			{ID: "00000001", Recipient: "a@contoso.com", Timeline: []mail.Change{
				{At: now, Status: mail.Pending}, {At: now.Add(5 * time.Hour), Status: mail.Failed},
			}},
			{ID: "00000002", Recipient: "b@contoso.com", Timeline: []mail.Change{
				{At: now, Status: mail.Pending}, {At: now.Add(time.Minute), Status: mail.Delivered},
			}},
			{ID: "00000003", Recipient: "c@contoso.com", Timeline: []mail.Change{
				{At: now, Status: mail.Quarantined}, {At: now.Add(10 * time.Hour), Status: mail.Delivered},
			}},
		}
		for i := range rows {
			rows[i].Received, rows[i].Sender = now.Add(-time.Second), "<>"
		}
		require.NoError(t, sim.Add(rows...))
		w.start(func(cfg *Config) {
			withDetails(cfg)
			cfg.Details.Get().After = 7 * time.Minute
			cfg.LocalDomains = []string{"contoso.com"}
		})
		time.Sleep(40 * time.Hour)
		w.stop()
		assert.Equal(t, map[string][]string{
			keyOf("00000001", "a@contoso.com"): {rows[0].Cause(mail.Pending), rows[0].Cause(mail.Failed)},
			keyOf("00000003", "c@contoso.com"): {rows[2].Cause(mail.Quarantined)},
		}, w.sink.causes())
		uids := map[string]bool{}
		for _, f := range w.sink.followed {
			assert.False(t, uids[f.uid], "%v comes twice", f.attributes)
			uids[f.uid] = true
			assert.Equal(t, "inbound", f.attributes["email.direction"])
			assert.Equal(t, "details", f.attributes["o365.message_trace.lane"])
			assert.NotEmpty(t, f.attributes["o365.message_trace.row.uid"])
			assert.Equal(t, f.event == records.DetailEventName, strings.HasPrefix(f.body, "{"))
			if f.event == records.CauseEventName && f.attributes["o365.message_trace.status"] == "failed" {
				assert.Equal(t, "WARN", f.severity)
			}
		}
	})
}
