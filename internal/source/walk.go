// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Properties says where the properties of a dialect's rows belong: it returns the text that holds the property of that
// name, or the number, or neither.
type Properties func(r *trace.Row, name []byte) (text *[]byte, number *trace.Number)

// Walker reads the rows of one page in one pass, without building them in memory.
type Walker struct {
	body    []byte
	dec     *jsontext.Decoder
	dialect Dialect
	row     trace.Row
	// unquoted holds the texts of the current row that had to be unescaped.
	unquoted []byte
}

// Dialect is what differs between the rows of one service and another's.
type Dialect struct {
	// Properties assigns the properties of a row.
	Properties Properties
	// Received is the name of the property with the received time.
	Received string
	// Fingerprint returns the part of a row's text that does not merely echo the query.
	Fingerprint func(raw []byte) []byte
	// Rows are the names that the array of rows goes by in a page, and Link those of the link to the next page.
	Rows, Link []string
	// Envelope is the name of a member that may hold all of the page; empty if there is none.
	Envelope string
}

// NewWalker returns a walker at the beginning of body. Services are not trusted to send what the grammar of JSON asks
// for beyond structure: invalid UTF-8 is replaced and of a repeated name the last value counts.
func NewWalker(body []byte, dialect Dialect) *Walker {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return &Walker{body: body, dec: dec, dialect: dialect}
}

// Object enters the object that comes next. Its members are then read one after the other: a name by Member, and the
// value by one of the other methods.
func (w *Walker) Object() error {
	if kind := w.dec.PeekKind(); kind != '{' {
		return w.unexpected("an object")
	}
	_, err := w.dec.ReadToken()
	return err
}

// Member returns the name of the next member of the object; ok is false at the end of the object.
func (w *Walker) Member() (name string, ok bool, err error) {
	if w.dec.PeekKind() == '}' {
		_, err := w.dec.ReadToken()
		return "", false, err
	}
	quoted, err := w.dec.ReadValue()
	if err != nil {
		return "", false, err
	}
	return string(w.text(quoted)), true, nil
}

// Skip passes over the next value.
func (w *Walker) Skip() error { return w.dec.SkipValue() }

// Text reads the next value as a text; null is empty.
func (w *Walker) Text() (string, error) {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return "", err
	}
	w.unquoted = w.unquoted[:0]
	return string(w.text(raw)), nil
}

// Rows walks the array of rows that comes next; null is an empty one. It returns false when yield asked to stop.
func (w *Walker) Rows(yield func(*trace.Row, error) bool) (more bool, err error) {
	switch w.dec.PeekKind() {
	case 'n':
		return true, w.Skip()
	case '[':
	default:
		return true, w.unexpected("an array of rows")
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return true, err
	}
	for w.dec.PeekKind() != ']' {
		row, err := w.Row()
		if err != nil {
			return true, err
		}
		if !yield(row, nil) {
			return false, nil
		}
	}
	_, err = w.dec.ReadToken()
	return true, err
}

// Row reads the next row. It is borrowed until the next call.
func (w *Walker) Row() (*trace.Row, error) {
	r := &w.row
	*r = trace.Row{}
	w.unquoted = w.unquoted[:0]
	if w.dec.PeekKind() != '{' {
		raw, err := w.dec.ReadValue()
		r.Raw, r.Malformed, r.Fingerprint = raw, true, raw
		return r, err
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return nil, err
	}
	start := w.dec.InputOffset() - 1
	for w.dec.PeekKind() != '}' {
		if err := w.member(r); err != nil {
			return nil, err
		}
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return nil, err
	}
	r.Raw = w.body[start:w.dec.InputOffset()]
	if len(r.ID) == 0 || len(r.Recipient) == 0 {
		r.Fingerprint = w.dialect.Fingerprint(r.Raw)
	}
	return r, nil
}

func (w *Walker) member(r *trace.Row) error {
	quoted, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	name := w.text(quoted)
	if string(name) == w.dialect.Received {
		raw, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		r.Received, _ = trace.ParseTime(w.text(raw))
		return nil
	}
	text, number := w.dialect.Properties(r, name)
	if text == nil && number == nil {
		return w.dec.SkipValue()
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if text != nil {
		*text = w.text(raw)
	} else {
		*number = w.number(raw)
	}
	return nil
}

// text returns the content of a JSON string, nothing for null and the JSON text itself for any other value.
func (w *Walker) text(raw []byte) []byte {
	switch raw[0] {
	case 'n':
		return nil
	case '"':
	default:
		return raw
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	start := len(w.unquoted)
	// The decoder has accepted the string; what remains to complain about is half a surrogate pair, which is replaced.
	w.unquoted, _ = jsontext.AppendUnquote(w.unquoted, raw)
	return w.unquoted[start:len(w.unquoted):len(w.unquoted)]
}

// number returns an integer written as a number or, since v1 style services quote 64-bit ones, as a string.
func (w *Walker) number(raw []byte) trace.Number {
	n, err := strconv.ParseInt(string(w.text(raw)), 10, 64)
	return trace.Number{Value: n, Valid: err == nil}
}

func (w *Walker) unexpected(wanted string) error {
	if w.dec.PeekKind() == 0 {
		// There is no next value: reading it tells why.
		if _, err := w.dec.ReadToken(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: expected %s, found %s", ErrShape, wanted, w.dec.PeekKind())
}

// Damage says what is wrong with a page without naming its properties, whose names the service chooses.
func Damage(err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("damaged JSON after byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	return err
}

// Reread returns a function that reads the JSON text of one row again.
func Reread(dialect Dialect) func(text []byte) *trace.Row {
	return func(text []byte) *trace.Row {
		row, err := NewWalker(text, dialect).Row()
		if err != nil {
			return &trace.Row{Raw: text, Malformed: true, Fingerprint: text}
		}
		return row
	}
}
