// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// mark is a custom query option that links of this package carry, so that a
// link can differ from all others and yet lead where it should. What a link
// means is thus told by the link alone, and rules may come and go in between.
type mark struct {
	// held is the number under which the rows of the page are kept back, or 0.
	held int
	// again is how often the page has been put off.
	again int
}

const markName = "m365sim"

// markOf returns the mark in the query of a request, if there is one.
func markOf(x *exchange.Exchange) (m mark, ok bool) {
	for option := range strings.SplitSeq(x.Request.URL.RawQuery, "&") {
		value, found := strings.CutPrefix(option, markName+"=")
		if !found {
			continue
		}
		first, second, _ := strings.Cut(value, ".")
		var errs [2]error
		m.held, errs[0] = strconv.Atoi(first)
		m.again, errs[1] = strconv.Atoi(second)
		return m, errs == [2]error{}
	}
	return mark{}, false
}

// unmarked returns a query without marks.
func unmarked(query string) string {
	options := slices.DeleteFunc(strings.Split(query, "&"), func(option string) bool {
		return strings.HasPrefix(option, markName+"=")
	})
	return strings.Join(options, "&")
}

// address returns the URL of the request as the client wrote it.
func (c *call) address() string { return c.x.BaseURL() + c.x.Request.URL.RequestURI() }

// marked returns the URL of the request with another mark.
func (c *call) marked(m mark) string {
	query := unmarked(c.x.Request.URL.RawQuery)
	if query != "" {
		query += "&"
	}
	return c.x.BaseURL() + c.x.Request.URL.EscapedPath() + "?" + query + m.String()
}

// String returns the mark as an option.
func (m mark) String() string { return fmt.Sprintf("%s=%d.%d", markName, m.held, m.again) }

// anew returns a URL that no link had before and that leads to the same page.
func (c *call) anew() string { return c.marked(mark{c.mark.held, c.mark.again + 1}) }

// heldPage is a page of rows that waits for its turn.
type heldPage struct {
	number int
	rows   []json.RawMessage
	link   string
	// before is set where the rows come before those of the next page, and not in
	// their place.
	before bool
}

// maxHeld is how many pages wait at most. A page of Graph has up to 2 MB.
const maxHeld = 16

func (i *Injector) hold(p heldPage) (number int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.held) == maxHeld {
		i.held = slices.Delete(i.held, 0, 1)
	}
	i.serial++
	p.number = i.serial
	i.held = append(i.held, p)
	return p.number
}

func (i *Injector) heldAs(number int) (heldPage, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.held, func(p heldPage) bool { return p.number == number })
	if at < 0 {
		return heldPage{}, false
	}
	return i.held[at], true
}

// marked makes services understand marks. It works without any rule: links
// outlive the rules that made them.
func (i *Injector) marked(services exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		at, ok := markOf(x)
		if !ok {
			services(x)
			return
		}
		c := &call{x: x, next: services}
		truth := c.ask(unmarked(x.Request.URL.RawQuery), x.Writer.Header())
		x.Continued = true
		if at.held > 0 && truth.status == http.StatusOK {
			i.release(c, truth, at.held)
			return
		}
		c.send(truth)
	}
}

// release puts rows that were kept back in the place of those of an answer, or
// before them. A link to rows that are no longer kept is dead.
func (i *Injector) release(c *call, truth *answer, number int) {
	kept, ok := i.heldAs(number)
	p, isPage := parsePage(truth.body.Bytes())
	if !ok || !isPage {
		c.x.Rows = 0
		refuseLink(c.x, http.StatusGone)
		return
	}
	if kept.before {
		p.rows = slices.Concat(kept.rows, p.rows)
	} else {
		p.rows = kept.rows
		p.setLink(kept.link)
	}
	c.x.Rows = len(p.rows)
	c.x.Send(truth.status, truth.contentType(), p.text())
}
