// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	// maxRows is the most rows that a page may have. A service hands out 5000 at most.
	maxRows = 250_000
	// maxMembers is the most members that a row may have. Rows have about ten.
	maxMembers = 1000
)

var (
	errRows    = errors.New("the page has more than 250,000 rows")
	errMembers = errors.New("a row has more than 1000 members")
)

// Rows walks the array of rows that comes next; null is an empty one. It returns false when yield asked to stop.
func (w *Walker) Rows(yield func(*trace.Row, error) bool) (more bool, err error) {
	switch w.next() {
	case 'n':
		_, err := w.Value()
		return true, err
	case '[':
	default:
		return true, w.unexpected("an array of rows")
	}
	pos := w.skipSpace(w.pos + 1)
	for first := true; w.at(pos) != ']'; first = false {
		if pos, err = w.delimiter(pos, first); err != nil {
			return true, err
		}
		if pos, err = w.rowAt(pos); err != nil {
			return true, err
		}
		if w.count++; w.count > maxRows {
			return true, damage(pos, errRows)
		}
		if !yield(&w.row, nil) {
			return false, nil
		}
		pos = w.skipSpace(pos)
	}
	w.pos, w.inside = pos+1, true
	return true, nil
}

// delimiter passes over what must be between a row and the one before it.
func (w *Walker) delimiter(pos int, first bool) (next int, err error) {
	if first {
		return pos, nil
	}
	if w.at(pos) == ',' {
		if next = w.skipSpace(pos + 1); w.at(next) != ']' {
			return next, nil
		}
	}
	err = errDelimiter
	if pos == len(w.body) {
		err = io.ErrUnexpectedEOF
	}
	return pos, damage(pos, err)
}

var errDelimiter = errors.New("expected one comma between two rows, or the end of the rows")

// Row reads the row that comes next. It is borrowed until the next call.
func (w *Walker) Row() (*trace.Row, error) {
	w.next()
	_, err := w.rowAt(w.pos)
	return &w.row, err
}

// rowAt reads the row that begins at pos, and returns where it ends.
func (w *Walker) rowAt(pos int) (end int, err error) {
	page := w.body
	w.body = page[:min(pos+MaxValue, len(page))]
	end = w.scan(pos)
	w.body = page
	if end == 0 {
		end, err = w.read(pos)
	}
	if r := &w.row; err == nil && !r.Identified() {
		r.Fingerprint = r.Raw
		if !r.Malformed {
			r.Fingerprint = w.dialect.Fingerprint(r.Raw)
		}
	}
	return end, err
}

// begin forgets the row before.
func (w *Walker) begin() {
	w.row = trace.Row{}
	w.unquoted = w.unquoted[:0]
}

// read reads a row of any kind.
func (w *Walker) read(pos int) (end int, err error) {
	w.begin()
	raw, end, err := w.valueAt(pos)
	if err != nil {
		return pos, err
	}
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte(replacement))
	}
	w.row.Raw = raw
	if raw[0] != '{' {
		w.row.Malformed = true
		return end, nil
	}
	if err := w.members(w.decode(raw)); err != nil {
		return pos, damage(pos, err)
	}
	return end, nil
}

// members assigns the members of a row.
func (w *Walker) members(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for n := 0; dec.PeekKind() != '}'; n++ {
		if n == maxMembers {
			return errMembers
		}
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		c := w.column(w.text(name))
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		w.assign(&c, value, true)
	}
	return nil
}

// number returns an integer written as a number or, since v1 style services quote 64-bit ones, as a string.
func number(text []byte) trace.Number {
	if n, ok := short(text); ok || len(text) == 0 {
		return trace.Number{Value: n, Valid: ok}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return trace.Number{Value: n, Valid: err == nil}
}

// short reads a number of at most 18 digits.
func short(digits []byte) (n int64, ok bool) {
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = 10*n + int64(c)
	}
	return n, len(digits) > 0 && len(digits) <= 18
}

// Reread returns a function that reads the JSON text of one row again. The row is borrowed until the next call.
func Reread(dialect Dialect) func(text []byte) *trace.Row {
	w := NewWalker(nil, dialect)
	return func(text []byte) *trace.Row {
		row, err := w.rowOf(text)
		if err != nil {
			*row = trace.Row{Raw: text, Malformed: true, Fingerprint: text}
		}
		return row
	}
}

// rowOf reads the row that is all of text.
func (w *Walker) rowOf(text []byte) (*trace.Row, error) {
	w.body, w.pos = text, 0
	return w.Row()
}
