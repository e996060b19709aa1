// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

// Field is a further attribute of each record.
type Field struct {
	// Name is the name of the attribute, none of those that every record has of itself.
	Name string `mapstructure:"name"`
	// Value is a value expression in the OpenTelemetry Transformation Language, context log. A nil value sets nothing.
	Value string `mapstructure:"value"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Statuses says which statuses are delivered.
type Statuses string

// The choices of Statuses.
const (
	// AllStatuses delivers a row whenever its status has changed.
	AllStatuses Statuses = "all"
	// FinalStatuses holds rows back while their messages are on their way.
	FinalStatuses Statuses = "final"
)

// Body says what the body of a record is.
type Body string

// The choices of Body.
const (
	// RawBody is the row's JSON text as received.
	RawBody Body = "raw"
	// NoBody leaves it empty.
	NoBody Body = "none"
)

// LogLevel is the least severity of log lines.
type LogLevel string

// The choices of LogLevel.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)
