// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

var firstDay = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// hours returns all rows of n hours.
func hours(tb testing.TB, cfg Config, n int) []mail.Row {
	tb.Helper()
	g, err := New(cfg)
	require.NoError(tb, err)
	var rows []mail.Row
	for i := range n {
		rows = append(rows, g.Hour(firstDay.Add(time.Duration(i)*time.Hour))...)
	}
	return rows
}

func TestRowsPerDayAreExact(t *testing.T) {
	for _, perDay := range []int{1, 99, 3_002, 9_000} {
		for _, quiet := range []bool{true, false} {
			cfg := Config{RowsPerDay: perDay, From: firstDay, NoIncidents: quiet}
			assert.Len(t, hours(t, cfg, 2*24), 2*perDay, "%d a day, quiet: %v", perDay, quiet)
		}
	}
}

func TestHourDependsOnSeedAndHourAlone(t *testing.T) {
	cfg := Config{RowsPerDay: 20_000, From: firstDay, Seed: 7}
	one, err := New(cfg)
	require.NoError(t, err)
	other, err := New(cfg)
	require.NoError(t, err)
	other.Hour(firstDay.Add(9 * time.Hour)) // asked out of order
	assert.Equal(t, one.Hour(firstDay.Add(time.Hour)), other.Hour(firstDay.Add(time.Hour)))

	cfg.Seed++
	third, err := New(cfg)
	require.NoError(t, err)
	assert.NotEqual(t, one.Hour(firstDay), third.Hour(firstDay))
}

func TestSpanIsHonoured(t *testing.T) {
	from, to := firstDay.Add(20*time.Minute), firstDay.Add(100*time.Minute)
	rows := hours(t, Config{RowsPerDay: 24_000, From: from, To: to}, 3)
	assert.InDelta(t, 1333, len(rows), 400)
	for _, row := range rows {
		assert.False(t, row.Received.Before(from) || row.Received.After(to), row.Received)
	}
}

func TestRowsAreWellFormed(t *testing.T) {
	type key struct{ id, recipient string }
	seen := make(map[key]bool)
	hour := make(map[int]bool)
	for _, row := range hours(t, Config{RowsPerDay: 30_000, From: firstDay}, 24) {
		k := key{row.ID, strings.ToLower(row.Recipient)}
		require.False(t, seen[k], "twice: %v", k)
		seen[k] = true
		hour[row.Received.Hour()] = true
		require.Len(t, row.ID, 36)
		require.True(t, row.Subject == nil || utf8.ValidString(*row.Subject))
		require.Zero(t, row.Received.Nanosecond()%100)
		require.False(t, row.Timeline[0].At.Before(row.Received))
		for i := 1; i < len(row.Timeline); i++ {
			require.True(t, row.Timeline[i].At.After(row.Timeline[i-1].At))
			require.NotEqual(t, row.Timeline[i].Status, row.Timeline[i-1].Status)
		}
	}
	assert.Len(t, hour, 24)
}

func TestMailIsAsOddAsRealMail(t *testing.T) {
	want := map[string]func(mail.Row) bool{
		"null subject":      func(r mail.Row) bool { return r.Subject == nil },
		"empty subject":     func(r mail.Row) bool { return r.Subject != nil && *r.Subject == "" },
		"emoji":             func(r mail.Row) bool { return r.Subject != nil && strings.Contains(*r.Subject, "🎉") },
		"control character": func(r mail.Row) bool { return r.Subject != nil && strings.Contains(*r.Subject, "\x00") },
		"null sender":       func(r mail.Row) bool { return r.Sender == "<>" },
		"null from":         func(r mail.Row) bool { return r.FromIP == nil },
		"empty from":        func(r mail.Row) bool { return r.FromIP != nil && *r.FromIP == "" },
		"null to":           func(r mail.Row) bool { return r.ToIP == nil },
		"empty to":          func(r mail.Row) bool { return r.ToIP != nil && *r.ToIP == "" },
		"IPv6":              func(r mail.Row) bool { return r.FromIP != nil && strings.Contains(*r.FromIP, ":") },
		"apostrophe":        func(r mail.Row) bool { return strings.Contains(r.Recipient, "'") },
		"mixed case":        func(r mail.Row) bool { return r.Recipient != strings.ToLower(r.Recipient) },
		"size 0":            func(r mail.Row) bool { return r.Size == 0 },
		"bulk mailing":      func(r mail.Row) bool { return r.Incident == mail.BulkMailing },
		"look-alike": func(r mail.Row) bool {
			return r.Incident == mail.LookAlike && strings.HasSuffix(r.Sender, "@c0ntoso.com")
		},
		"takeover":     func(r mail.Row) bool { return r.Incident == mail.Takeover },
		"spoofing":     func(r mail.Row) bool { return r.Incident == mail.Spoofing && *r.FromIP == "192.0.2.1" },
		"exfiltration": func(r mail.Row) bool { return r.Incident == mail.Exfiltration && r.Size > 18<<20 },
		"removal": func(r mail.Row) bool {
			return r.Incident == mail.Removal && r.Timeline[1].Status == mail.Quarantined
		},
		"harvesting": func(r mail.Row) bool { return r.Incident == mail.Harvesting },
		"newsletter": func(r mail.Row) bool { return r.Sender == Marketing+"@contoso.com" },
		"forwarding": func(r mail.Row) bool { return r.Incident == mail.Forwarding },
	}
	for _, s := range []mail.Status{
		mail.GettingStatus, mail.Pending, mail.Failed, mail.Delivered, mail.Expanded, mail.Quarantined,
		mail.FilteredAsSpam, mail.Recalled,
	} {
		want["status "+string(s)] = func(r mail.Row) bool {
			for _, c := range r.Timeline {
				if c.Status == s {
					return true
				}
			}
			return false
		}
	}
	rows := hours(t, Config{RowsPerDay: 20_000, From: firstDay}, 24)
	for name, match := range want {
		n := 0
		for _, row := range rows {
			if match(row) {
				n++
			}
		}
		assert.Positive(t, n, name)
	}
}

func TestListsExpandIntoMembers(t *testing.T) {
	rows := hours(t, Config{RowsPerDay: 25_000, From: firstDay}, 24)
	perMessage := make(map[string]int)
	perMilli := make(map[int64]int)
	for _, row := range rows {
		perMessage[row.ID]++
		perMilli[row.Received.UnixMilli()]++
	}
	largest := 0
	for _, row := range rows {
		if row.Timeline[0].Status == mail.Expanded {
			assert.Greater(t, perMessage[row.ID], 5)
			largest = max(largest, perMessage[row.ID])
		}
	}
	assert.Equal(t, largeList+1, largest)
	crowd := 0
	for _, n := range perMilli {
		crowd = max(crowd, n)
	}
	assert.GreaterOrEqual(t, crowd, 300, "rows in the same millisecond")
}

func TestForwarderForwardsEverything(t *testing.T) {
	in, out := 0, 0
	for _, row := range hours(t, Config{RowsPerDay: 20_000, From: firstDay}, 24) {
		if row.Recipient == "jordan.fields@contoso.com" {
			in++
		}
		if row.Incident == mail.Forwarding {
			assert.Equal(t, "jordan.fields@contoso.com", row.Sender)
			assert.False(t, strings.HasSuffix(row.Recipient, "contoso.com"))
			out++
		}
	}
	assert.Positive(t, in)
	assert.Equal(t, in, out)
}

func TestLatenessAndChangesFollowTheConfiguration(t *testing.T) {
	late, changing := map[string]int{}, 0
	rows := hours(t, Config{RowsPerDay: 25_000, From: firstDay, StatusChanges: 0.2}, 24)
	for _, row := range rows {
		switch d := row.Timeline[0].At.Sub(row.Received); {
		case d <= time.Minute:
			late["1m"]++
		case d <= 15*time.Minute:
			late["15m"]++
		case d <= 4*time.Hour:
			late["4h"]++
		default:
			late["24h"]++
			assert.LessOrEqual(t, d, 24*time.Hour)
		}
		if len(row.Timeline) > 1 {
			changing++
		}
	}
	n := float64(len(rows))
	assert.InDelta(t, 0.80, float64(late["1m"])/n, 0.01)
	assert.InDelta(t, 0.15, float64(late["15m"])/n, 0.01)
	assert.InDelta(t, 0.04, float64(late["4h"])/n, 0.01)
	assert.InDelta(t, 0.01, float64(late["24h"])/n, 0.005)
	assert.InDelta(t, 0.20, float64(changing)/n, 0.02)

	for _, row := range hours(t, Config{RowsPerDay: 5_000, From: firstDay, StatusChanges: -1, Delays: NoDelays()}, 24) {
		require.Len(t, row.Timeline, 1)
		require.Equal(t, row.Received, row.Timeline[0].At)
	}
}

func BenchmarkHour(b *testing.B) {
	g, err := New(Config{RowsPerDay: 48_000, From: firstDay})
	require.NoError(b, err)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.Hour(firstDay.Add(time.Duration(i%720) * time.Hour))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/row")
}

func TestIncidentsOnCommand(t *testing.T) {
	g, err := New(Config{From: firstDay, Delays: NoDelays()})
	require.NoError(t, err)
	at := firstDay.Add(23*time.Hour + 59*time.Minute)
	for _, kind := range mail.Incidents {
		rows, err := g.Incident(kind, at)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(rows), 8, kind)
		for _, row := range rows {
			assert.Equal(t, kind, row.Incident)
			assert.False(t, row.Received.Before(at))
			assert.WithinDuration(t, at, row.Received, time.Hour, "%v goes on over midnight", kind)
		}
		again, err := g.Incident(kind, at)
		require.NoError(t, err)
		assert.Equal(t, rows, again)
	}
	_, err = g.Incident(mail.NoIncident, at)
	require.ErrorContains(t, err, "there is no incident")
}
