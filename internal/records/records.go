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
	// Fields adds further attributes; nil adds none.
	Fields Fields
}

// Fields adds further attributes to a record that has all others.
type Fields interface {
	Set(ctx context.Context, resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord)
}

// Version is one status of one row: what a record is about.
type Version struct {
	Key    trace.Key
	Status trace.Status
	// Previous is the last status that was delivered, empty for a new row.
	Previous trace.Status
}

// Batch is the records of some rows of one page.
type Batch struct {
	logs     plog.Logs
	resource plog.ResourceLogs
	scope    plog.ScopeLogs
	origin   *Origin
	lane     trace.Lane
	observed pcommon.Timestamp
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
		origin:   o,
		lane:     lane,
		observed: pcommon.NewTimestampFromTime(observed),
	}
}

// Len is the number of records in the batch.
func (b *Batch) Len() int { return b.scope.LogRecords().Len() }

// Logs returns the batch. Whoever consumes it may change it.
func (b *Batch) Logs() plog.Logs { return b.logs }

// MarkFinal says of the last record that it is the last new one of its job.
func (b *Batch) MarkFinal() {
	if n := b.Len(); n > 0 && b.origin.Internal {
		b.scope.LogRecords().At(n-1).Attributes().PutBool("__final", true)
	}
}

// Append adds the record of one version of a row.
func (b *Batch) Append(r *trace.Row, v Version) {
	record := b.scope.LogRecords().AppendEmpty()
	record.SetEventName(EventName)
	record.SetObservedTimestamp(b.observed)
	if !r.Received.IsZero() {
		record.SetTimestamp(pcommon.NewTimestampFromTime(r.Received))
	}
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.SetSeverityText("INFO")
	if v.Status.Bad() {
		record.SetSeverityNumber(plog.SeverityNumberWarn)
		record.SetSeverityText("WARN")
	}
	if b.origin.Body {
		record.Body().SetStr(string(r.Raw))
	}
	b.putAttributes(record.Attributes(), r, v)
	if b.origin.Fields != nil {
		b.origin.Fields.Set(context.Background(), b.resource, b.scope, record)
	}
}

// attributeNames are the attributes that records can have, apart from those that the user defines.
var attributeNames = []string{
	"log.record.uid", "email.message_id", "email.local_id", "email.from.address", "email.to.address", "email.subject",
	"source.address", "destination.address", "o365.message_trace.status", "o365.message_trace.previous_status",
	"o365.message_trace.size", "o365.message_trace.organization", "o365.message_trace.index", "email.direction",
	"o365.message_trace.lane", "__inputId", "__source", "__final", "__isBroken",
}

// Reserved says whether the attribute is one that records have already.
func Reserved(name string) bool { return slices.Contains(attributeNames, name) }

func (b *Batch) putAttributes(m pcommon.Map, r *trace.Row, v Version) {
	m.EnsureCapacity(len(attributeNames))
	m.PutStr("log.record.uid", trace.UID(b.origin.TenantID, v.Key, v.Status))
	putText(m, "email.message_id", r.MessageID)
	putText(m, "email.local_id", r.ID)
	putText(m, "email.from.address", r.Sender)
	putText(m, "email.to.address", r.Recipient)
	putText(m, "email.subject", r.Subject)
	putText(m, "source.address", r.FromIP)
	putText(m, "destination.address", r.ToIP)
	putText(m, "o365.message_trace.status", v.Status)
	putText(m, "o365.message_trace.previous_status", v.Previous)
	putNumber(m, "o365.message_trace.size", r.Size)
	putText(m, "o365.message_trace.organization", r.Organization)
	putNumber(m, "o365.message_trace.index", r.Index)
	putText(m, "email.direction", b.origin.Local.direction(r.Sender, r.Recipient))
	m.PutStr("o365.message_trace.lane", string(b.lane))
	if !b.origin.Internal {
		return
	}
	m.PutStr("__inputId", b.origin.InputID)
	m.PutStr("__source", b.origin.Endpoint)
	m.PutBool("__final", false)
	m.PutBool("__isBroken", !r.Malformed)
}

func putText[T ~[]byte | ~string](m pcommon.Map, name string, text T) {
	if len(text) > 0 {
		m.PutStr(name, string(text))
	}
}

func putNumber(m pcommon.Map, name string, n trace.Number) {
	if n.Valid {
		m.PutInt(name, n.Value)
	}
}
