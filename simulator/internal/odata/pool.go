// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package odata

import (
	"sync"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Pool keeps the memory of pages. Tests ask for thousands of pages of some
// megabytes each; without reuse, collecting the garbage costs more than making the
// pages. The zero value is ready to use.
type Pool struct{ pages sync.Pool }

// Scratch is what a page is made of.
type Scratch struct {
	Rows []mail.Sighting
	Text []byte
}

// Get returns memory that is not in use. Its slices are empty.
func (p *Pool) Get() *Scratch {
	work, ok := p.pages.Get().(*Scratch)
	if !ok {
		return new(Scratch)
	}
	work.Rows, work.Text = work.Rows[:0], work.Text[:0]
	return work
}

// Put takes memory back.
func (p *Pool) Put(work *Scratch) { p.pages.Put(work) }
