// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	s.Rules.Exfiltration.Messages, s.Rules.Exfiltration.Bytes = 8, 1<<20
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
		for i := range 1 + rng.IntN(40) {
			o := Observation{
				Message: fmt.Sprintf("b%d-%d", burst, i), Sender: sender, Recipient: pick(rng, recipients),
				Subject:  pick(rng, []string{"", "FW: one", "one", "Re: two"}),
				Source:   pick(rng, []string{"203.0.113.1", "192.0.2.1", ""}),
				Status:   pick(rng, []string{"delivered", "failed", "pending"}),
				Received: start.Add(time.Duration(i*gap)*time.Second + time.Duration(i)), Size: int64(rng.IntN(300_000)),
			}
			if whole {
				o.Message, o.Received = fmt.Sprintf("b%d", burst), start
			}
			all = append(all, seen(o))
			if rng.IntN(10) == 0 {
				o.Previous, o.Status = o.Status, "quarantined"
				all = append(all, seen(o))
			}
		}
		if whole && rng.IntN(2) == 0 {
			all = append(all, seen(Observation{
				Message: fmt.Sprintf("b%d", burst), Sender: sender, Recipient: "all@contoso.com", Received: start, Status: "expanded",
			}))
		}
	}
	return all
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
		want := feed(New(s, secret), rows, len(rows))
		require.Equal(t, uids(want), uids(mixed(t, rng, s, rows)))
	})
}

func TestOrderDoesNotMatterWithinADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := small()
		rng, rows := drawn(t, 0)
		rows = slices.DeleteFunc(rows, func(o Observation) bool {
			return !o.Received.Truncate(24 * time.Hour).Equal(noon.Truncate(24 * time.Hour))
		})
		if len(rows) == 0 {
			return
		}
		want := feed(New(s, secret), rows, len(rows))
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
