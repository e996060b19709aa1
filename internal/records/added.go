// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Attributes are the attributes that repeat, or follow from, what a record has anyway, and so are there for who asks for them.
type Attributes struct {
	// SenderAddress is email.sender.address, as ECS names the envelope sender.
	SenderAddress bool
	// SenderDomain is o365.message_trace.sender.domain, a registrable domain.
	SenderDomain bool
	// RecipientDomain is o365.message_trace.recipient.domain, as well.
	RecipientDomain bool
	// RowUID is o365.message_trace.row.uid, which all records of a row share.
	RowUID bool
	// Outcome is event.outcome.
	Outcome bool
}

// domains reports whether registrable domains are wanted.
func (a Attributes) domains() bool { return a.SenderDomain || a.RecipientDomain }

// outcome returns what ECS allows in event.outcome: whether the mail has reached its recipient. Of expanded and resolved
// mail, the rows of the addresses that it went on to tell the rest; recalled mail was there and is not any more.
func outcome(s trace.Status) string {
	switch {
	case s.Bad():
		return "failure"
	case s == trace.Delivered, s == trace.Expanded, s == trace.Resolved:
		return "success"
	}
	return "unknown"
}

// Severities are the severities of statuses. A status that is not among them has WARN if the mail did not reach its recipient,
// else INFO.
type Severities map[trace.Status]plog.SeverityNumber

// severityTexts are as OpenTelemetry spells them in its data model of logs.
var severityTexts = map[plog.SeverityNumber]string{
	plog.SeverityNumberInfo:  "INFO",
	plog.SeverityNumberWarn:  "WARN",
	plog.SeverityNumberError: "ERROR",
}

// set sets the severity of a record of the status.
func (s Severities) set(record plog.LogRecord, status trace.Status) {
	number, ok := s[status]
	switch {
	case ok:
	case status.Bad():
		number = plog.SeverityNumberWarn
	default:
		number = plog.SeverityNumberInfo
	}
	record.SetSeverityNumber(number)
	record.SetSeverityText(severityTexts[number])
}
