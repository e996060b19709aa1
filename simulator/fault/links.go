// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// Links. All of them leave the rows of a page as they are, except for EmptyPage
// and NullValue, which put them off until the link is followed.
const (
	// DeadLink answers 400, 404 or 410, or Rule.Status, to a request that
	// follows a link. Cursors of a service expire and move with its servers
	// ("resyncRequired" of Graph's delta queries is a 410).
	DeadLink Kind = "dead-link"
	// LinkToItself makes a page link to itself, whether or not it had a link:
	// microsoftgraph/microsoft-graph-docs#4897 and #6754.
	LinkToItself Kind = "link-to-itself"
	// LinkToStart makes a page link to the first one, so that the next link to
	// come is one that was followed already:
	// microsoftgraph/microsoft-graph-docs#21096.
	LinkToStart Kind = "link-to-start"
	// StalledLink links to the same page by a URL that was never seen before:
	// rows come again and again, and no two links are equal. Cortex XSIAM's
	// collector guards against cursors that do not move.
	StalledLink Kind = "stalled-link"
	// EmptyPage is a page without rows and with a link, behind which the rows
	// are. With a Count of 1 it is there once, without one the pages never end.
	// Graph calls it normal (microsoftgraph/microsoft-graph-docs#20637).
	EmptyPage Kind = "empty-page"
	// EmptyPageToItself is a page without rows that links to itself.
	EmptyPageToItself Kind = "empty-page-to-itself"
	// NoLink takes the link from a page, which is then as long as asked for and
	// looks like the last one. Whoever believes it loses the rows behind.
	NoLink Kind = "no-link"
	// NullValue is the same as EmptyPage with "value": null.
	NullValue Kind = "null-value"
	// RelativeLink is a link to the right page, as a path, as the last segment
	// of one, or with dots in front as the Reporting Web Service has them.
	RelativeLink Kind = "relative-link"

	// The following lead astray, whether or not there was a link before. Who
	// follows them gives a token away. Graph has sent links to other hosts
	// (microsoftgraph/msgraph-sdk-dotnet#2316), Azure links to http
	// (Azure/static-web-apps#1327), Microsoft's OData library links to port 80
	// (OData/WebApi#1559).

	// ForeignHostLink leads to Rule.Host.
	ForeignHostLink Kind = "foreign-host-link"
	// ForeignPortLink leads to the same host and the port of Rule.Host, or the
	// next port if there is none.
	ForeignPortLink Kind = "foreign-port-link"
	// OtherSchemeLink has http for https, or https for http.
	OtherSchemeLink Kind = "other-scheme-link"
	// UserinfoLink is right but for a user and a password, which net/http turns
	// into an Authorization header.
	UserinfoLink Kind = "userinfo-link"
	// DisguisedLink leads to Rule.Host and begins with the right host, as a
	// user's name: right for who compares text.
	DisguisedLink Kind = "disguised-link"
	// OtherPathLink leads to the users of the tenant.
	OtherPathLink Kind = "other-path-link"
	// DotDotLink does so too, by a path that begins with the right one.
	DotDotLink Kind = "dot-dot-link"
	// ProtocolRelativeLink leads to Rule.Host and begins with two slashes.
	ProtocolRelativeLink Kind = "protocol-relative-link"

	// QuotedToken quotes the values inside a skip token twice. The next request
	// gets 400 "Cannot process argument transformation on parameter
	// 'StartDate'", each time: elastic/integrations#18134.
	QuotedToken Kind = "quoted-token"
	// NamelessToken takes the recipient out of a skip token. The next request
	// gets 400 "Invalid starting recipient address", each time:
	// elastic/integrations#18985.
	NamelessToken Kind = "nameless-token"
)

// foreignHost is where strays lead by themselves. RFC 2606 keeps it from ever
// existing.
const foreignHost = "foreign.example"

func deadLink(c *call) {
	refuseLink(c.x, cmp.Or(c.rule.Status, pick(c, http.StatusBadRequest, http.StatusNotFound, http.StatusGone)))
}

// refuseLink answers to a link that leads nowhere. Graph's message trace has no
// words of its own for it; those are of other parts of Graph.
func refuseLink(x *exchange.Exchange, status int) {
	switch status {
	case http.StatusNotFound:
		refuse(x, status, "itemNotFound", "The resource could not be found.")
	case http.StatusGone:
		refuse(x, status, "resyncRequired", "Resync required. Replace any local items with the server's version.")
	default:
		refuse(x, status, "BadRequest", "The skip token in the request is invalid.")
	}
}

func linkToItself(c *call, p *page) bool {
	p.setLink(c.address())
	return true
}

func linkToStart(c *call, p *page) bool {
	options := slices.DeleteFunc(strings.Split(unmarked(c.x.Request.URL.RawQuery), "&"), func(option string) bool {
		return odata.Option(option, "$skiptoken") != ""
	})
	p.setLink(c.x.BaseURL() + c.x.Request.URL.EscapedPath() + "?" + strings.Join(options, "&"))
	return true
}

func stalledLink(c *call, p *page) bool {
	p.setLink(c.anew())
	return true
}

func emptyPage(c *call, p *page) bool {
	p.rows, c.x.Rows = nil, 0
	p.setLink(c.anew())
	return true
}

func emptyPageToItself(c *call, p *page) bool {
	p.rows, c.x.Rows = nil, 0
	return linkToItself(c, p)
}

func noLink(_ *call, p *page) bool {
	had := p.link() != ""
	p.setLink("")
	return had
}

func nullValue(c *call, p *page) bool {
	p.null = true
	return emptyPage(c, p)
}

// resolved returns a link as an absolute URL: not all services have those.
func (c *call) resolved(link string) (*url.URL, bool) {
	base, err := url.Parse(c.address())
	if err != nil {
		return nil, false
	}
	absolute, err := base.Parse(link)
	return absolute, err == nil
}

func relativeLink(c *call, p *page) bool {
	link, ok := c.resolved(p.link())
	if !ok || p.link() == "" {
		return false
	}
	at := link.EscapedPath()
	above, name := path.Split(at)
	parent := path.Base(above)
	p.setLink(pick(c, at, name, "../"+parent+"/"+name) + "?" + link.RawQuery)
	return true
}

func strayLink(c *call, p *page) bool {
	link, ok := c.resolved(cmp.Or(p.link(), c.anew()))
	if !ok {
		return false
	}
	foreign, err := url.Parse(c.foreign())
	if err != nil {
		return false
	}
	switch c.kind {
	case ForeignHostLink:
		link.Scheme, link.Host = foreign.Scheme, foreign.Host
	case ForeignPortLink:
		link.Host = net.JoinHostPort(link.Hostname(), otherPort(link, foreign))
	case OtherSchemeLink:
		link.Scheme = map[string]string{"http": "https", "https": "http"}[link.Scheme]
	case UserinfoLink:
		link.User = url.UserPassword("user", "password")
	case DisguisedLink:
		link.User = url.User(link.Hostname())
		if port := link.Port(); port != "" {
			link.User = url.UserPassword(link.Hostname(), port)
		}
		link.Scheme, link.Host = foreign.Scheme, foreign.Host
	case OtherPathLink:
		link = link.ResolveReference(&url.URL{Path: "/v1.0/users", RawQuery: link.RawQuery})
	case DotDotLink:
		link.Path += "/../../../../users"
		link.RawPath = ""
	case ProtocolRelativeLink:
		link.Scheme, link.Host = "", foreign.Host
	}
	p.setLink(link.String())
	return true
}

// foreign returns scheme and host of where strays lead.
func (c *call) foreign() string {
	host := cmp.Or(c.rule.Host, foreignHost)
	if strings.Contains(host, "://") {
		return strings.TrimRight(host, "/")
	}
	scheme, _, _ := strings.Cut(c.x.BaseURL(), "://")
	return scheme + "://" + host
}

func otherPort(own, foreign *url.URL) string {
	if port := foreign.Port(); port != "" {
		return port
	}
	port, err := strconv.Atoi(own.Port())
	if err != nil {
		port = 443
	}
	return strconv.Itoa(port%65535 + 1)
}

func quotedToken(_ *call, p *page) bool {
	return editToken(p, func(token map[string]string) {
		for name, value := range token {
			token[name] = strconv.Quote(value)
		}
	})
}

func namelessToken(_ *call, p *page) bool {
	return editToken(p, func(token map[string]string) {
		token["StartingRecipientAddress"] = ""
		delete(token, "LastId") // the simulator's own, which would do instead
	})
}

// editToken changes what is inside the skip token of a link, if there is one.
func editToken(p *page, edit func(map[string]string)) bool {
	link, err := url.Parse(p.link())
	if err != nil {
		return false
	}
	old := link.Query().Get("$skiptoken")
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(old, "="))
	var token map[string]string
	if err != nil || json.Unmarshal(text, &token) != nil || len(token) == 0 {
		return false
	}
	edit(token)
	if text, err = json.Marshal(token); err != nil {
		return false
	}
	changed := base64.RawStdEncoding.EncodeToString(text)
	p.setLink(strings.Replace(p.link(), url.QueryEscape(old), url.QueryEscape(changed), 1))
	return true
}
