// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"iter"
	"slices"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// jsonPage is an object with an array of rows, and perhaps a link, among its members. It is read up to its rows at first,
// since Microsoft Graph sends the link ahead of them, and beyond when they are walked.
type jsonPage struct {
	*Walker
	link string
	// open is how many objects have been entered and not yet left.
	open int
	// err is what is wrong with the page as far as it has been read.
	err error
}

// NewPage reads a page in JSON that was asked to have that many rows. What is wrong with it is yielded by its rows.
func NewPage(body []byte, dialect Dialect, asked int) *Page {
	p := &jsonPage{Walker: NewWalker(body, dialect)}
	p.head()
	page := newPage(p.walk(), func() string { return p.link }, &p.count, dialect, asked)
	page.Size = len(body)
	return page
}

// PageOf returns a page, which was asked to have that many rows, of rows whose JSON texts are made one after the other. Link
// returns what follows it.
func PageOf(texts iter.Seq2[[]byte, error], link func() string, dialect Dialect, asked int) *Page {
	w := NewWalker(nil, dialect)
	return newPage(func(yield func(*trace.Row, error) bool) {
		for text, err := range texts {
			var row *trace.Row
			if w.count++; err == nil && w.count > maxRows {
				err = errRows
			}
			if err == nil {
				row, err = w.rowOf(text)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}, link, &w.count, dialect, asked)
}

func newPage(rows iter.Seq2[*trace.Row, error], link func() string, count *int, dialect Dialect, asked int) *Page {
	return &Page{
		Rows:   rows,
		Next:   link,
		Full:   func() bool { return link() == "" && *count >= asked },
		Row:    Reread(dialect),
		Redact: dialect.redact(),
	}
}

// head reads what comes before the rows.
func (p *jsonPage) head() {
	if p.err = p.enter(); p.err != nil {
		return
	}
	found, err := p.members()
	if err == nil && !found {
		err = fmt.Errorf("%w: it has no %s", ErrShape, p.dialect.Rows[0])
	}
	p.err = err
}

// walk returns the walk over the rows, and over what comes after them.
func (p *jsonPage) walk() iter.Seq2[*trace.Row, error] {
	return func(yield func(*trace.Row, error) bool) {
		more := true
		if p.err == nil {
			more, p.err = p.Rows(yield)
		}
		if more && p.err == nil {
			p.err = p.rest()
		}
		if more && p.err != nil {
			yield(nil, p.err)
		}
	}
}

// rest reads what comes after the rows.
func (p *jsonPage) rest() error {
	found, err := p.members()
	if err == nil && found {
		err = fmt.Errorf("%w: it has %s twice", ErrShape, p.dialect.Rows[0])
	}
	return err
}

func (p *jsonPage) enter() error {
	err := p.Object()
	if err == nil {
		p.open++
	}
	return err
}

// members reads the members of the page up to its rows, or to the end of the page.
func (p *jsonPage) members() (rows bool, err error) {
	for p.open > 0 {
		member, ok, err := p.Member()
		name := string(member)
		switch {
		case err != nil:
			return false, err
		case !ok:
			p.open--
		case slices.Contains(p.dialect.Rows, name), p.isEnvelope(name) && p.next() == '[':
			// Version 1 of OData has the rows themselves for an envelope.
			return true, nil
		case slices.Contains(p.dialect.Link, name):
			p.link, err = p.Text()
		case p.isEnvelope(name):
			err = p.enter()
		default:
			_, err = p.Value()
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// isEnvelope reports whether the member of that name may hold all of the page.
func (p *jsonPage) isEnvelope(name string) bool { return name != "" && name == p.dialect.Envelope }
