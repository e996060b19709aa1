// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/cause"
	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// The event names of the records that follow those of rows.
const (
	// DetailEventName is that of a detail, and CauseEventName that of the cause of a row's status.
	DetailEventName = "o365.message_trace.detail"
	CauseEventName  = "o365.message_trace.cause"
)

// detailNames are the attributes that these records have beside those of rows.
var detailNames = []string{
	"o365.message_trace.detail.event", "o365.message_trace.detail.action", "o365.message_trace.detail.text", "o365.message_trace.detail.data",
	"o365.message_trace.cause", "o365.message_trace.cause.code", "o365.message_trace.cause.reply", "o365.message_trace.cause.text",
	"o365.message_trace.cause.rule", "o365.message_trace.cause.server", "o365.message_trace.cause.event",
}

// Delivery is a row that records are about, with the status that they explain.
type Delivery struct {
	ID, Recipient, Sender string
	Status                trace.Status
}

func (d *Delivery) row() *trace.Row {
	return &trace.Row{ID: []byte(d.ID), Recipient: []byte(d.Recipient), Sender: []byte(d.Sender)}
}

// DetailUID returns the UID of a detail. Times count by the second, since only that is the same for both services.
func (o *Origin) DetailUID(d Delivery, detail *trace.Detail) identity.UID {
	at := ""
	if !detail.At.IsZero() {
		at = detail.At.UTC().Format("2006-01-02T15:04:05")
	}
	return identity.DetailUIDOf(o.TenantID, d.row(), at, detail.Event, detail.Action, detail.Text, detail.Data)
}

// CauseUID returns the UID of the cause of the row's status.
func (o *Origin) CauseUID(d Delivery) identity.UID {
	return identity.CauseUIDOf(o.TenantID, d.row(), d.Status)
}

// AppendDetail adds the record of a detail.
func (b *Batch) AppendDetail(d Delivery, uid identity.UID, detail *trace.Detail) {
	record := b.begin(DetailEventName, d, uid)
	if !detail.At.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(detail.At))
	}
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.SetSeverityText(severityTexts[plog.SeverityNumberInfo])
	if b.origin.Body {
		record.Body().SetStr(string(detail.Raw))
	}
	b.putText("email.message_id", detail.MessageID)
	b.putText("o365.message_trace.detail.event", detail.Event)
	b.putText("o365.message_trace.detail.action", detail.Action)
	b.putText("o365.message_trace.detail.text", detail.Text)
	if len(detail.Facts) > 0 {
		data := b.attributes.AppendEmpty("o365.message_trace.detail.data").SetEmptyMap()
		for _, fact := range detail.Facts {
			// Of a fact that comes twice, the first one counts, as it does for the cause.
			if _, twice := data.Get(fact.Name); !twice {
				data.PutStr(fact.Name, fact.Value)
			}
		}
	}
	b.finish(record)
}

// AppendCause adds the record of why the row has its status.
func (b *Batch) AppendCause(d Delivery, uid identity.UID, c *cause.Cause) {
	record := b.begin(CauseEventName, d, uid)
	if !c.At.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(c.At))
	}
	b.origin.Severities.set(record, d.Status)
	b.putText("o365.message_trace.cause", c.Name)
	b.putText("o365.message_trace.cause.code", c.Code)
	b.putNumber("o365.message_trace.cause.reply", trace.Number{Value: int64(c.Reply), Valid: c.Reply != 0})
	b.putText("o365.message_trace.cause.text", c.Text)
	b.putText("o365.message_trace.cause.rule", c.Rule)
	b.putText("o365.message_trace.cause.server", c.Server)
	b.putText("o365.message_trace.cause.event", c.Event)
	b.finish(record)
}

// begin adds a record with what links it to its row.
func (b *Batch) begin(event string, d Delivery, uid identity.UID) plog.LogRecord {
	record := b.records.AppendEmpty()
	record.SetEventName(event)
	record.SetObservedTimestamp(b.observed)
	row := d.row()
	b.putText("log.record.uid", string(uid.AppendHex(nil)))
	if b.origin.Attributes.RowUID {
		b.putText("o365.message_trace.row.uid", string(identity.RowUIDOf(b.origin.TenantID, row).AppendHex(nil)))
	}
	b.putText("email.local_id", d.ID)
	b.putText("email.from.address", string(envelopeSender(row.Sender)))
	if b.origin.Attributes.SenderAddress {
		b.putText("email.sender.address", string(envelopeSender(row.Sender)))
	}
	b.putText("email.to.address", d.Recipient)
	b.putText("o365.message_trace.status", string(d.Status))
	b.putText("o365.message_trace.lane", string(b.lane))
	b.putDomains(row)
	if b.origin.Internal {
		b.attributes.AppendEmpty("__inputId").SetStr(b.origin.InputID)
		b.attributes.AppendEmpty("__source").SetStr(b.origin.Endpoint)
	}
	return record
}

func (b *Batch) finish(record plog.LogRecord) {
	b.attributes.UnsafeIntoMap(record.Attributes())
	if b.origin.Fields != nil {
		b.origin.Fields.Set(context.Background(), b.resource, b.scope, record)
	}
}
