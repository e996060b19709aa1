// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package trace is the domain: what one row of a message trace is, what identifies it, what became of its message, and
// the stretch of received time that is asked for. It knows neither HTTP nor pdata nor the clock.
package trace

import "time"

// Row is one row of a message trace: one message and one of its recipients. It is a borrowed view: the byte slices point
// into the page that the row was read from, must not be appended to, and are valid only until the next row is read, except
// for Raw, which is valid as long as the page. An absent or null property is empty.
type Row struct {
	// Raw is the JSON text of the row as received.
	Raw []byte
	// Malformed reports whether Raw is no JSON object, so that nothing else of the row is known.
	Malformed bool

	// ID is the network message ID. All recipients of a message share it.
	ID []byte
	// MessageID is the Message-ID header (RFC 5322). It is chosen by the sender and identifies nothing.
	MessageID []byte
	// Recipient is the one envelope recipient that the row is about.
	Recipient []byte
	// Sender is the envelope sender as the service spells it, mostly "<>" for the null sender.
	Sender       []byte
	Subject      []byte
	FromIP       []byte
	ToIP         []byte
	Organization []byte
	// Status is what became of the message, as the service spells it.
	Status []byte

	// Received is the time at which Exchange received the message, in UTC; zero if it is absent or unreadable. It never
	// changes, unlike the status.
	Received time.Time
	// Size is the size of the message in bytes.
	Size Number
	// Index is the position of the row in the result (Reporting Web Service only).
	Index Number

	// Fingerprint is the text that identifies a row that ID and recipient do not identify: Raw without what merely echoes the query.
	Fingerprint []byte
}

// Identified reports whether ID and recipient tell the row from others. An ID of zeros, which stands for none, does not.
func (r *Row) Identified() bool {
	for _, c := range r.ID {
		if c != '0' && c != '-' && c != '{' && c != '}' {
			return len(r.Recipient) > 0
		}
	}
	return false
}

// Number is an integer that may be absent.
type Number struct {
	Value int64
	Valid bool
}

// Key identifies a row among those that are remembered together, whatever becomes of its message. Package identity makes
// keys.
type Key [16]byte
