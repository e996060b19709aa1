// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity tells rows, and their records, apart. Its hash is BLAKE2b, which unlike SHA-256 is fast on processors
// without instructions for it, and which nobody who chooses addresses and subjects can make collide.
package identity

import (
	"encoding/hex"

	"golang.org/x/crypto/blake2b"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// separator ends a text that is hashed. It occurs in no UTF-8, so no text can pretend to be two.
const separator = 0xFF

// KeyOf returns the key of a row: the first 128 bits of a BLAKE2b-256 over ID and recipient, both without case. Two of a billion
// (2^30) remembered rows collide with a probability below 2^-68. A row without ID or recipient is known by its fingerprint alone.
func KeyOf(r *trace.Row) trace.Key {
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
const UIDLength = 2 * len(trace.Key{})

// AppendUID appends the value of log.record.uid: 32 hexadecimal digits that are the same for the same row and status of a
// tenant over both services, restarts and repeats.
func AppendUID(dst []byte, tenant string, key trace.Key, s trace.Status) []byte {
	var buf [128]byte
	text := appendFolded(buf[:0], tenant)
	text = append(text, separator)
	text = append(text, key[:]...)
	text = append(text, s...)
	sum := first128(text)
	return hex.AppendEncode(dst, sum[:])
}

func first128(text []byte) (k trace.Key) {
	sum := blake2b.Sum256(text)
	copy(k[:], sum[:])
	return k
}
