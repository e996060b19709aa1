// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPage walks the largest page that the service sends.
func BenchmarkPage(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#admin/exchange/tracing/messageTraces","value":[`)
	for i := range MaxPageSize {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"b7c1f4d2-9a6e-4c3b-8f2d-%012x","senderAddress":"sender%d@contoso.com","recipientAddress":"recipient%d@fabrikam.com",`+
			`"messageId":"<1f2e3d4c-5b6a-7980-9a0b-%012x@contoso.com>","receivedDateTime":"2026-01-21T14:%02d:%02d.%03dZ",`+
			`"subject":"Report %d of the caf\u00e9 \"Zum Ochsen\"","size":%d,"fromIP":"203.0.113.%d","toIP":"","status":"delivered"}`,
			i, i%97, i%89, i, 59-i/100, 59-i%60, 999-i%1000, i, 1000+i, i%256)
	}
	body.WriteString(`],"@odata.nextLink":"https://graph.microsoft.com/v1.0/admin/exchange/tracing/messageTraces?$skiptoken=eyJTdGFydERhdGUiOi"}`)

	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		for row, err := range open(b, body.Bytes()).Rows {
			if err != nil || row.Malformed || row.Received.IsZero() {
				b.Fatalf("row %d: %v", rows, err)
			}
			rows++
		}
		require.Equal(b, MaxPageSize, rows)
	}
}
