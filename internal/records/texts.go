// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

// texts gathers the texts of a record, so that they can be copied at once. It is used for one record after the other.
type texts struct {
	buf   []byte
	parts []part
	// raw is the text that buf begins with, if any.
	raw []byte
}

// part is the text of one attribute: where it is in buf.
type part struct {
	name     string
	from, to int
}

// begin begins a record, with all of the row's text if it is wanted.
func (t *texts) begin(raw []byte, wanted bool) {
	t.buf, t.parts, t.raw = t.buf[:0], t.parts[:0], nil
	if wanted {
		t.buf, t.raw = append(t.buf, raw...), raw
	}
}

// add adds an attribute, unless it is empty. What is part of the row's text is there already.
func (t *texts) add(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	if from, ok := within(t.raw, value); ok {
		t.parts = append(t.parts, part{name: name, from: from, to: from + len(value)})
		return
	}
	t.buf = append(t.buf, value...)
	t.end(name, len(value))
}

// end makes the last n bytes of buf an attribute.
func (t *texts) end(name string, n int) {
	t.parts = append(t.parts, part{name: name, from: len(t.buf) - n, to: len(t.buf)})
}

// within returns where a part of raw begins, if it is one. Slices of the same array that reach to its end tell it by how
// much room they have; that both are the same byte is made sure of.
func within(raw, value []byte) (from int, ok bool) {
	from = cap(raw) - cap(value)
	return from, from >= 0 && from+len(value) <= len(raw) && &raw[from] == &value[0]
}
