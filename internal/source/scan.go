// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Rows are read here in one pass, as strictly as by jsontext. Whatever is damaged, no UTF-8 or nested deeply is left to it.

// scan reads the row at pos, and returns where it ends; 0 if that is left to jsontext.
func (w *Walker) scan(pos int) (end int) {
	w.begin()
	if w.at(pos) != '{' {
		return 0
	}
	start := pos
	pos = w.skipSpace(pos + 1)
	for range maxMembers {
		c, value := w.head(pos)
		if value == 0 {
			return 0
		}
		end, escaped := scanValue(w.body, value, maxDepth)
		if end == 0 {
			return 0
		}
		w.assign(c, w.body[value:end], escaped)
		pos = w.skipSpace(end)
		switch w.at(pos) {
		case ',':
			pos = w.skipSpace(pos + 1)
		case '}':
			w.row.Raw = w.body[start : pos+1]
			return pos + 1
		default:
			return 0
		}
	}
	return 0
}

// maxDepth is how deeply values are nested at most. Those of rows are not at all.
const maxDepth = 16

// scanValue returns where the value at pos ends, and whether it is a string with escapes; 0 if it is damaged, no UTF-8 or
// nested more than depth levels deep.
func scanValue(b []byte, pos, depth int) (end int, escaped bool) {
	switch at(b, pos) {
	case '"':
		return scanString(b, pos)
	case '{', '[':
		return scanNested(b, pos, depth), false
	case 'n':
		return scanLiteral(b, pos, "null"), false
	case 't':
		return scanLiteral(b, pos, "true"), false
	case 'f':
		return scanLiteral(b, pos, "false"), false
	}
	return scanNumber(b, pos), false
}

// scanNested returns where the object or array at pos ends.
func scanNested(b []byte, pos, depth int) (end int) {
	if depth == 0 {
		return 0
	}
	// In ASCII, a closing bracket comes two behind the opening one.
	object, closing := b[pos] == '{', b[pos]+2
	if pos = skipSpace(b, pos+1); at(b, pos) == closing {
		return pos + 1
	}
	for {
		if object {
			if at(b, pos) != '"' {
				return 0
			}
			end, _ = scanString(b, pos)
			if pos = skipSpace(b, end); end == 0 || at(b, pos) != ':' {
				return 0
			}
			pos = skipSpace(b, pos+1)
		}
		if end, _ = scanValue(b, pos, depth-1); end == 0 {
			return 0
		}
		pos = skipSpace(b, end)
		switch at(b, pos) {
		case ',':
			pos = skipSpace(b, pos+1)
		case closing:
			return pos + 1
		default:
			return 0
		}
	}
}

func scanLiteral(b []byte, pos int, literal string) (end int) {
	if end = pos + len(literal); end <= len(b) && string(b[pos:end]) == literal {
		return end
	}
	return 0
}

// scanNumber returns where the number at pos ends; 0 if it is none, or at the end of b, where more of it may come.
func scanNumber(b []byte, pos int) (end int) {
	if at(b, pos) == '-' {
		pos++
	}
	end = scanDigits(b, pos)
	if end == pos || end > pos+1 && b[pos] == '0' {
		return 0
	}
	if pos = end; at(b, pos) == '.' {
		if end = scanDigits(b, pos+1); end == pos+1 {
			return 0
		}
	}
	if pos = end; at(b, pos)|0x20 == 'e' {
		if pos++; at(b, pos) == '+' || at(b, pos) == '-' {
			pos++
		}
		if end = scanDigits(b, pos); end == pos {
			return 0
		}
	}
	if end == len(b) {
		return 0
	}
	return end
}

func scanDigits(b []byte, pos int) (end int) {
	for c := at(b, pos); '0' <= c && c <= '9'; c = at(b, pos) {
		pos++
	}
	return pos
}

// at returns the byte at a position, 0 behind the end.
func at(b []byte, pos int) byte {
	if pos < len(b) {
		return b[pos]
	}
	return 0
}

func skipSpace(b []byte, pos int) int {
	const space = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'
	for pos < len(b) && b[pos] <= ' ' && space>>b[pos]&1 != 0 {
		pos++
	}
	return pos
}

const (
	ones  = 0x01_01_01_01_01_01_01_01
	highs = 0x80 * ones
)

// scanString returns where the string that begins at pos ends, and whether there are escapes in it; 0 if it is damaged or no
// UTF-8. Half a surrogate pair is not damage.
func scanString(b []byte, pos int) (end int, escaped bool) {
	start := pos
	// beyond has a bit above seven set if there is anything beyond ASCII.
	var beyond uint64
	for pos++; ; {
		n, all := scanPlain(b[pos:])
		beyond |= all
		pos += n
		switch {
		case pos == len(b):
			return 0, false
		case b[pos] == '"' && (beyond&highs == 0 || utf8.Valid(b[start:pos])):
			return pos + 1, escaped
		case b[pos] == '\\':
			n := scanEscape(b[pos:])
			if n == 0 {
				return 0, false
			}
			pos += n
			escaped = true
		default:
			return 0, false
		}
	}
}

// scanPlain returns how many bytes come before the first one that is a quotation mark, a backslash or a control character,
// and all of their bits.
func scanPlain(b []byte) (n int, all uint64) {
	rest := b
	for ; len(rest) >= 8; rest = rest[8:] {
		x := binary.LittleEndian.Uint64(rest)
		// With their second bit flipped, the quotation mark comes right behind the control characters. A bit may also be set
		// by a borrow, but only above the one that is meant.
		special := (((x ^ ones*2) - ones*('"'^2+1)) | ((x ^ ones*'\\') - ones)) &^ x & highs
		if special != 0 {
			first := bits.TrailingZeros64(special) &^ 7
			return len(b) - len(rest) + first/8, all | x&(1<<first-1)
		}
		all |= x
	}
	for ; len(rest) > 0 && rest[0] >= ' ' && rest[0] != '"' && rest[0] != '\\'; rest = rest[1:] {
		all |= uint64(rest[0])
	}
	return len(b) - len(rest), all
}

// scanEscape returns the length of the escape that b begins with; 0 if it is none.
func scanEscape(b []byte) int {
	switch at(b, 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		return scanCodePoint(b)
	}
	return 0
}

func scanCodePoint(b []byte) int {
	const length = len(`\u0000`)
	if len(b) < length {
		return 0
	}
	for _, c := range b[2:length] {
		if ('0' > c || c > '9') && ('a' > c || c > 'f') && ('A' > c || c > 'F') {
			return 0
		}
	}
	return length
}
