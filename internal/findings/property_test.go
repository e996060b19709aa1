// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// small are settings with which little mail makes findings.
func small() Settings {
	s := settings()
	s.Rules.BulkMail.Recipients = 6
	s.Rules.FailureBurst.Recipients, s.Rules.FailureBurst.Inside.Recipients = 4, 5
	s.Rules.Exfiltration.Messages, s.Rules.Exfiltration.Bytes = 4, 1<<20
	return s
}

// mails makes rows: bursts of one sender each, lists, forwards, and rows whose status changes, over some days, so that
// some lie across the end of one.
func mails(rng *rand.Rand, bursts, days int) (all []Observation) {
	senders := []string{"a@contoso.com", "B@contoso.com", "x@y.example", "x@c0ntoso.com", "y@contosso.example", nullSender}
	recipients := []string{"jo@contoso.com", "m@away.example", "n@gmail.com"}
	for i := range 20 {
		recipients = append(recipients, fmt.Sprintf("U%d@contoso.com", i))
	}
	for burst := range bursts {
		start := noon.Add(time.Duration(rng.IntN(24*60*(days+1))-24*60*days) * time.Minute)
		if rng.IntN(3) == 0 {
			start = start.Truncate(24 * time.Hour).Add(-5 * time.Minute)
		}
		sender, whole, gap := pick(rng, senders), rng.IntN(3) == 0, pick(rng, []int{0, 1, 30, 600})
		size := int64(rng.IntN(300_000))
		for i := range 1 + rng.IntN(40) {
			o := Observation{
				Message: messageID(burst, i), Sender: sender, Recipient: pick(rng, recipients),
				Subject:  pick(rng, []string{"", "FW: one", "one", "Re: two"}),
				Source:   pick(rng, []string{"203.0.113.1", "192.0.2.1", ""}),
				Status:   pick(rng, []string{"delivered", "failed", "pending"}),
				Received: start.Add(time.Duration(i*gap)*time.Second + time.Duration(i)), Size: int64(rng.IntN(300_000)),
			}
			if whole {
				o.Message, o.Received, o.Size = messageID(burst, 0xFFFF), start, size
			}
			all = append(all, seen(o))
			if rng.IntN(10) == 0 {
				o.Previous, o.Status = o.Status, "quarantined"
				all = append(all, seen(o))
			}
			if rng.IntN(6) == 0 && !whole {
				all = append(all, passedOn(o, messageID(burst, 0xF000+i), pick(rng, []string{"", "Fw: ", "TR : ", "WG: Re: "})))
			}
		}
		if whole && rng.IntN(2) == 0 {
			all = append(all, seen(Observation{
				Message: messageID(burst, 0xFFFF), Sender: sender, Recipient: "all@contoso.com", Received: start, Status: "expanded",
			}))
		}
	}
	return all
}

// passedOn is what a mailbox makes of what it received.
func passedOn(o Observation, id, prefix string) Observation {
	o.Message, o.Sender, o.Recipient, o.Subject, o.Previous = id, o.Recipient, "me@elsewhere.example", prefix+o.Subject, ""
	o.Status, o.Received = "delivered", o.Received.Add(4*time.Second)
	return seen(o)
}

func messageID(burst, i int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", burst, i)
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// drawn are mails that rapid draws, and what else is random.
func drawn(t *rapid.T, days int) (*rand.Rand, []Observation) {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	return rng, mails(rng, rapid.IntRange(1, 12).Draw(t, "bursts"), days)
}

// mixed feeds rows in any order, some of them twice, in batches, with restarts.
func mixed(t *rapid.T, rng *rand.Rand, s Settings, rows []Observation) (found []Finding) {
	rows = slices.Clone(rows)
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	rows = append(rows, rows[:rng.IntN(len(rows)+1)]...)
	batch := rapid.IntRange(1, 30).Draw(t, "batch")
	kept, e := disk{}, New(s, secret)
	for part := range slices.Chunk(rows, batch) {
		found = append(found, feedOnly(e, part)...)
		if rng.IntN(6) == 0 {
			e = kept.reload(t, e, s)
		}
	}
	return append(found, e.Settle(later)...)
}

// arrival is a row as a reader sees it, and when.
type arrival struct {
	Observation
	at time.Time
}

// asGraph is a row as Microsoft Graph prints it: with milliseconds.
func asGraph(o Observation) Observation {
	o.Received = o.Received.Truncate(time.Millisecond)
	return o
}

// asReporting is a row as the Reporting Web Service may print it: with 100 ns, and in other spellings.
func asReporting(o Observation) Observation {
	o.Received = o.Received.Truncate(100)
	o.Message = "{" + strings.ToUpper(o.Message) + "}"
	o.Sender, o.Recipient, o.Tenant = strings.ToUpper(o.Sender), strings.ToTitle(o.Recipient), strings.ToUpper(o.Tenant)
	if o.Source != "" {
		o.Source = "::ffff:" + o.Source
	}
	return o
}

// arrivals are rows as readers of both services see them: each somewhen within lateness, some twice. The rows of a message come
// together, since they wait for the row of a list no longer than half a minute.
func arrivals(rng *rand.Rand, lateness time.Duration, rows []Observation) (all []arrival) {
	for reader, form := range []func(Observation) Observation{asGraph, asReporting, asGraph} {
		delays := map[string]time.Duration{}
		for i := range rows {
			delay, known := delays[rows[i].Message]
			if !known {
				delay = time.Duration(rng.Int64N(int64(lateness)))
				if reader == 2 && rng.IntN(3) > 0 {
					delay = -1 // not read again
				}
				delays[rows[i].Message] = delay
			}
			if delay < 0 {
				continue
			}
			o := form(rows[i])
			if o.Status == "quarantined" && reader > 0 && rng.IntN(2) == 0 {
				o.Previous = "" // came too late for the status before
			}
			all = append(all, arrival{o, o.Received.Add(delay)})
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b arrival) int { return pollOf(a.at).Compare(pollOf(b.at)) })
	return all
}

// pollOf is the first poll after a time.
func pollOf(at time.Time) time.Time { return at.Truncate(5 * time.Minute).Add(5 * time.Minute) }

// polled feeds arrivals poll by poll, in batches. Where it is restarted, the engine goes on with what was saved; where it
// dies, with what was saved before, and is given again what came since.
func polled(t *rapid.T, rng *rand.Rand, s Settings, all []arrival) (found []Finding) {
	kept, e := disk{}, New(s, secret)
	batch := rapid.IntRange(1, 40).Draw(t, "batch")
	restarts := rapid.SampledFrom([]int{5, 20, 100}).Draw(t, "one restart in")
	for len(all) > 0 {
		now, n := pollOf(all[0].at), 1
		for n < len(all) && pollOf(all[n].at).Equal(now) {
			n++
		}
		saved := -1
		for from := 0; from < n; from += batch {
			to := min(from+batch, n)
			found = append(found, settled(e, all[from:to], now)...)
			switch rng.IntN(restarts) {
			case 0:
				e, saved = kept.reload(t, e, s), to
			case 1:
				if saved >= 0 {
					e = kept.load(t, s)
					found = append(found, settled(e, all[saved:to], now)...)
				}
			}
		}
		all = all[n:]
	}
	return append(found, e.Settle(later)...)
}

func settled(e *Engine, part []arrival, now time.Time) []Finding {
	for i := range part {
		e.Observe(&part[i].Observation, now)
	}
	return e.Settle(now)
}

// The same mail gives the same findings when it is read by both services, each in an order of its own within lateness, some of
// it twice, by a collector that is restarted and dies, as when it is read once and at once.
func TestBothServicesLateTwiceAndRestarted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := small()
		s.Rules.Exfiltration.Enabled = rapid.Bool().Draw(t, "one day")
		rng, rows := drawn(t, 3)
		if s.Rules.Exfiltration.Enabled {
			rows = ofOneDay(rows)
		}
		want := feed(New(s, secret), rows, len(rows)+1)
		got := polled(t, rng, s, arrivals(rng, s.Lateness, rows))
		require.Equal(t, uids(want), uids(got))
	})
}

var (
	present = noon.Add(48 * time.Hour)
	later   = present.Add(time.Hour)
)

func feedOnly(e *Engine, part []Observation) []Finding {
	for i := range part {
		e.Observe(&part[i], present)
	}
	return e.Settle(present)
}

// The same mail in any order, twice, with restarts gives the same findings. What is usual is known from days read before,
// so exfiltration is compared within one day.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := small()
		s.Rules.Exfiltration.Enabled = false
		rng, rows := drawn(t, 3)
		want := feed(New(s, secret), rows, len(rows)+1)
		require.Equal(t, uids(want), uids(mixed(t, rng, s, rows)))
	})
}

func ofOneDay(rows []Observation) []Observation {
	return slices.DeleteFunc(rows, func(o Observation) bool {
		return !o.Received.Truncate(24 * time.Hour).Equal(noon.Truncate(24 * time.Hour))
	})
}

func TestOrderDoesNotMatterWithinADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := small()
		rng, rows := drawn(t, 0)
		rows = ofOneDay(rows)
		want := feed(New(s, secret), rows, len(rows)+1)
		require.Equal(t, uids(want), uids(mixed(t, rng, s, rows)))
	})
}

// Every burst of enough recipients is found, and nothing of fewer is.
func TestBulkMailAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := small()
		rng, rows := drawn(t, 1)
		for i := range rows {
			rows[i].Status, rows[i].Previous = "delivered", ""
		}
		want := map[string]bool{}
		for _, first := range rows {
			to := map[string]bool{}
			for _, o := range rows {
				if d := o.Received.Truncate(time.Second).Sub(first.Received.Truncate(time.Second)); o.Sender == first.Sender && d >= 0 && d < time.Hour {
					to[o.Recipient] = true
				}
			}
			if len(to) >= 6 && first.Sender != nullSender {
				want[first.Sender] = true
			}
		}
		got := map[string]bool{}
		for _, f := range mixed(t, rng, s, rows) {
			if f.Rule == "bulk_mail" {
				got[f.Key] = true
			}
		}
		require.Len(t, got, len(want))
	})
}
