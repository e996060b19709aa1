// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package source holds what the dialects of both services share: a page, and the walk over its rows. It knows neither
// pdata nor a logger.
package source

import (
	"errors"
	"iter"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Page is one page of the rows of a window.
type Page struct {
	// Arrived is when the page was complete.
	Arrived time.Time
	// Served is the service's clock when it answered, zero if it sends none.
	Served time.Time
	// Size is the size of the page in bytes, after decompression.
	Size int
	// Rows walks the page once. Each row is borrowed until the next one. An error ends the walk: the page is damaged.
	Rows iter.Seq2[*trace.Row, error]
	// Next returns the link to the next page, empty on the last one. It is certain once Rows has been walked, and known
	// before if the service sends the link ahead of the rows.
	Next func() string
	// Full reports whether the page has as many rows as it was asked for, or more, and no link, so that further rows may lie
	// beyond it. It is certain once Rows has been walked. A nil Full reports nothing.
	Full func() bool
	// Most reports whether the page was asked to have as many rows as the service allows.
	Most bool
	// Release, if set, is called when nothing refers to the page any more, so that another one may use its memory.
	Release func()
	// Row reads the JSON text of one row of this page again.
	Row func(text []byte) *trace.Row
	// Redact cuts out of the JSON text of a row what nobody is to see; nil if there is nothing to cut out.
	Redact func(text []byte) []byte
}

// MapError replaces the errors of the walk by what f makes of them.
func (p *Page) MapError(f func(error) error) {
	rows := p.Rows
	p.Rows = func(yield func(*trace.Row, error) bool) {
		rows(func(r *trace.Row, err error) bool {
			if err != nil {
				err = f(err)
			}
			return yield(r, err)
		})
	}
}

// Done lets the memory of the page be used for another one. Nothing may refer to the page any more.
func (p *Page) Done() {
	if p.Release != nil {
		p.Release()
	}
}

// ErrShape is JSON that is not a page of a message trace.
var ErrShape = errors.New("not a page of a message trace")
