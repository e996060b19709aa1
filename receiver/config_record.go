// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/o365messagetrace/o365messagetrace/internal/records"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Field is a further attribute of each record.
type Field struct {
	// Name is the name of the attribute, none of those that the receiver sets itself.
	Name string `mapstructure:"name"`
	// Value is a value expression in the OpenTelemetry Transformation Language, context log. A nil value sets nothing.
	Value string `mapstructure:"value"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Statuses selects which statuses are delivered.
type Statuses string

// The choices of Statuses.
const (
	// AllStatuses delivers a row whenever its status has changed.
	AllStatuses Statuses = "all"
	// FinalStatuses holds rows back while their messages are on their way.
	FinalStatuses Statuses = "final"
)

// Choices returns all choices.
func (Statuses) Choices() []string { return []string{string(AllStatuses), string(FinalStatuses)} }

// Body selects what the body of a record is.
type Body string

// The choices of Body.
const (
	// RawBody is the row's JSON text as received.
	RawBody Body = "raw"
	// NoBody leaves it empty.
	NoBody Body = "none"
)

// Choices returns all choices.
func (Body) Choices() []string { return []string{string(RawBody), string(NoBody)} }

// Attributes switches the attributes that repeat, or follow from, others. Each costs its bytes in every record.
type Attributes struct {
	// SenderAddress adds email.sender.address, ECS' name for the envelope sender, beside email.from.address, which is the same.
	SenderAddress bool `mapstructure:"sender_address"`
	// SenderDomain adds o365.message_trace.sender.domain, the registrable domain of the sender.
	SenderDomain bool `mapstructure:"sender_domain"`
	// RecipientDomain adds o365.message_trace.recipient.domain, the registrable domain of the recipient.
	RecipientDomain bool `mapstructure:"recipient_domain"`
	// RowUID adds o365.message_trace.row.uid, the key of a row's history: all its records, one for each status, have the same.
	RowUID bool `mapstructure:"row_uid"`
	// Outcome adds event.outcome: success, failure or unknown.
	Outcome bool `mapstructure:"outcome"`
}

// Severity is the severity of a record.
type Severity string

// The choices of Severity.
const (
	InfoSeverity  Severity = "info"
	WarnSeverity  Severity = "warn"
	ErrorSeverity Severity = "error"
)

// Choices returns all choices.
func (Severity) Choices() []string {
	return []string{string(InfoSeverity), string(WarnSeverity), string(ErrorSeverity)}
}

// severities are the numbers of the choices of Severity.
var severities = map[Severity]plog.SeverityNumber{
	InfoSeverity:  plog.SeverityNumberInfo,
	WarnSeverity:  plog.SeverityNumberWarn,
	ErrorSeverity: plog.SeverityNumberError,
}

// severities returns the severities of statuses.
func (cfg *Config) severities() records.Severities {
	all := records.Severities{}
	for status, severity := range cfg.Severity {
		all[trace.ParseStatus([]byte(status))] = severities[severity]
	}
	return all
}

// LogLevel is the least severity of log lines.
type LogLevel string

// The choices of LogLevel.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// Choices returns all choices.
func (LogLevel) Choices() []string {
	return []string{string(LogDebug), string(LogInfo), string(LogWarn), string(LogError)}
}
