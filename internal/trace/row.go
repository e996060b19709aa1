// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package trace is the domain: what one row of a message trace is, what identifies it, what became of its message, and
// the stretch of received time that is asked for. It knows neither HTTP nor pdata nor the clock.
package trace

import (
	"encoding/hex"
	"time"

	"golang.org/x/crypto/blake2b"
)

// Row is one row of a message trace: one message and one of its recipients. It is a borrowed view: the byte slices point
// into the page that the row was read from, must not be appended to, and are valid only until the next row is read, except
// for Raw, which is valid as long as the page. An absent or null property is empty.
type Row struct {
	// Raw is the JSON text of the row as received.
	Raw []byte
	// Malformed says that Raw is no JSON object, so that nothing else of the row is known.
	Malformed bool

	// ID is the network message ID. All recipients of a message share it.
	ID []byte
	// MessageID is the Message-ID header (RFC 5322). It is chosen by the sender and identifies nothing.
	MessageID []byte
	// Recipient is the one envelope recipient that the row is about.
	Recipient []byte
	// Sender is the envelope sender, "<>" for the null sender.
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

	// Fingerprint is the text that identifies a row without ID or recipient: Raw without what merely echoes the query.
	Fingerprint []byte
}

// Number is an integer that may be absent.
type Number struct {
	Value int64
	Valid bool
}

// Key identifies a row among all rows of a tenant, whatever becomes of its message: the first 128 bits of a BLAKE2b-256 over
// ID and recipient, both without case. Two of a billion (2^30) remembered rows collide with a probability below 2^-68.
type Key [16]byte

// separator ends a text that is hashed. It occurs in no UTF-8, so no text can pretend to be two.
const separator = 0xFF

// KeyOf returns the key of a row. A row without ID or recipient is known by its fingerprint alone.
func KeyOf(r *Row) Key {
	var buf [256]byte
	text := buf[:0]
	if len(r.ID) == 0 || len(r.Recipient) == 0 {
		text = append(append(text, separator), r.Fingerprint...)
	} else {
		text = appendFolded(text, r.ID)
		text = append(text, separator)
		text = appendFolded(text, r.Recipient)
	}
	return first128(text)
}

// UIDLength is the length of log.record.uid.
const UIDLength = 2 * len(Key{})

// AppendUID appends the value of log.record.uid: 32 hexadecimal digits that are the same for the same row and status of a
// tenant over both services, restarts and repeats.
func AppendUID(dst []byte, tenant string, key Key, s Status) []byte {
	var buf [128]byte
	text := appendFolded(buf[:0], tenant)
	text = append(text, separator)
	text = append(text, key[:]...)
	text = append(text, s...)
	sum := first128(text)
	return hex.AppendEncode(dst, sum[:])
}

func first128(text []byte) (k Key) {
	sum := blake2b.Sum256(text)
	copy(k[:], sum[:])
	return k
}
