// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// link is where the rows of a window go on: the link of the service, and what it takes to go on without it.
type link struct {
	window trace.Window
	// size is how many rows a page is asked to have.
	size int
	// after is the Index of the last row, none if it is not known.
	after int64
	href  string
}

// none stands for no Index. Those of the service begin with 0.
const none = -1

func (l link) String() string {
	return l.window.String() + " " + strconv.Itoa(l.size) + " " + strconv.FormatInt(l.after, 10) + " " + l.href
}

func parseLink(text string) (l link, err error) {
	window, rest, _ := strings.Cut(text, " ")
	start, end, _ := strings.Cut(window, "/")
	size, rest, _ := strings.Cut(rest, " ")
	after, href, _ := strings.Cut(rest, " ")
	var errs [4]error
	l.window.Start, errs[0] = time.Parse(time.RFC3339Nano, start)
	l.window.End, errs[1] = time.Parse(time.RFC3339Nano, end)
	l.size, errs[2] = strconv.Atoi(size)
	l.after, errs[3] = strconv.ParseInt(after, 10, 64)
	l.href = href
	return l, errors.Join(errs[:]...)
}

// follow has the links of a page that l led to carry what it takes to go on without them, which is known once the rows have
// been walked. A full page without a link has one if an Index tells where it ends.
func (l link) follow(page *source.Page) {
	rows, next, full := page.Rows, page.Next, page.Full
	var seen indexes
	var walked bool
	page.Rows = func(yield func(*trace.Row, error) bool) {
		rows(func(r *trace.Row, err error) bool {
			if err == nil && r.Index.Valid && r.Index.Value > l.after {
				seen.add(r.Index.Value)
			}
			return yield(r, err)
		})
		walked = true
	}
	page.Next = func() string {
		if !walked {
			return ""
		}
		beyond := link{window: l.window, size: l.size, after: seen.last(l.after), href: next()}
		if beyond.href == "" && (!full() || beyond.after == l.after) {
			return ""
		}
		return beyond.String()
	}
	page.Full = func() bool { return full() && page.Next() == "" }
}

// indexes are the Index properties of the rows of a page. The service numbers the rows of a result, so those of a page
// follow each other; but rows are not trusted to be whole, in order, or true.
type indexes struct {
	count           int64
	least, greatest int64
}

func (x *indexes) add(index int64) {
	if x.count == 0 {
		x.least, x.greatest = index, index
	}
	x.count++
	x.least, x.greatest = min(x.least, index), max(x.greatest, index)
}

// last returns the Index to go on behind, given the one that the page went on behind. The greatest one need not be true,
// and would skip rows: where some are missing, the others show how far the page reaches at least. Where most are
// missing, nothing is known, and before is returned.
func (x *indexes) last(before int64) int64 {
	switch missing := x.greatest - x.least + 1 - x.count; {
	case x.count == 0, missing > x.count:
		return before
	case missing > 0:
		return min(x.greatest, before+x.count)
	}
	return x.greatest
}
