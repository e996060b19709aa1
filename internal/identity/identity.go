// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity tells rows, and their records, apart. Nobody who chooses addresses and subjects can make two of them
// look like one.
package identity

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"

	"github.com/dchest/siphash"
	"golang.org/x/crypto/blake2b"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// separator ends a text that is hashed. It occurs in no UTF-8, so no text can pretend to be two.
const separator = 0xFF

// Secret is what the keys of rows are made with, so that nobody else can tell which rows have the same one.
type Secret [16]byte

// NewSecret returns a secret of the system's random numbers.
func NewSecret() (s Secret) {
	_, _ = rand.Read(s[:])
	return s
}

// KeyOf returns the key of a row: 128 bits of a SipHash-2-4 over ID and recipient, both without case, and IDs however they
// are spelled. Two of a billion (2^30) remembered rows collide with a probability below 2^-68. A row without ID or
// recipient is known by its fingerprint alone.
func (s Secret) KeyOf(r *trace.Row) (k trace.Key) {
	var buf [256]byte
	low, high := siphash.Hash128(binary.LittleEndian.Uint64(s[:]), binary.LittleEndian.Uint64(s[8:]), appendRow(buf[:0], r))
	binary.LittleEndian.PutUint64(k[:], low)
	binary.LittleEndian.PutUint64(k[8:], high)
	return k
}

// UID is the value of log.record.uid, or of o365.message_trace.row.uid: the same for the same row of a tenant, with or without
// its status, over both services, restarts and repeats.
type UID [16]byte

// UIDLength is how many hexadecimal digits a UID has.
const UIDLength = 2 * len(UID{})

// UIDOf returns the UID of the row with the status: the first 128 bits of a BLAKE2b-256, which unlike SHA-256 is fast on
// processors without instructions for it.
func UIDOf(tenant string, r *trace.Row, s trace.Status) UID {
	var buf [256]byte
	text := append(AppendFolded(buf[:0], tenant), separator)
	text = append(text, s.Folded()...)
	return sum(appendRow(append(text, separator), r))
}

// whole begins what is hashed of a row whatever its status. Like the separator it occurs in no UTF-8, so no tenant's name and
// status begin the same.
const whole = 0xFE

// RowUIDOf returns the UID of the row whatever its status: the same for all records of its history.
func RowUIDOf(tenant string, r *trace.Row) UID {
	var buf [256]byte
	text := append(AppendFolded(append(buf[:0], whole), tenant), separator)
	return sum(appendRow(text, r))
}

// told and why begin what is hashed of a detail and of a cause. Like whole they occur in no UTF-8.
const told, why = 0xFD, 0xFC

// DetailUIDOf returns the UID of a detail of a row: of an event, which is told by parts of its text. It is the same over both
// services, restarts and repeats.
func DetailUIDOf(tenant string, r *trace.Row, parts ...string) UID {
	text := append(AppendFolded([]byte{told}, tenant), separator)
	text = append(appendRow(text, r), separator)
	for _, part := range parts {
		text = append(append(text, part...), separator)
	}
	return sum(text)
}

// CauseUIDOf returns the UID of the cause of a status of a row.
func CauseUIDOf(tenant string, r *trace.Row, s trace.Status) UID {
	text := append(AppendFolded([]byte{why}, tenant), separator)
	text = append(text, s.Folded()...)
	return sum(appendRow(append(text, separator), r))
}

func sum(text []byte) (u UID) {
	hash := blake2b.Sum256(text)
	copy(u[:], hash[:])
	return u
}

// AppendHex appends the UID in hexadecimal digits.
func (u UID) AppendHex(dst []byte) []byte { return hex.AppendEncode(dst, u[:]) }

// appendRow appends what identifies a row.
func appendRow(dst []byte, r *trace.Row) []byte {
	if !r.Identified() {
		return append(append(dst, separator), r.Fingerprint...)
	}
	dst = append(AppendID(dst, r.ID), separator)
	return AppendFolded(dst, r.Recipient)
}
