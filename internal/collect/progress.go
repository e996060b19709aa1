// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// maxEmptyPages is how many pages in a row may be empty and yet have a link.
	maxEmptyPages = 10
	// maxKnownPages is how many pages in a row may bring nothing but rows that earlier pages have brought.
	maxKnownPages = 20
)

// deadLinkError is a link that does not lead to the rest of the window. Links of Microsoft Graph are known to be broken
// at times, so that the rest must be requested again.
type deadLinkError struct {
	reason string
	// err is what the service answered to the link; it may be nil.
	err error
}

func (e *deadLinkError) Error() string {
	text := "dead link to the next page: " + e.reason
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *deadLinkError) Unwrap() error { return e.err }

// Scope returns what the error is about.
func (e *deadLinkError) Scope() trouble.Scope { return trouble.Window }

// isDead reports whether the service does not know the link that it has given.
func isDead(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.Scope() == trouble.Query
}

// progress tells whether the pages of a walk lead on. A page does if it has a row that is older than all before, or one that
// no page before it had: one message to all staff has one instant on many pages.
type progress struct {
	seed  maphash.Seed
	links map[uint64]bool
	// oldest is the time of the oldest row, and rows what is known of the rows since that moved: the first half of each key,
	// which is a hash.
	oldest time.Time
	rows   map[uint64]struct{}
	// leads reports whether the page in hand leads on.
	leads bool
	// empty and known count the pages in a row that had no rows, or none that was new.
	empty, known int
}

// followed reports whether the link has been followed before.
func (p *progress) followed(link string) bool {
	return p.links != nil && p.links[maphash.String(p.seed, link)]
}

// stands reports whether more than one page in a row has brought nothing.
func (p *progress) stands() bool { return max(p.empty, p.known) > 1 }

// row notes a row of the page in hand.
func (p *progress) row(received time.Time, k *trace.Key) {
	switch {
	case !received.IsZero() && (p.oldest.IsZero() || received.Before(p.oldest)):
		p.oldest, p.leads = received, true
		clear(p.rows)
	case p.leads && len(p.rows) == 0:
		// The page leads on anyway, and a page after it that repeats its rows still ends the walk a page later.
	default:
		if p.rows == nil {
			p.rows = map[uint64]struct{}{}
		}
		before := len(p.rows)
		p.rows[binary.LittleEndian.Uint64(k[:])] = struct{}{}
		p.leads = p.leads || len(p.rows) > before
	}
}

// page notes that the page in hand, of so many rows, leads to a link. It returns an error if that is not worth following.
func (p *progress) page(link string, rows int) error {
	if p.links == nil {
		p.seed, p.links = maphash.MakeSeed(), map[uint64]bool{}
	}
	if p.followed(link) {
		return &deadLinkError{reason: "it has been followed already"}
	}
	p.links[maphash.String(p.seed, link)] = true
	p.empty++
	if rows > 0 {
		p.empty = 0
	}
	p.known++
	if p.leads {
		p.known = 0
	}
	p.leads = false
	switch {
	case p.empty >= maxEmptyPages:
		return &deadLinkError{reason: "it leads from one empty page to the next"}
	case p.known >= maxKnownPages:
		return &deadLinkError{reason: "page after page has no row that is new"}
	}
	return nil
}
