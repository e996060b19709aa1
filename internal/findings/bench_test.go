// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
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

func BenchmarkObserve(b *testing.B) {
	start := noon.Truncate(24 * time.Hour)
	g, err := traffic.New(traffic.Config{RowsPerDay: 200_000, From: start})
	require.NoError(b, err)
	var rows []Observation
	for hour := range 24 {
		for _, row := range g.Hour(start.Add(time.Duration(hour) * time.Hour)) {
			rows = append(rows, ofRow(&row))
		}
	}
	networks := settings()
	networks.SendingNetworks = append(networks.SendingNetworks, "198.51.100.0/24") // those of the simulator
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
}
