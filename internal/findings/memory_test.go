// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// most is what the state may take up with 100,000 tracked keys.
const most = 64 << 20

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// senders has an engine see so many senders, each with a domain and recipients of its own, in an hour.
func senders(e *Engine, n, rowsEach int) {
	at := noon
	for i := range n {
		at = noon.Add(time.Duration(i) * time.Hour / time.Duration(n))
		sender := "someone." + strconv.Itoa(i) + "@host-" + strconv.Itoa(i) + ".some-domain.example"
		for k := range rowsEach {
			number := strconv.Itoa(i*rowsEach + k)
			e.Observe(&Observation{
				Tenant: "tenant", Message: "0a1b2c3d-0000-4000-8000-" + number, Sender: sender, Received: at, Status: "delivered",
				Recipient: "recipient." + number + "@contoso.com", Subject: "subject " + number, Size: 5000,
			}, at)
			if (i*rowsEach+k)%1000 == 999 {
				e.Settle(at)
			}
		}
	}
	e.Settle(at)
}

func TestMemoryIsBoundedWhateverSendersDo(t *testing.T) {
	// More change nothing: 10 million were tried with this test, and took 43 MiB.
	for _, test := range []struct{ senders, rowsEach int }{{150_000, 1}, {30_000, 20}, {30, 30_000}} {
		if testing.Short() {
			test.senders /= 10
		}
		t.Run(fmt.Sprintf("%d senders with %d rows", test.senders, test.rowsEach), func(t *testing.T) {
			before := heap()
			e := New(settings(), secret)
			senders(e, test.senders, test.rowsEach)
			used := heap() - before
			stats := e.Stats()
			t.Logf("%.1f MiB, %d tracked, %d evicted, estimated %.1f MiB", float64(used)/(1<<20), stats.Tracked, stats.Evicted,
				float64(stats.Bytes)/(1<<20))
			assert.LessOrEqual(t, used, uint64(most))
			assert.LessOrEqual(t, stats.Tracked, 100_000)
			runtime.KeepAlive(e)
		})
	}
}

// The one who floods is found, whoever else is pushed out.
func TestWhoIsSeenOftenIsNotPushedOut(t *testing.T) {
	s := settings()
	s.MaxTracked = 1000
	e := New(s, secret)
	var found []Finding
	for i, o := range bulk("mailer@northwind.example", noon, 120) {
		e.Observe(&o, o.Received)
		for k := range 500 {
			e.Observe(&Observation{
				Message: fmt.Sprint(i, "-", k), Sender: fmt.Sprintf("s%d-%d@x.example", i, k), Recipient: "ada@contoso.com", Received: o.Received,
			}, o.Received)
		}
		found = append(found, e.Settle(o.Received)...)
	}
	require.Len(t, found, 1)
	assert.LessOrEqual(t, e.Stats().Tracked, 1000)
	assert.Positive(t, e.Stats().Evicted)
}

// A month of mail takes no more memory than its first days.
func TestMemoryIsFlat(t *testing.T) {
	const days = 30
	begin := noon.Truncate(24 * time.Hour)
	g, err := traffic.New(traffic.Config{RowsPerDay: 20_000, From: begin})
	require.NoError(t, err)
	before := heap()
	e := New(settings(), secret)
	var early uint64
	for hour := range days * 24 {
		at := begin.Add(time.Duration(hour) * time.Hour)
		for _, row := range g.Hour(at) {
			o := ofRow(&row)
			e.Observe(&o, at.Add(time.Hour))
		}
		e.Settle(at.Add(time.Hour))
		switch hour {
		case days * 24 / 2:
			early = heap() - before
		case days*24 - 1:
			late := heap() - before
			t.Logf("%.1f MiB after half of the time, %.1f MiB at the end, %d tracked", float64(early)/(1<<20), float64(late)/(1<<20), e.Stats().Tracked)
			assert.Less(t, float64(late), 1.15*float64(early)+(1<<20))
		}
	}
	assert.Zero(t, e.Stats().Evicted)
	runtime.KeepAlive(e)
}
