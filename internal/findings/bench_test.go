// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	simulated "github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// ofRow is a row as a receiver that reads it at once sees it.
func ofRow(r *simulated.Row) Observation {
	o := Observation{
		Tenant: "tenant", Message: r.ID, Sender: r.Sender, Recipient: r.Recipient, Size: int64(r.Size),
		Status: string(r.Timeline[0].Status), Received: r.Received, Observed: r.Timeline[0].At,
	}
	if r.Subject != nil {
		o.Subject = *r.Subject
	}
	if r.FromIP != nil {
		o.Source = *r.FromIP
	}
	return o
}

// simulatedDay is a day of mail of a busy tenant.
func simulatedDay(b *testing.B) (rows []Observation) {
	b.Helper()
	start := noon.Truncate(24 * time.Hour)
	g, err := traffic.New(traffic.Config{RowsPerDay: 200_000, From: start})
	require.NoError(b, err)
	for hour := range 24 {
		for _, row := range g.Hour(start.Add(time.Duration(hour) * time.Hour)) {
			rows = append(rows, ofRow(&row))
		}
	}
	return rows
}

// uniformDay is a day of as much mail, a message each from one of a thousand senders to one recipient.
func uniformDay() (rows []Observation) {
	for i := range 200_000 {
		rows = append(rows, seen(Observation{
			Message: messageID(1, i), Sender: fmt.Sprintf("someone.%d@partner.example", i%1000), Recipient: "office@contoso.com",
			Subject: "Your order " + strconv.Itoa(i), Source: "192.0.2.7", Size: 5000,
			Received: noon.Truncate(24 * time.Hour).Add(time.Duration(i) * 24 * time.Hour / 200_000),
		}))
	}
	return rows
}

func BenchmarkObserve(b *testing.B) {
	networks := settings()
	networks.SendingNetworks = append(networks.SendingNetworks, "198.51.100.0/24") // those of the simulator
	for name, rows := range map[string][]Observation{"simulated": simulatedDay(b), "uniform": uniformDay()} {
		b.Run(name, func(b *testing.B) {
			e := New(networks, secret)
			b.ReportAllocs()
			n, day := 0, time.Duration(0)
			for b.Loop() {
				o := rows[n]
				o.Received = o.Received.Add(day)
				e.Observe(&o, o.Received)
				if n++; n%1000 == 0 {
					e.Settle(o.Received)
				}
				if n == len(rows) {
					n, day = 0, day+24*time.Hour
				}
			}
		})
	}
}
