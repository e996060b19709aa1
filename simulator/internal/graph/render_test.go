// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

func TestNullsAndZeros(t *testing.T) {
	row := mail.Row{ID: "1", Received: noon, Sender: "<>", Recipient: "a@b"}
	got := string(appendRow(nil, &mail.Sighting{Row: &row, Status: mail.Delivered}, true))
	assert.JSONEq(t, `{"id":"1","senderAddress":"<>","recipientAddress":"a@b","messageId":null,
		"receivedDateTime":"2026-01-22T12:00:00Z","subject":null,"size":0,"fromIP":null,"toIP":null,"status":"delivered"}`, got)
}

// Generated mail, odd as it is, must arrive as the ledger has it.
func TestGeneratedMailArrivesUnchanged(t *testing.T) {
	generator, err := traffic.New(traffic.Config{RowsPerDay: 4_000, From: noon.Add(-24 * time.Hour), Delays: traffic.NoDelays()})
	require.NoError(t, err)
	store := mail.NewStore(generator)
	rows, _ := store.Page(mail.Query{Start: noon.Add(-24 * time.Hour), End: noon, At: noon, Limit: 4_000}, nil)
	require.NotEmpty(t, rows)
	var got struct {
		Value []struct {
			ID, SenderAddress, RecipientAddress, Status string
			MessageID, Subject, FromIP, ToIP            *string
			ReceivedDateTime                            time.Time
			Size                                        int32
		}
	}
	require.NoError(t, json.Unmarshal(appendPage(nil, "c", "n", rows, true), &got))
	require.Len(t, got.Value, len(rows))
	for i, v := range got.Value {
		r := rows[i].Row
		require.Equal(t, []any{r.ID, r.Sender, r.Recipient, string(rows[i].Status), r.MessageID, r.Subject, r.FromIP, r.ToIP, r.Size},
			[]any{v.ID, v.SenderAddress, v.RecipientAddress, v.Status, v.MessageID, v.Subject, v.FromIP, v.ToIP, v.Size})
		require.Equal(t, r.Received.Truncate(time.Millisecond), v.ReceivedDateTime)
	}
}

// A full page, from the search in the store to the last byte.
func BenchmarkPage5000(b *testing.B) {
	const size = 5000
	generator, err := traffic.New(traffic.Config{RowsPerDay: 50_000, From: noon.Add(-24 * time.Hour), Delays: traffic.NoDelays()})
	require.NoError(b, err)
	store := mail.NewStore(generator)
	query := mail.Query{Start: noon.Add(-24 * time.Hour), End: noon, At: noon, Limit: size}
	rows, _ := store.Page(query, nil)
	require.Len(b, rows, size)
	dst := appendPage(nil, "c", "n", rows, true)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		rows, _ = store.Page(query, rows[:0])
		dst = appendPage(dst[:0], "c", "n", rows, true)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/row")
}
