// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package reporting is the Office 365 Reporting Web Service, as far as the
// message trace goes:
//
//	GET /ecp/reportingwebservice/reporting.svc/MessageTrace
//	GET /ecp/reportingwebservice/reporting.svc/MessageTraceDetail
//
// The service is made with WCF Data Services, speaks OData 2 and, since then,
// JSON light of OData 3. It follows Microsoft's documentation of the Reporting
// Web Service and what public code has recorded of the real one. Where neither
// gives a wording, that of WCF Data Services is used, or the error is made up in
// the same style; comments mark which.
//
// A page begins at a number, not at a row. The number counts from the newest row
// that is visible at the moment: a row that becomes visible between two pages
// shifts the rest, so that the later page repeats rows, and a row that leaves
// the result in between makes it miss some. This is how links of the real
// service read, and it is on purpose. Only a window that lies far enough in the
// past for all its rows to have appeared can be read page by page without care.
package reporting

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// Role is the application permission that the service requires, by Microsoft's
// documentation of how to register an application for it.
const Role = "ReportingWebService.Read.All"

// The service does not mind the case of paths. In its answers it writes itself
// in mixed case, but for links, which are in lower case: so all recorded answers.
const (
	root    = "/ecp/reportingwebservice/reporting.svc/"
	written = "/ecp/ReportingWebService/Reporting.svc/"
	report  = "MessageTrace"
)

// Verifier checks bearer tokens.
type Verifier interface {
	Verify(token, audience, role string, now time.Time) error
}

// API serves the reports.
type API struct {
	Store    *mail.Store
	Verifier Verifier
	// Audience is what tokens must be for.
	Audience string
	// User and Password let in whoever sends them by basic authentication, which
	// Microsoft ended in 2023. Without a user there is none.
	User, Password string
	// Organization is the tenant's name in each row.
	Organization string

	pages odata.Pool
}

// Handler returns what answers a path, or nil if the path is not the service's.
func (a *API) Handler(path string) exchange.Handler {
	if len(path) < len(root)-1 || !strings.EqualFold(path[:len(root)-1], root[:len(root)-1]) {
		return nil
	}
	name := strings.Trim(path[len(root)-1:], "/")
	return a.authorized(func(x *exchange.Exchange) {
		if e := checkVersion(x.Request); e != nil {
			refuse(x, e)
			return
		}
		switch {
		case strings.EqualFold(name, report):
			a.list(x)
		case strings.EqualFold(name, detailReport):
			a.events(x)
		default:
			refuse(x, noSuchReport(name))
		}
	})
}

// Look notes what a request asks for without answering it, and reports whether
// it asks for a page, or for details, at all.
func (a *API) Look(x *exchange.Exchange) bool {
	path := strings.TrimRight(x.Request.URL.Path, "/")
	if x.Details = strings.EqualFold(path, root+detailReport); !x.Details && !strings.EqualFold(path, root+report) {
		return false
	}
	x.Refuse = Refuse
	x.Continued = odata.Option(x.Request.URL.RawQuery, "$skiptoken") != ""
	if ask, e := parseRequest(x.Request.URL.RawQuery, x.Clock()); e == nil {
		x.Start, x.End, x.Size = ask.start, ask.end, ask.size
	}
	return true
}

// list answers one page.
func (a *API) list(x *exchange.Exchange) {
	if x.Request.Method != http.MethodGet {
		x.Writer.Header().Set("Allow", http.MethodGet)
		refuse(x, wrongMethod())
		return
	}
	ask, e := parseRequest(x.Request.URL.RawQuery, x.Clock())
	if e != nil {
		refuse(x, e)
		return
	}
	how, e := formatOf(ask.format, x.Request.Header)
	if e != nil {
		refuse(x, e)
		return
	}
	x.Start, x.End, x.Size, x.Continued = ask.start, ask.end, ask.size, ask.continued
	work := a.pages.Get()
	defer a.pages.Put(work)
	rows, more := a.Store.PageAt(ask.query(a.Organization, x.Now), ask.skip, work.Rows)
	work.Rows, x.Rows = rows, len(rows)
	p := page{
		base:         x.BaseURL() + written,
		organization: a.Organization,
		rows:         rows,
		first:        ask.skip,
		start:        ask.start,
		end:          ask.end,
		made:         x.Clock(),
	}
	if more && ask.paged {
		p.next = ask.link(ask.skip + len(rows) - 1)
	}
	x.Writer.Header().Set("DataServiceVersion", how.version())
	work.Text = how.render(slices.Grow(work.Text, 2048+len(rows)*how.bytesPerRow()), &p)
	x.Send(http.StatusOK, how.contentType(), work.Text)
}

// open sets the headers of every answer: those of the example in Microsoft's
// documentation of requests and responses. The values are made up.
func open(x *exchange.Exchange) {
	header := x.Writer.Header()
	header.Set("Cache-Control", "no-cache,no-store")
	header.Set("DataServiceVersion", "2.0;")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-RWS-Version", version)
	header.Set("X-CalculatedBETarget", "m365sim.be.local")
	header.Set("X-BEServer", "M365SIM-BE")
	header.Set("X-FEServer", "M365SIM-FE")
	header.Set("X-DiagInfo", "M365SIM-BE")
	header.Add("Set-Cookie", "X-BackEndCookie=m365sim; path=/ecp/reportingwebservice; secure; HttpOnly")
}
