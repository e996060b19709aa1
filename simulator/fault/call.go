// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"math/rand/v2"
	"net/http"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/graph"
)

// call is an exchange that goes wrong.
type call struct {
	x        *exchange.Exchange
	next     exchange.Handler
	injector *Injector
	rule     *Rule
	kind     Kind
	sort     Target
	rng      *rand.Rand
	mark     mark
}

// answer is a service's answer, kept back. It is a ResponseWriter.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data) //nolint:wrapcheck // never fails
}

// contentType of an answer that was kept back.
func (a *answer) contentType() string { return a.header.Get("Content-Type") }

// Handler puts an injector in front of services.
func (i *Injector) Handler(services exchange.Handler) exchange.Handler {
	next := i.marked(services)
	return func(x *exchange.Exchange) {
		if i.idle() {
			next(x)
			return
		}
		sort := i.look(x)
		at, marked := markOf(x)
		if marked && sort == FirstPage {
			sort, x.Continued = ContinuedPage, true
		}
		drawn, rng := i.choose(x, sort)
		for _, d := range drawn {
			c := &call{x: x, next: next, injector: i, rule: &d.rule.Rule, kind: d.kind, sort: sort, rng: rng, mark: at}
			how := behaviors[d.kind]
			if how.shift == nil {
				i.inject(c, d)
				return
			}
			c.begin()
			how.shift(c)
		}
		next(x)
	}
}

// inject brings a fault about, or lets the request pass if that is impossible.
func (i *Injector) inject(c *call, d choice) {
	how := behaviors[d.kind]
	before := c.x.Fault
	c.begin() // before the answer: some faults never return
	if how.instead != nil {
		how.instead(c)
		return
	}
	truth := c.ask(c.x.Request.URL.RawQuery, c.x.Writer.Header())
	if !how.change(c, truth) {
		c.x.Fault = before
		i.refund(d)
		c.send(truth)
	}
}

// begin notes the fault in the exchange.
func (c *call) begin() {
	if c.x.Fault != "" {
		c.x.Fault += ","
	}
	c.x.Fault += string(c.kind)
}

// ask has the services answer, and keeps the answer back, not compressed.
func (c *call) ask(query string, header http.Header) *answer {
	a := &answer{header: header}
	x, writer, request := c.x, c.x.Writer, c.x.Request
	defer func() { x.Writer, x.Request = writer, request }()
	x.Writer, x.Request = a, request.Clone(request.Context())
	x.Request.URL.RawQuery = query
	x.Request.Header.Del("Accept-Encoding")
	c.next(x)
	header.Del("Content-Length")
	return a
}

// send lets an answer go.
func (c *call) send(a *answer) { c.x.Send(a.status, a.contentType(), a.body.Bytes()) }

// refuse answers with an error in the shape of whoever was asked. Sign-in has
// but one for each of the statuses that Graph is told to answer with.
func (c *call) refuse(status int, code, message string) {
	if c.rule.Message != "" {
		message = c.rule.Message
	}
	switch {
	case c.sort != SignIn && c.sort != Discovery:
		refuse(c.x, status, code, message)
	case status == http.StatusTooManyRequests:
		entra.Refuse(c.x, entra.Throttled, status)
	default:
		entra.Refuse(c.x, entra.Unavailable, status)
	}
}

// refuse answers in the shape of the service that was asked, or else in Graph's.
func refuse(x *exchange.Exchange, status int, code, message string) {
	if x.Refuse == nil {
		x.Refuse = graph.Refuse
	}
	x.Refuse(x, status, code, message)
}
