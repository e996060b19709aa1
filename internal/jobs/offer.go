// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobs

import (
	"iter"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// traceEvent is the event name of the records of rows. Those of records that follow one are longer.
const traceEvent = "o365.message_trace"

// mail is what is counted of a record.
type mail struct {
	received                                       time.Time
	status, previous, direction, sender, recipient string
}

// mailOf reads a record. The envelope sender is preferred to the other one.
func mailOf(record plog.LogRecord) mail {
	m := mail{received: record.Timestamp().AsTime()}
	author := ""
	for name, value := range record.Attributes().All() {
		switch name {
		case "o365.message_trace.status":
			m.status = value.Str()
		case "o365.message_trace.previous_status":
			m.previous = value.Str()
		case "email.direction":
			m.direction = value.Str()
		case "email.sender.address":
			m.sender = value.Str()
		case "email.from.address":
			author = value.Str()
		case "email.to.address":
			m.recipient = value.Str()
		}
	}
	if m.sender == "" {
		m.sender = author
	}
	return m
}

// records are those of all resources and scopes.
func records(logs plog.Logs) iter.Seq[plog.LogRecord] {
	return func(yield func(plog.LogRecord) bool) {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					if !yield(record) {
						return
					}
				}
			}
		}
	}
}

// Offer takes what is to be recorded and shown of records before they are offered to the pipeline, to which they belong
// afterwards. The job may be nil. If the pipeline accepts them, accepted is to be called, once. Neither waits.
func (rec *Recorder) Offer(j *Job, logs plog.Logs) (accepted func()) {
	if rec == nil {
		return func() {}
	}
	oldest := rec.now().Add(-topSpan - topStep)
	var rows Breakdown
	var counted []mail
	for record := range records(logs) {
		// What follows a row is no row.
		if strings.HasPrefix(record.EventName(), traceEvent+".") {
			continue
		}
		m := mailOf(record)
		rows.count(m.status, m.direction)
		if rec.top != nil && m.previous == "" && m.received.After(oldest) {
			counted = append(counted, m)
		}
	}
	watched := plog.NewLogs()
	if rec.Capturing() {
		logs.CopyTo(watched)
	}
	return func() {
		rec.series.add(rec.now(), Minute{Breakdown: rows})
		j.change(func(r *Record) { r.Breakdown.add(rows) })
		if len(counted) > 0 {
			rec.top.add(counted, rec.now())
		}
		rec.show(watched)
	}
}
