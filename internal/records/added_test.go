// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestSeverityAndOutcomeFollowTheStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[trace.Status]struct {
		usual   plog.SeverityNumber
		outcome string
	}{
		trace.GettingStatus:  {plog.SeverityNumberInfo, "unknown"},
		trace.Pending:        {plog.SeverityNumberInfo, "unknown"},
		trace.Failed:         {plog.SeverityNumberWarn, "failure"},
		trace.Delivered:      {plog.SeverityNumberInfo, "success"},
		trace.Expanded:       {plog.SeverityNumberInfo, "success"},
		trace.Quarantined:    {plog.SeverityNumberWarn, "failure"},
		trace.FilteredAsSpam: {plog.SeverityNumberWarn, "failure"},
		trace.Recalled:       {plog.SeverityNumberInfo, "unknown"},
		trace.Resolved:       {plog.SeverityNumberInfo, "success"},
		"unknownFutureValue": {plog.SeverityNumberInfo, "unknown"},
		"":                   {plog.SeverityNumberInfo, "unknown"},
	} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			r := record(t, everything(), Version{Status: status})
			assert.Equal(t, want.usual, r.SeverityNumber())
			assert.Equal(t, strings.ToUpper(want.usual.String()), r.SeverityText())
			assert.Equal(t, want.outcome, r.Attributes().AsRaw()["event.outcome"])

			for _, asked := range []plog.SeverityNumber{plog.SeverityNumberInfo, plog.SeverityNumberWarn, plog.SeverityNumberError} {
				r := plog.NewLogRecord()
				Severities{status: asked, "other": plog.SeverityNumberError}.set(r, status)
				assert.Equal(t, asked, r.SeverityNumber())
				assert.Equal(t, strings.ToUpper(asked.String()), r.SeverityText())
			}
			r = plog.NewLogRecord()
			Severities{"other": plog.SeverityNumberError}.set(r, status)
			assert.Equal(t, want.usual, r.SeverityNumber(), "of others nothing changes")
		})
	}
}

// The statuses of one row have the same UID, and no two rows do.
func TestRowUIDIsTheKeyOfAHistory(t *testing.T) {
	t.Parallel()
	origin := testOrigin()
	row := everything()
	pending, failed := origin.Version(row, trace.Pending, ""), origin.Version(row, trace.Failed, trace.Pending)
	assert.Equal(t, pending.Row, failed.Row)
	assert.NotEqual(t, pending.UID, failed.UID)
	other := everything()
	other.Recipient = []byte("other@contoso.com")
	assert.NotEqual(t, pending.Row, origin.Version(other, trace.Pending, "").Row)
	origin.Attributes.RowUID = false
	assert.Zero(t, origin.Version(row, trace.Pending, "").Row, "it costs nothing where it is not wanted")
}

// What an attribute costs is its place in the record, and no more: whatever is added, the texts are one copy.
func TestAllocationsOfARecord(t *testing.T) {
	const rows = 1000
	for name, attributes := range map[string]Attributes{"none added": {}, "all added": allAttributes} {
		t.Run(name, func(t *testing.T) {
			origin, row := testOrigin(), everything()
			origin.Attributes = attributes
			var width int
			allocs := testing.AllocsPerRun(5, func() {
				b := origin.NewBatch(observed, trace.Live)
				for range rows {
					b.Append(row, origin.Version(row, trace.Failed, trace.Pending))
				}
				width = b.width
			})
			assert.LessOrEqual(t, int(allocs)/rows, width+4, "for each record; a batch has some of its own")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, attributes := range map[string]Attributes{
		"none": {}, "sender address": {SenderAddress: true}, "domains": {SenderDomain: true, RecipientDomain: true},
		"row UID": {RowUID: true}, "outcome": {Outcome: true}, "all": allAttributes,
	} {
		b.Run(name, func(b *testing.B) {
			origin, row := testOrigin(), everything()
			origin.Attributes, origin.Local = attributes, nil
			batch := origin.NewBatch(observed, trace.Live)
			b.ReportAllocs()
			for b.Loop() {
				if batch.Len() == fullBatch {
					batch = origin.NewBatch(observed, trace.Live)
				}
				batch.Append(row, origin.Version(row, trace.Failed, ""))
			}
		})
	}
}
