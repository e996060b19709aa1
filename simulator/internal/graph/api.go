// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package graph is the Microsoft Graph dialect of message trace:
//
//	GET /v1.0/admin/exchange/tracing/messageTraces
//	GET /v1.0/admin/exchange/tracing/messageTraces/{id}/getDetailsByRecipient(recipientAddress='…')
//
// It is as strict as the documentation of messageTraces and observations of the
// real service show. Where neither gives a wording, the error is made up in the
// same style, and a comment marks it.
package graph

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Role is the application permission that Microsoft Graph requires for
// messageTraces.
const Role = "ExchangeMessageTrace.Read.All"

const (
	resourcePath = "/admin/exchange/tracing/messageTraces"
	preference   = "include-unknown-enum-members"
)

// Verifier checks bearer tokens.
type Verifier interface {
	Verify(token, audience, role string, now time.Time) error
}

// API serves the resource.
type API struct {
	Store    *mail.Store
	Verifier Verifier
	// Audience is what tokens must be for.
	Audience string
	Quota    *Quota
	// DetailsQuota limits requests for details; nil means that Quota counts them.
	DetailsQuota *Quota

	pages odata.Pool
}

// Handler returns what answers a path, or nil if the path is not Graph's. Graph
// does not mind the case of paths.
func (a *API) Handler(path string) exchange.Handler {
	root, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !strings.EqualFold(root, "v1.0") && !strings.EqualFold(root, "beta") {
		return nil
	}
	if id, recipient, ok := detailsOf("/" + rest); ok {
		return a.authorized(a.limited(cmp.Or(a.DetailsQuota, a.Quota), func(x *exchange.Exchange) { a.details(x, id, recipient) }))
	}
	if !strings.EqualFold("/"+rest, resourcePath) {
		return a.authorized(func(x *exchange.Exchange) { refuse(x, noSuchSegment(rest)) })
	}
	return a.authorized(a.limited(a.Quota, a.list))
}

// Look notes what a request asks for without answering it, and reports whether
// it asks for a page, or for details, at all.
func (a *API) Look(x *exchange.Exchange) bool {
	_, rest, _ := strings.Cut(strings.TrimPrefix(x.Request.URL.Path, "/"), "/")
	if a.Handler(x.Request.URL.Path) == nil {
		return false
	}
	if _, _, x.Details = detailsOf("/" + rest); x.Details {
		x.Refuse = Refuse
		return true
	}
	if !strings.EqualFold("/"+rest, resourcePath) {
		return false
	}
	x.Refuse = Refuse
	x.Continued = odata.Option(x.Request.URL.RawQuery, "$skiptoken") != ""
	if ask, e := parseRequest(x.Request.URL.RawQuery, x.Clock()); e == nil {
		x.Start, x.End, x.Size = ask.asked[0], ask.asked[1], ask.size
	}
	return true
}

// limited lets requests through as long as a quota lasts.
func (a *API) limited(quota *Quota, next exchange.Handler) exchange.Handler {
	return func(x *exchange.Exchange) {
		if x.Unmetered {
			next(x)
			return
		}
		if wait, ok := quota.take(x.Now); !ok {
			if seconds := quota.header(wait); seconds != "" {
				x.Writer.Header().Set("Retry-After", seconds)
			}
			refuse(x, throttled())
			return
		}
		next(x)
	}
}

// list answers one page.
func (a *API) list(x *exchange.Exchange) {
	if x.Request.Method != http.MethodGet {
		x.Writer.Header().Set("Allow", http.MethodGet)
		refuse(x, wrongMethod(x.Request.Method))
		return
	}
	ask, e := parseRequest(x.Request.URL.RawQuery, x.Clock())
	if e != nil {
		refuse(x, e)
		return
	}
	x.Start, x.End, x.Size, x.Continued = ask.asked[0], ask.asked[1], ask.size, ask.after != nil
	work := a.pages.Get()
	defer a.pages.Put(work)
	page, more := a.Store.Page(ask.query(x.Now), work.Rows)
	work.Rows, x.Rows = page, len(page)

	all := prefers(x.Request)
	if all {
		x.Writer.Header().Set("Preference-Applied", preference)
	}
	next := ""
	if more {
		next = ask.nextLink(x.BaseURL()+x.Request.URL.EscapedPath(), page[len(page)-1].Row)
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(x.Request.URL.Path, "/"), "/")
	context := x.BaseURL() + "/" + root + "/$metadata#" + resourcePath[1:]
	work.Text = appendPage(slices.Grow(work.Text, 512+len(page)*bytesPerRow), context, next, page, all)
	x.JSON(http.StatusOK, work.Text)
}

// prefers reports whether the client wants enum members that were added to the
// API after its first release.
func prefers(r *http.Request) bool {
	for _, line := range r.Header.Values("Prefer") {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), preference) {
				return true
			}
		}
	}
	return false
}
