// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	// count is how many rows have been read by Rows.
	count int
	// unquoted holds the texts of the current row that had to be unescaped.
	unquoted []byte
	// shift is what has to be added to an offset in the input of dec to have one in body.
	shift int64
	// columns are the members of the rows so far, by their position in a row.
	columns []column
	clock   clock
	// thorough reads the rows that scan does not.
	thorough *jsontext.Decoder
}

// lenient is how pages are decoded. Services are not trusted to send what the grammar of JSON asks for beyond structure:
// invalid UTF-8 is replaced and of a repeated name the last value counts.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

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
	// Names are the names of the properties that a query can be about.
	Names Names

	// omit are the names of the properties that are cut out of the text of rows.
	omit []string
}

// NewWalker returns a walker at the beginning of body.
func NewWalker(body []byte, dialect Dialect) *Walker {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	return &Walker{body: body, dec: jsontext.NewDecoder(bytes.NewBuffer(body), lenient...), dialect: dialect}
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

// Text reads the next value as a text, as it was sent even if that is no UTF-8; null is empty.
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
	pos := w.skipSpace(int(w.dec.InputOffset()))
	for first := true; w.at(pos) != ']'; first = false {
		if pos, err = w.delimiter(pos, first); err != nil {
			return true, err
		}
		if pos, err = w.rowAt(pos); err != nil {
			return true, err
		}
		w.count++
		if !yield(&w.row, nil) {
			return false, nil
		}
		pos = w.skipSpace(pos)
	}
	return true, w.resume(pos + 1)
}

// at returns the byte at a position, 0 behind the end.
func (w *Walker) at(pos int) byte {
	if pos < len(w.body) {
		return w.body[pos]
	}
	return 0
}

func (w *Walker) skipSpace(pos int) int {
	for c := w.at(pos); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = w.at(pos) {
		pos++
	}
	return pos
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
	return pos, &jsontext.SyntacticError{ByteOffset: int64(pos), Err: err}
}

var errDelimiter = errors.New("expected one comma between two rows, or the end of the rows")

// resume has dec go on behind the rows, which it has not seen.
func (w *Walker) resume(pos int) error {
	var prefix []byte
	for i := 1; i < w.dec.StackDepth(); i++ {
		if kind, _ := w.dec.StackIndex(i); kind == '{' {
			prefix = append(prefix, `{"":`...)
		} else {
			prefix = append(prefix, '[')
		}
	}
	prefix = append(prefix, `[]`...)
	w.dec.Reset(io.MultiReader(bytes.NewReader(prefix), bytes.NewReader(w.body[pos:])), lenient...)
	w.shift = int64(pos - len(prefix))
	for w.dec.InputOffset() < int64(len(prefix)) {
		if _, err := w.dec.ReadToken(); err != nil {
			return err
		}
	}
	return nil
}

// located makes an error of dec name the offset in the body.
func (w *Walker) located(err error) error { return shifted(err, w.shift) }

func shifted(err error, by int64) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		moved := *syntactic
		moved.ByteOffset += by
		return &moved
	}
	return err
}

// Row reads the row that comes next. It is borrowed until the next call.
func (w *Walker) Row() (*trace.Row, error) {
	_, err := w.rowAt(w.skipSpace(int(w.dec.InputOffset())))
	return &w.row, err
}

// rowAt reads the row that begins at pos, and returns where it ends.
func (w *Walker) rowAt(pos int) (end int, err error) {
	if end, err = w.scan(pos), nil; end == 0 {
		end, err = w.read(pos)
	}
	if r := &w.row; err == nil && (len(r.ID) == 0 || len(r.Recipient) == 0) {
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
	dec := w.decode(w.body[pos:])
	raw, err := dec.ReadValue()
	if err != nil {
		if pos > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return pos, shifted(err, int64(pos))
	}
	end = pos + int(dec.InputOffset())
	raw = w.body[end-len(raw) : end]
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte(replacement))
	}
	w.row.Raw = raw
	if raw[0] != '{' {
		w.row.Malformed = true
		return end, nil
	}
	return end, w.members(w.decode(raw))
}

// decode returns a decoder of text.
func (w *Walker) decode(text []byte) *jsontext.Decoder {
	if w.thorough == nil {
		w.thorough = jsontext.NewDecoder(bytes.NewBuffer(text), lenient...)
	} else {
		w.thorough.Reset(bytes.NewBuffer(text), lenient...)
	}
	return w.thorough
}

// members assigns the members of a row.
func (w *Walker) members(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
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
	text := w.text(raw)
	if n, ok := short(text); ok {
		return trace.Number{Value: n, Valid: true}
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

func (w *Walker) unexpected(wanted string) error {
	if w.dec.PeekKind() == 0 {
		// There is no next value: reading it tells why.
		if _, err := w.dec.ReadToken(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: expected %s, found %s", ErrShape, wanted, w.dec.PeekKind())
}

// replacement stands for what is no UTF-8.
const replacement = "\uFFFD"

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
