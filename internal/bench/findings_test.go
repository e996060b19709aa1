// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bench

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/connector/findings"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// BenchmarkFindings has the connector look at the records of a busy tenant's mail, in batches of 1000, and compares what a
// record costs with what a row costs the baseline. The connector has seen as many records before. Each batch is made a moment
// before, as behind the receiver. Garbage is collected between batches and not measured: it is that of the records.
func BenchmarkFindings(b *testing.B) {
	s := startService(b)
	client, w := s.client(b), windowOf(4*pageSize)
	first, last := rowsIn(w.Start, w.End)
	all := rounds{rows: int(last - first + 1)}
	batches := simulated(b, 2*all.rows)
	before, batches := batches[:len(batches)/2], batches[len(batches)/2:]
	alone := measure(func() { look(b, nil, batches) })
	for b.Loop() {
		looker := startConnector(b)
		look(b, looker, before)
		bare := measure(func() { check(b, bare(b.Context(), client, s.Plain, w), all.rows) })
		ours := cost{}
		with := measure(func() { ours.cpu = look(b, looker, batches) })
		ours.allocs, ours.bytes = with.allocs-min(alone.allocs, with.allocs), with.bytes-min(alone.bytes, with.bytes)
		all.add(bare, ours)
		require.NoError(b, looker.Shutdown(b.Context()))
	}
	all.report(b)
}

// look returns the processor time that it takes to look at batches. Without a connector, it only makes them.
func look(b *testing.B, looker connector.Logs, batches [][]byte) (took time.Duration) {
	b.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var unmarshaler plog.ProtoUnmarshaler
	for i, batch := range batches {
		if i%5 == 0 {
			runtime.GC()
		}
		logs, err := unmarshaler.UnmarshalLogs(batch)
		require.NoError(b, err)
		if looker == nil {
			continue
		}
		began := cpu()
		err = looker.ConsumeLogs(b.Context(), logs)
		took += cpu() - began
		require.NoError(b, err)
	}
	return took
}

func startConnector(b *testing.B) connector.Logs {
	b.Helper()
	factory := findings.NewFactory()
	cfg := factory.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(map[string]any{
		"local_domains":    []any{traffic.DefaultDomain},
		"sending_networks": []any{"203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"},
	}).Unmarshal(cfg))
	looker, err := factory.CreateLogsToLogs(b.Context(), connectortest.NewNopSettings(factory.Type()), cfg, consumertest.NewNop())
	require.NoError(b, err)
	require.NoError(b, looker.Start(b.Context(), componenttest.NewNopHost()))
	return looker
}

// simulated are the records of so many rows of simulated mail.
func simulated(b *testing.B, rows int) (batches [][]byte) {
	b.Helper()
	start := time.Now().UTC().Truncate(24 * time.Hour)
	g, err := traffic.New(traffic.Config{RowsPerDay: 200_000, From: start})
	require.NoError(b, err)
	origin := records.Origin{
		InputID: "o365messagetrace", TenantID: "contoso.com", Endpoint: "https://localhost", ServerAddress: "localhost", Internal: true,
		Local: records.NewDomains([]string{traffic.DefaultDomain}),
	}
	var batch *records.Batch
	var marshaler plog.ProtoMarshaler
	for hour := 0; rows > 0; hour++ {
		for _, row := range g.Hour(start.Add(time.Duration(hour) * time.Hour)) {
			if batch == nil {
				batch = origin.NewBatch(start, trace.Live)
			}
			r := trace.Row{
				ID: []byte(row.ID), MessageID: []byte(*row.MessageID), Sender: []byte(row.Sender), Recipient: []byte(row.Recipient),
				FromIP: text(row.FromIP), ToIP: text(row.ToIP), Subject: text(row.Subject), Received: row.Received,
				Size: trace.Number{Value: int64(row.Size), Valid: true},
			}
			batch.Append(&r, origin.Version(&r, trace.Status(row.Timeline[0].Status), ""))
			if rows--; batch.Len() == 1000 || rows == 0 {
				text, err := marshaler.MarshalLogs(batch.Logs())
				require.NoError(b, err)
				batches, batch = append(batches, text), nil
			}
			if rows == 0 {
				break
			}
		}
	}
	return batches
}

func text(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}
