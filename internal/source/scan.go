// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Most rows are plain: objects without spaces, whose values are texts, integers and literals, and whose members come in
// the same order in every row. Such rows are read here in one pass, as strictly as by jsontext; whatever is not plain, or
// damaged, is left to it.

// column is a member of the rows: where its value belongs, if anywhere.
type column struct {
	// head is the text from the quotation mark before the name to the colon behind it.
	head     []byte
	text     *[]byte
	number   *trace.Number
	received bool
}

// column returns the column of that name.
func (w *Walker) column(name []byte) (c column) {
	if string(name) == w.dialect.Received {
		c.received = true
	} else {
		c.text, c.number = w.dialect.Properties(&w.row, name)
	}
	return c
}

// scan reads the row at pos if it is plain, and returns where it ends; else 0.
func (w *Walker) scan(pos int) (end int) {
	w.begin()
	if w.at(pos) != '{' {
		return 0
	}
	start := pos
	for i := 0; ; i++ {
		c := w.head(i, pos+1)
		if c == nil {
			return 0
		}
		value := pos + 1 + len(c.head)
		escaped := false
		if w.at(value) == '"' {
			end, escaped = scanString(w.body, value)
		} else {
			end = scanOther(w.body, value)
		}
		if end == 0 || end == len(w.body) {
			return 0
		}
		w.assign(c, w.body[value:end], escaped)
		switch pos = end; w.body[pos] {
		case ',':
		case '}':
			pos++
			w.row.Raw = w.body[start:pos]
			return pos
		default:
			return 0
		}
	}
}

// head returns the column of the i-th member of a row, whose name begins at pos; nil if it is not plain.
func (w *Walker) head(i, pos int) *column {
	if i < len(w.columns) && bytes.HasPrefix(w.body[pos:], w.columns[i].head) {
		return &w.columns[i]
	}
	if w.at(pos) != '"' || i == maxMembers {
		return nil
	}
	end, escaped := scanString(w.body, pos)
	if end == 0 || escaped || w.at(end) != ':' {
		return nil
	}
	c := w.column(w.body[pos+1 : end-1])
	c.head = w.body[pos : end+1]
	// The rows that follow will have the same members.
	w.columns = append(w.columns[:min(i, len(w.columns))], c)
	return &w.columns[len(w.columns)-1]
}

// assign puts a value where it belongs.
func (w *Walker) assign(c *column, value []byte, escaped bool) {
	switch {
	case c.text != nil && (escaped || value[0] != '"'):
		*c.text = w.text(value)
	case c.text != nil:
		*c.text = value[1 : len(value)-1]
	case c.received:
		w.row.Received = w.clock.read(w.text(value))
	case c.number != nil:
		*c.number = w.number(value)
	}
}

// scanOther returns where the value at pos, which is no string, ends; 0 if it is not plain.
func scanOther(b []byte, pos int) (end int) {
	if pos == len(b) {
		return 0
	}
	switch b[pos] {
	case 'n':
		return scanLiteral(b, pos, "null")
	case 't':
		return scanLiteral(b, pos, "true")
	case 'f':
		return scanLiteral(b, pos, "false")
	}
	return scanInteger(b, pos)
}

func scanLiteral(b []byte, pos int, literal string) (end int) {
	if end = pos + len(literal); end <= len(b) && string(b[pos:end]) == literal {
		return end
	}
	return 0
}

func scanInteger(b []byte, pos int) (end int) {
	if b[pos] == '-' {
		pos++
	}
	end = pos
	for end < len(b) && '0' <= b[end] && b[end] <= '9' {
		end++
	}
	if digits := end - pos; digits == 0 || digits > 1 && b[pos] == '0' {
		return 0
	}
	return end
}

const (
	ones  = 0x01_01_01_01_01_01_01_01
	highs = 0x80 * ones
)

// scanString returns where the string that begins at pos ends, and whether there are escapes in it; 0 if it is damaged, no
// UTF-8 or has surrogates.
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

// scanEscape returns the length of the escape that b begins with; 0 if it is none, or one of a surrogate.
func scanEscape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
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
	if b[2]|0x20 == 'd' && b[3] >= '8' {
		return 0
	}
	return length
}
