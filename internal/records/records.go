// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package records turns rows into log records. The names that it writes are declared in metadata.yaml.
package records

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// EventName is the event name of every record.
const EventName = "o365.message_trace"

// serviceName is the resource that the mail went through, whichever API told of it.
const serviceName = "exchange-online"

// Origin is what all records of a receiver have in common.
type Origin struct {
	// InputID is the component ID of the receiver.
	InputID string
	// TenantID is the tenant as configured; it may be empty.
	TenantID string
	// Endpoint is the URL that the rows come from, without query.
	Endpoint string
	// ServerAddress is the host of Endpoint.
	ServerAddress string
	// ScopeName and ScopeVersion name the instrumentation scope.
	ScopeName, ScopeVersion string
	// Body has the row's text as the body; without it, there is none.
	Body bool
	// Internal adds the attributes whose names begin with two underscores.
	Internal bool
	// Local are the domains that the direction of a message follows from.
	Local Domains
	// Attributes adds attributes that follow from others.
	Attributes Attributes
	// Severities are the severities that differ from the usual ones.
	Severities Severities
	// Fields adds further attributes; nil adds none.
	Fields Fields
}

// Fields adds further attributes to a record that has all others.
type Fields interface {
	Set(ctx context.Context, resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord)
}

// Version is one status of one row: what a record is about.
type Version struct {
	UID    identity.UID
	Status trace.Status
	// Previous is the last status that was delivered, empty for a new row.
	Previous trace.Status
	// Row is the UID of the row whatever its status, if the records have it.
	Row identity.UID
}

// Version returns the version of a row. The row must be as it came: one without ID or recipient is known by its text.
func (o *Origin) Version(r *trace.Row, s, previous trace.Status) Version {
	v := Version{UID: identity.UIDOf(o.TenantID, r, s), Status: s, Previous: previous}
	if o.Attributes.RowUID {
		v.Row = identity.RowUIDOf(o.TenantID, r)
	}
	return v
}

// Batch is the records of some rows of one page.
type Batch struct {
	logs     plog.Logs
	resource plog.ResourceLogs
	scope    plog.ScopeLogs
	records  plog.LogRecordSlice
	origin   *Origin
	lane     trace.Lane
	observed pcommon.Timestamp
	// texts and attributes are what the record in hand is made of, and width the most attributes that a record has had.
	texts      texts
	attributes xpdata.MapBuilder
	width      int
	// domains are those of the addresses so far, by how they are spelled.
	domains map[string]domain
}

// NewBatch returns an empty batch of rows that were observed, in the page that they came with, at the given time.
func (o *Origin) NewBatch(observed time.Time, lane trace.Lane) *Batch {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	attributes := resource.Resource().Attributes()
	attributes.PutStr("service.name", serviceName)
	attributes.PutStr("server.address", o.ServerAddress)
	if o.TenantID != "" {
		attributes.PutStr("o365.tenant.id", o.TenantID)
	}
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(o.ScopeName)
	scope.Scope().SetVersion(o.ScopeVersion)
	return &Batch{
		logs:     logs,
		resource: resource,
		scope:    scope,
		records:  scope.LogRecords(),
		origin:   o,
		lane:     lane,
		observed: pcommon.NewTimestampFromTime(observed),
	}
}

// Len is the number of records in the batch.
func (b *Batch) Len() int { return b.records.Len() }

// Logs returns the batch. Whoever consumes it may change it.
func (b *Batch) Logs() plog.Logs { return b.logs }

// MarkFinal marks the last record as the last new one of its job.
func (b *Batch) MarkFinal() {
	if n := b.Len(); n > 0 && b.origin.Internal {
		b.records.At(n-1).Attributes().PutBool("__final", true)
	}
}

// madeByService is the address that messages come from which Exchange Online made itself: journal reports, bounces, automatic
// replies (seen in tenants).
const madeByService = "255.255.255.255"

// A batch that has manyRecords is likely to become a full one, which has at most about fullBatch.
const manyRecords, fullBatch = 64, 1000

// Append adds the record of one version of a row.
func (b *Batch) Append(r *trace.Row, v Version) {
	if b.Len() == manyRecords {
		b.records.EnsureCapacity(fullBatch)
	}
	record := b.records.AppendEmpty()
	record.SetEventName(EventName)
	record.SetObservedTimestamp(b.observed)
	if !r.Received.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(r.Received))
	}
	b.origin.Severities.set(record, v.Status)
	b.attributes.EnsureCapacity(b.width)
	b.putTexts(record, r, v)
	b.putOthers(r, v)
	b.attributes.UnsafeIntoMap(record.Attributes())
	if b.origin.Fields != nil {
		b.origin.Fields.Set(context.Background(), b.resource, b.scope, record)
	}
	b.width = max(b.width, record.Attributes().Len())
}

// attributeNames are the attributes that records can have, apart from those that the user defines.
var attributeNames = []string{
	"log.record.uid", "email.message_id", "email.local_id", "email.from.address", "email.to.address", "email.subject",
	"source.address", "destination.address", "o365.message_trace.status", "o365.message_trace.previous_status",
	"o365.message_trace.size", "o365.message_trace.organization", "o365.message_trace.index", "email.direction",
	"o365.message_trace.lane", "__inputId", "__source", "__final", "__isBroken",
	// Of Attributes.
	"email.sender.address", "o365.message_trace.sender.domain", "o365.message_trace.recipient.domain", "o365.message_trace.row.uid",
	"event.outcome",
}

// Reserved reports whether the attribute is one that records have already.
func Reserved(name string) bool {
	return slices.Contains(attributeNames, name) || slices.Contains(detailNames, name)
}

// putTexts sets the body and the attributes that are texts of the row. All of them are parts of one copy.
func (b *Batch) putTexts(record plog.LogRecord, r *trace.Row, v Version) {
	b.texts.begin(r.Raw, b.origin.Body)
	b.texts.buf = v.UID.AppendHex(b.texts.buf)
	b.texts.end("log.record.uid", identity.UIDLength)
	if b.origin.Attributes.RowUID {
		b.texts.buf = v.Row.AppendHex(b.texts.buf)
		b.texts.end("o365.message_trace.row.uid", identity.UIDLength)
	}
	b.texts.add("email.message_id", r.MessageID)
	b.texts.add("email.local_id", r.ID)
	b.texts.add("email.from.address", envelopeSender(r.Sender))
	if b.origin.Attributes.SenderAddress {
		b.texts.add("email.sender.address", envelopeSender(r.Sender))
	}
	b.texts.add("email.to.address", r.Recipient)
	b.texts.add("email.subject", r.Subject)
	if string(r.FromIP) != madeByService {
		b.texts.add("source.address", r.FromIP)
	}
	b.texts.add("destination.address", r.ToIP)
	b.texts.add("o365.message_trace.organization", r.Organization)
	text := string(b.texts.buf)
	if b.origin.Body {
		record.Body().SetStr(text[:len(r.Raw)])
	}
	for _, part := range b.texts.parts {
		b.attributes.AppendEmpty(part.name).SetStr(text[part.from:part.to])
	}
}

// putOthers sets the attributes that need no copy.
func (b *Batch) putOthers(r *trace.Row, v Version) {
	b.putText("o365.message_trace.status", string(v.Status))
	b.putText("o365.message_trace.previous_status", string(v.Previous))
	b.putNumber("o365.message_trace.size", r.Size)
	b.putNumber("o365.message_trace.index", r.Index)
	b.putText("o365.message_trace.lane", string(b.lane))
	b.putDomains(r)
	if b.origin.Attributes.Outcome && !r.Malformed {
		b.putText("event.outcome", outcome(v.Status))
	}
	if !b.origin.Internal {
		return
	}
	b.attributes.AppendEmpty("__inputId").SetStr(b.origin.InputID)
	b.attributes.AppendEmpty("__source").SetStr(b.origin.Endpoint)
	b.attributes.AppendEmpty("__final").SetBool(false)
	b.attributes.AppendEmpty("__isBroken").SetBool(!r.Malformed)
}

// putDomains sets the attributes that follow from the domains of the addresses.
func (b *Batch) putDomains(r *trace.Row) {
	attributes := b.origin.Attributes
	if len(b.origin.Local) == 0 && !attributes.domains() {
		return
	}
	from, to := b.domainOf(r.Sender), b.domainOf(r.Recipient)
	if len(b.origin.Local) > 0 {
		b.putText("email.direction", direction(r.Sender, from, to))
	}
	if attributes.SenderDomain {
		b.putText("o365.message_trace.sender.domain", from.registrable)
	}
	if attributes.RecipientDomain {
		b.putText("o365.message_trace.recipient.domain", to.registrable)
	}
}

func (b *Batch) putText(name, text string) {
	if text != "" {
		b.attributes.AppendEmpty(name).SetStr(text)
	}
}

func (b *Batch) putNumber(name string, n trace.Number) {
	if n.Valid {
		b.attributes.AppendEmpty(name).SetInt(n.Value)
	}
}
