// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"hash/maphash"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// maxEmptyPages is how many pages in a row may be empty and yet have a link.
	maxEmptyPages = 10
	// maxStandstill is how many pages in a row may end at the same instant.
	maxStandstill = 20
)

// deadLinkError is a link that does not lead to the rest of the window. Links of Microsoft Graph are known to be broken
// at times, so that the rest has to be asked for anew.
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

// isDeadEnd says that the service does not know the link that it has given.
func isDeadEnd(err error) bool {
	var refused *transport.Error
	return errors.As(err, &refused) && refused.Err == nil && refused.AboutQuery()
}

// linkGuard finds the links that lead nowhere.
type linkGuard struct {
	seed       maphash.Seed
	links      map[uint64]bool
	empty      int
	standstill int
	oldest     time.Time
}

// followed says whether the link has been followed before.
func (g *linkGuard) followed(link string) bool {
	return g.links != nil && g.links[maphash.String(g.seed, link)]
}

// check notes the link of a page of so many rows, the last of which was received at oldest. It returns an error if the
// link is not worth following.
func (g *linkGuard) check(link string, rows int, oldest time.Time) error {
	if g.links == nil {
		g.seed, g.links = maphash.MakeSeed(), map[uint64]bool{}
	}
	if g.followed(link) {
		return &deadLinkError{reason: "it has been followed already"}
	}
	g.links[maphash.String(g.seed, link)] = true
	g.empty++
	if rows > 0 {
		g.empty = 0
	}
	g.standstill++
	if !oldest.Equal(g.oldest) {
		g.standstill, g.oldest = 0, oldest
	}
	switch {
	case g.empty >= maxEmptyPages:
		return &deadLinkError{reason: "it leads from one empty page to the next"}
	case g.standstill >= maxStandstill:
		return &deadLinkError{reason: "page after page ends at the same instant"}
	}
	return nil
}
