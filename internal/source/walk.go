// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Walker reads the rows of one page in one pass, without building them in memory.
type Walker struct {
	body []byte
	// pos is where body is read next.
	pos int
	// inside reports whether a member of the object in hand has been read.
	inside  bool
	dialect Dialect
	row     trace.Row
	// count is how many rows have been read by Rows.
	count int
	// unquoted holds the texts of the current row that had to be unescaped.
	unquoted []byte
	columns  columns
	// other is the column of a member that is not among them.
	other column
	clock clock
	// dec reads the values that scanning does not, from input.
	dec   jsontext.Decoder
	input bytes.Buffer
}

// lenient is how pages are decoded. Services are not trusted to send what the grammar of JSON asks for beyond structure:
// invalid UTF-8 is replaced and of a repeated name the last value counts.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// NewWalker returns a walker at the beginning of body.
func NewWalker(body []byte, dialect Dialect) *Walker {
	return &Walker{body: bytes.TrimPrefix(body, []byte("\uFEFF")), dialect: dialect}
}

// Object enters the object that comes next. Its members are then read one after the other: a name by Member, and the
// value by one of the other methods.
func (w *Walker) Object() error {
	if w.next() != '{' {
		return w.unexpected("an object")
	}
	w.pos++
	w.inside = false
	return nil
}

// Member returns the name of the next member of the object, borrowed until the next call; ok is false at the end of the
// object.
func (w *Walker) Member() (name []byte, ok bool, err error) {
	quoted, ok, err := w.member()
	if !ok {
		return nil, false, err
	}
	w.unquoted = w.unquoted[:0]
	return w.text(quoted), true, nil
}

// member returns the name of the next member as it is written, and passes over what is around it.
func (w *Walker) member() (name []byte, ok bool, err error) {
	switch c := w.next(); {
	case c == '}':
		w.pos++
		w.inside = true
		return nil, false, nil
	case w.inside && c != ',':
		return nil, false, w.wrong("a comma or the end of the object")
	case w.inside:
		w.pos++
	}
	if w.next() != '"' {
		return nil, false, w.wrong("a name")
	}
	if name, err = w.Value(); err != nil {
		return nil, false, err
	}
	if w.next() != ':' {
		return nil, false, w.wrong("a colon behind a name")
	}
	w.pos++
	return name, true, nil
}

// Value reads the next value as it is written.
func (w *Walker) Value() ([]byte, error) {
	w.next()
	value, end, err := w.valueAt(w.pos)
	w.pos, w.inside = end, true
	return value, err
}

// Text reads the next value as a text, as it was sent even if that is no UTF-8; null is empty.
func (w *Walker) Text() (string, error) {
	raw, err := w.Value()
	if err != nil {
		return "", err
	}
	w.unquoted = w.unquoted[:0]
	return string(w.text(raw)), nil
}

// next passes over white space and returns the byte behind it, 0 at the end.
func (w *Walker) next() byte {
	w.pos = w.skipSpace(w.pos)
	return w.at(w.pos)
}

// at returns the byte at a position, 0 behind the end.
func (w *Walker) at(pos int) byte { return at(w.body, pos) }

func (w *Walker) skipSpace(pos int) int { return skipSpace(w.body, pos) }

// MaxValue is the most bytes that a row may have, and any other member of a page. Rows have about 400. It bounds what
// reading a page adds to the memory of its body.
const MaxValue = 1 << 20

// ErrLarge is a row, or another value of a page, that is too large.
var ErrLarge = errors.New("a value has more than 1 MiB")

// valueAt reads the value at pos as it is written, and returns where it ends.
func (w *Walker) valueAt(pos int) (value []byte, end int, err error) {
	seen := w.body[pos:min(pos+MaxValue, len(w.body))]
	if end, _ = scanValue(seen, 0, maxDepth); end > 0 {
		return w.body[pos : pos+end], pos + end, nil
	}
	dec := w.decode(seen)
	value, err = dec.ReadValue()
	if err == nil {
		end = pos + int(dec.InputOffset())
		return w.body[end-len(value) : end], end, nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && pos+len(seen) < len(w.body) {
		return nil, pos, damage(pos, ErrLarge)
	}
	if errors.Is(err, io.EOF) && pos > 0 {
		err = io.ErrUnexpectedEOF
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		err = damage(pos+int(syntactic.ByteOffset), syntactic.Err)
	}
	return nil, pos, err
}

// decode returns a decoder of text.
func (w *Walker) decode(text []byte) *jsontext.Decoder {
	w.input = *bytes.NewBuffer(text)
	w.dec.Reset(&w.input, lenient...)
	return &w.dec
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

// unexpected is the error of a value of another kind than the one wanted.
func (w *Walker) unexpected(wanted string) error {
	value, err := w.Value()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: expected %s, found %s", ErrShape, wanted, jsontext.Value(value).Kind())
}

// wrong is the error of a byte between values that is not the one wanted.
func (w *Walker) wrong(wanted string) error {
	if w.pos == len(w.body) {
		return damage(w.pos, io.ErrUnexpectedEOF)
	}
	return damage(w.pos, errors.New("expected "+wanted))
}

// damage is what is wrong with a page at pos. It names no property, whose names the service chooses.
func damage(pos int, err error) error { return fmt.Errorf("damaged JSON after byte %d: %w", pos, err) }

// replacement stands for what is no UTF-8.
const replacement = "\uFFFD"
