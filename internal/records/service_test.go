// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"encoding/json"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/source/graph"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// What tenants are known to get, and what becomes of it.

// pageOf returns the page of Microsoft Graph in a file.
func pageOf(t *testing.T, file string) *source.Page {
	t.Helper()
	body, err := os.ReadFile("../../testdata/service/" + file)
	require.NoError(t, err)
	endpoint := &url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: "/v1.0/admin/exchange/tracing/messageTraces"}
	page, err := graph.NewClient(published{body}, endpoint, source.Query{PageSize: graph.MaxPageSize}).First(t.Context(), trace.Live, trace.Window{}, 0)
	require.NoError(t, err)
	return page
}

// recordsOf returns the records of the page in a file, and the keys of its rows.
func recordsOf(t *testing.T, file string) (records []plog.LogRecord, keys []trace.Key) {
	t.Helper()
	b := testOrigin().NewBatch(observed, trace.Live)
	for row, err := range pageOf(t, file).Rows {
		require.NoError(t, err)
		require.False(t, row.Malformed)
		keys = append(keys, identity.Secret{}.KeyOf(row))
		b.Append(row, versionOf(row))
	}
	for _, record := range b.records.All() {
		records = append(records, record)
	}
	return records, keys
}

// each returns the value of an attribute of each record, nil where there is none.
func each(records []plog.LogRecord, name string) (values []any) {
	for _, record := range records {
		values = append(values, record.Attributes().AsRaw()[name])
	}
	return values
}

// inBody returns a property of each record's body.
func inBody(t *testing.T, records []plog.LogRecord, name string) (values []any) {
	t.Helper()
	for _, record := range records {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(record.Body().Str()), &row))
		values = append(values, row[name])
	}
	return values
}

func TestResolvedIsOneStatusInAnyCase(t *testing.T) {
	t.Parallel()
	records, _ := recordsOf(t, "F2-resolved.json")
	assert.Equal(t, []any{"resolved", "delivered", "unknownFutureValue", "resolved", nil, nil}, each(records, "o365.message_trace.status"))
	assert.Equal(t, []any{"resolved", "delivered", "unknownFutureValue", "RESOLVED", nil, ""}, inBody(t, records, "status"))
	for _, record := range records {
		assert.Equal(t, plog.SeverityNumberInfo, record.SeverityNumber())
	}
	row := everything()
	want := testOrigin().Version(row, trace.ParseStatus([]byte("resolved")), "")
	assert.Equal(t, want, testOrigin().Version(row, trace.ParseStatus([]byte("Resolved")), ""))
	assert.False(t, want.Status.Underway(), "it is not expected to change")
}

func TestMailThatTheServiceMadeHasNoSourceAddress(t *testing.T) {
	t.Parallel()
	records, _ := recordsOf(t, "F6-from-ip.json")
	assert.Equal(t, []any{nil, "10.0.20.4", "2001:db8:10a6:20b:2f::15", "::ffff:203.0.113.7", nil, nil}, each(records, "source.address"))
	assert.Equal(t, []any{nil, nil, "2001:db8::1", "203.0.113.8", nil, nil}, each(records, "destination.address"))
	assert.Equal(t, "255.255.255.255", inBody(t, records, "fromIP")[0])
}

func TestSpellingsOfOneIDAreOneRow(t *testing.T) {
	t.Parallel()
	records, keys := recordsOf(t, "F12-guid-spellings.json")
	require.Len(t, keys, 6)
	uids := each(records, "log.record.uid")
	for i := range 4 {
		assert.Equal(t, keys[0], keys[i])
		assert.Equal(t, uids[0], uids[i])
	}
	assert.NotEqual(t, keys[0], keys[4])
	assert.NotEqual(t, keys[4], keys[5], "an ID of zeros is none")
	assert.NotEqual(t, uids[4], uids[5])
}

func TestOneMessageHasARecordForEachRecipient(t *testing.T) {
	t.Parallel()
	_, keys := recordsOf(t, "F4-one-id-many-recipients.json")
	distinct := map[trace.Key]bool{}
	for _, key := range keys {
		distinct[key] = true
	}
	assert.Len(t, distinct, 4)
}

func TestAnnotationsAreNoProperties(t *testing.T) {
	t.Parallel()
	records, _ := recordsOf(t, "F5-sidecars.json")
	require.Len(t, records, 1)
	attributes := records[0].Attributes().AsRaw()
	assert.Equal(t, int64(4097), attributes["o365.message_trace.size"])
	assert.Equal(t, "delivered", attributes["o365.message_trace.status"])
	assert.Equal(t, time.Date(2026, 10, 1, 10, 0, 22, 48_000_000, time.UTC), records[0].Timestamp().AsTime())
	assert.Equal(t, []any{"System.DateTime"}, inBody(t, records, "receivedDateTime@data.type"))
	assert.Equal(t, []any{"#microsoft.graph.exchangeMessageTrace"}, inBody(t, records, "@odata.type"))
}

func TestTimesAreRightOrMissing(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC)
	records, _ := recordsOf(t, "F44-dates.json")
	var got []time.Time
	for _, record := range records {
		if record.Timestamp() == 0 {
			got = append(got, time.Time{})
			continue
		}
		got = append(got, record.Timestamp().AsTime())
	}
	assert.Equal(t, []time.Time{
		ten, ten.Add(48 * time.Millisecond), ten, ten, ten, {}, {}, {}, time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), ten,
	}, got)
}
