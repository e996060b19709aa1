// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/binary"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// column is a member of the rows: where its value belongs, if anywhere.
type column struct {
	// quoted is its name in quotation marks.
	quoted   string
	text     *[]byte
	number   *trace.Number
	received bool
}

// columns are members that have been met, each in a place that follows from the first letters of its name. Of several that
// share one, the first has it.
type columns [1 << placeBits]column

const placeBits = 6

// place returns that of the name in quotation marks which text begins with.
func (c *columns) place(text []byte) *column {
	const letters, golden = 4, 0x9E3779B1 // 2^32 over the golden ratio spreads what differs in few bits
	if len(text) <= letters {
		return &c[0]
	}
	return &c[binary.LittleEndian.Uint32(text[1:])*golden>>(32-placeBits)]
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

// head returns the column of the member whose name begins at pos, and where its value begins; 0 if there is none.
func (w *Walker) head(pos int) (c *column, value int) {
	if w.at(pos) != '"' {
		return nil, 0
	}
	c = w.columns.place(w.body[pos:])
	end := pos + len(c.quoted)
	if end == pos || end > len(w.body) || string(w.body[pos:end]) != c.quoted {
		if end, _ = scanString(w.body, pos); end == 0 {
			return nil, 0
		}
		c = w.meet(c, w.body[pos:end])
	}
	if pos = w.skipSpace(end); w.at(pos) != ':' {
		return nil, 0
	}
	return c, w.skipSpace(pos + 1)
}

// meet returns the column of a name, and keeps it in its place if that is free.
func (w *Walker) meet(place *column, quoted []byte) *column {
	w.other = w.column(w.text(quoted))
	if place.quoted != "" || len(quoted) > maxKept {
		return &w.other
	}
	*place = w.other
	place.quoted = string(quoted)
	return place
}

// maxKept is how long a name in quotation marks may be to be kept. The longest that a service has is below 20.
const maxKept = 64

// assign puts a value where it belongs.
func (w *Walker) assign(c *column, value []byte, escaped bool) {
	if c.text == nil && c.number == nil && !c.received {
		return
	}
	var text []byte
	if escaped || value[0] != '"' {
		text = w.text(value)
	} else {
		text = value[1 : len(value)-1]
	}
	switch {
	case c.text != nil:
		*c.text = text
	case c.received:
		w.row.Received = w.clock.read(text)
	default:
		*c.number = number(text)
	}
}
