// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/connector/findings/internal/metadata"
	"github.com/o365messagetrace/o365messagetrace/internal/findings"
	"github.com/o365messagetrace/o365messagetrace/internal/records"
)

// eventName is the event name of findings.
const eventName = "o365.finding"

// observe reads a record. Texts are those of the record, not copies.
func observe(o *findings.Observation, tenant string, record plog.LogRecord) {
	*o = findings.Observation{Tenant: tenant, Observed: record.ObservedTimestamp().AsTime()}
	if at := record.Timestamp(); at != 0 {
		o.Received = at.AsTime()
	}
	record.Attributes().Range(func(name string, value pcommon.Value) bool {
		switch name {
		case "email.local_id":
			o.Message = text(value)
		case "email.from.address":
			o.Sender = text(value)
		case "email.to.address":
			o.Recipient = text(value)
		case "email.subject":
			o.Subject = text(value)
		case "source.address":
			o.Source = text(value)
		case "o365.message_trace.status":
			o.Status = text(value)
		case "o365.message_trace.previous_status":
			o.Previous = text(value)
		case "email.direction":
			o.Direction = text(value)
		case "o365.message_trace.size":
			if value.Type() == pcommon.ValueTypeInt {
				o.Size = value.Int()
			}
		}
		return true
	})
}

// text is a text, empty for what is none: a processor may have put anything there.
func text(value pcommon.Value) string {
	if value.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return value.Str()
}

// traced reports whether a record is one of a message trace.
func traced(record plog.LogRecord) bool { return record.EventName() == records.EventName }

var severities = map[findings.Severity]struct {
	number plog.SeverityNumber
	text   string
}{
	findings.Info:  {plog.SeverityNumberInfo, "INFO"},
	findings.Warn:  {plog.SeverityNumberWarn, "WARN"},
	findings.Error: {plog.SeverityNumberError, "ERROR"},
}

// logsOf are the records of findings, those of a tenant together.
func logsOf(found []findings.Finding, version string, now time.Time) plog.Logs {
	logs := plog.NewLogs()
	tenants := map[string]plog.LogRecordSlice{}
	for i := range found {
		f := &found[i]
		list, known := tenants[f.Tenant]
		if !known {
			list = appendTenant(logs, f.Tenant, version)
			tenants[f.Tenant] = list
		}
		appendRecord(list.AppendEmpty(), f, now)
	}
	return logs
}

func appendTenant(logs plog.Logs, tenant, version string) plog.LogRecordSlice {
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "exchange-online")
	if tenant != "" {
		resource.Resource().Attributes().PutStr("o365.tenant.id", tenant)
	}
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(version)
	return scope.LogRecords()
}

func appendRecord(record plog.LogRecord, f *findings.Finding, now time.Time) {
	record.SetEventName(eventName)
	record.SetTimestamp(pcommon.NewTimestampFromTime(f.Time))
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	record.SetSeverityNumber(severities[f.Severity].number)
	record.SetSeverityText(severities[f.Severity].text)
	record.Body().SetStr(f.Text)
	a := record.Attributes()
	a.PutStr("log.record.uid", f.UID)
	a.PutStr("o365.finding.rule", f.Rule)
	a.PutStr("o365.finding.key", f.Key)
	a.PutInt("o365.finding.count", f.Count)
	a.PutInt("o365.finding.threshold", f.Threshold)
	a.PutStr("o365.finding.window.start", f.Start.Format(time.RFC3339))
	a.PutStr("o365.finding.window.end", f.End.Format(time.RFC3339))
	a.PutStr("threat.technique.id", f.Technique)
	putAll(a, "o365.finding.messages", f.Messages)
	putAll(a, "o365.finding.recipients", f.Recipients)
}

func putAll(a pcommon.Map, name string, all []string) {
	if len(all) == 0 {
		return
	}
	list := a.PutEmptySlice(name)
	for _, each := range all {
		list.AppendEmpty().SetStr(each)
	}
}
