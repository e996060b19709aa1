// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Refusals. Rule.RetryAfter, Rule.Status and Rule.Message replace what the kinds
// choose themselves. Requests refused here count against no quota.
const (
	// ThrottledSeconds is 429 with Retry-After: 5. So the Microsoft Graph
	// throttling guidance; sign-in answers AADSTS90055.
	ThrottledSeconds Kind = "429-seconds"
	// ThrottledDate is 429 with an HTTP date 5 s ahead, by the clock of the
	// service, in Retry-After. RFC 9110 (10.2.3) allows it, and proxies do it.
	// Rule.Skew is how far the clock behind that date is off.
	ThrottledDate Kind = "429-date"
	// ThrottledLong is 429 with Retry-After: 3600. A client that obeys to the
	// letter stands still for an hour; microsoftgraph/msgraph-sdk-dotnet#250
	// tells of half an hour.
	ThrottledLong Kind = "429-long"
	// ThrottledZero is 429 with Retry-After: 0, which is no permission to ask
	// in a tight loop.
	ThrottledZero Kind = "429-zero"
	// ThrottledGarbage is 429 with a Retry-After that RFC 9110 does not know:
	// fractions, as Graph really sent (microsoftgraph/microsoft-graph-docs#3877),
	// a negative number, a word, or a number beyond all integers.
	ThrottledGarbage Kind = "429-garbage"
	// ThrottledSilent is 429 without Retry-After, as seen in
	// microsoftgraph/microsoft-graph-docs-contrib#8469.
	ThrottledSilent Kind = "429-silent"

	// ServerError is one of 500, 502, 503 and 504 with Graph's error document:
	// "Error responses" of the Microsoft Graph documentation.
	ServerError Kind = "5xx"
	// ServerErrorRetryAfter is the same with Retry-After: 5, which the
	// documentation wants to be obeyed with 503 as with 429.
	ServerErrorRetryAfter Kind = "5xx-retry-after"
	// ServerErrorHTML is the same with the HTML of what stands in front of a
	// service: IIS, http.sys, an Azure gateway. The SDKs' parsers stumble over
	// it (microsoftgraph/msgraph-sdk-dotnet#2661).
	ServerErrorHTML Kind = "5xx-html"
	// ServerErrorWordless is the same with the code UnknownError and an empty
	// message: Graph's text where whatever is behind it sends none.
	ServerErrorWordless Kind = "5xx-wordless"

	// BadRequest is 400 with one of the texts that the message trace is known
	// for, for a request that does not deserve it: elastic/integrations#18134
	// and #18985 had it from requests that were in order.
	BadRequest Kind = "400"
	// TransientBadRequest is 400 with the text of a 503. With Rule.TopAbove, it goes
	// away with smaller pages, as it does in real life.
	TransientBadRequest Kind = "400-transient"
	// PageLimit is 400 with a text about the size of the page, which must be at
	// most Rule.TopAbove. Limits of pages have been lowered without notice.
	PageLimit Kind = "400-page-size"
	// TooOld is 400 with the text for windows that begin before the 90 days
	// that are kept. It tells a client that mail is gone for good, so it is part
	// of no mixture.
	TooOld Kind = "400-too-old"
	// InvalidToken is 401 for a token that was good a moment ago, as when keys
	// are rolled or sessions revoked; the text is Graph's.
	InvalidToken Kind = "401"
	// ClaimsChallenge is 401 with a claims challenge of continuous access
	// evaluation: the token was issued before a policy had changed. With
	// Rule.FirstToken, a token that is really new is let through.
	ClaimsChallenge Kind = "401-claims"
	// NotProvisioned is 401 with the text about the missing service principal
	// of message trace. Tenants had it for hours after setting up everything
	// right, in January 2026.
	NotProvisioned Kind = "401-not-provisioned"
	// Forbidden is 403 with the same text and a link, as seen in July 2026.
	Forbidden Kind = "403"
	// Redirect is one of 301, 302, 307 and 308 to Rule.Host. A client that
	// takes its token along gives it away; net/http does so if only the port
	// differs.
	Redirect Kind = "redirect"
	// LoginRedirect is 302 to a login page on Rule.Host: captive portals and
	// proxies that want to know who somebody is.
	LoginRedirect Kind = "302-login"
	// ProxyAuthentication is 407 of a proxy that speaks Negotiate and NTLM only.
	ProxyAuthentication Kind = "407"
)

// retryAfter is what kinds ask for, in seconds.
const retryAfter = 5

func throttled(c *call) {
	value := ""
	switch c.kind {
	case ThrottledSeconds:
		value = strconv.Itoa(retryAfter)
	case ThrottledDate:
		value = c.x.Clock().Add(retryAfter*time.Second + c.rule.Skew).UTC().Format(http.TimeFormat)
	case ThrottledLong:
		value = "3600"
	case ThrottledZero:
		value = "0"
	case ThrottledGarbage:
		value = pick(c, "0.249", "-1", "soon", "99999999999999999999")
	}
	c.retryAfter(value)
	c.refuse(http.StatusTooManyRequests, "TooManyRequests",
		"Your recent queries have surpassed the permitted limit, please try again later.")
}

func (c *call) retryAfter(value string) {
	if value = cmp.Or(c.rule.RetryAfter, value); value != "" {
		c.x.Writer.Header().Set("Retry-After", value)
	}
}

// serverStatus draws a status before it looks at the rule, so that a rule's
// status does not change what is drawn later.
func (c *call) serverStatus() int {
	return cmp.Or(c.rule.Status, pick(c, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout))
}

func serverError(c *call) {
	value := ""
	if c.kind == ServerErrorRetryAfter {
		value = strconv.Itoa(retryAfter)
	}
	c.retryAfter(value)
	status := c.serverStatus()
	code, text := "generalException", "An error has occurred on the server."
	switch status {
	case http.StatusInternalServerError:
		code = "InternalServerError"
	case http.StatusBadGateway:
		code, text = "BadGateway", "Failed to execute backend request."
	case http.StatusServiceUnavailable:
		code, text = "serviceNotAvailable", "The service is temporarily unavailable for maintenance or is overloaded."
	case http.StatusGatewayTimeout:
		code, text = "UnknownError", "The server, while acting as a proxy, did not receive a timely response from the upstream server."
	}
	if c.kind == ServerErrorWordless {
		code, text = "UnknownError", ""
	}
	c.refuse(status, code, text)
}

func serverErrorHTML(c *call) {
	c.retryAfter("")
	status := c.serverStatus()
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	text := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
	contentType := "text/html"
	if status == http.StatusServiceUnavailable { // http.sys, when the process behind it is gone
		contentType = "text/html; charset=us-ascii"
		text = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">` + "\r\n" +
			"<HTML><HEAD><TITLE>Service Unavailable</TITLE>\r\n" +
			`<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>` + "\r\n" +
			"<BODY><h2>Service Unavailable</h2>\r\n<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n</BODY></HTML>\r\n"
	}
	c.x.Send(status, contentType, []byte(text))
}

func badRequest(c *call) {
	c.refuse(cmp.Or(c.rule.Status, http.StatusBadRequest), "BadRequest", pick(c,
		"EndDate is required when a StartDate is entered.",
		"|System.ArgumentException|The interval between StartDate and EndDate can't be longer than 10 days.",
		"ResultSize is invalid",
		"|System.ArgumentException|Invalid starting recipient address",
		"Cannot process argument transformation on parameter 'StartDate'.",
	))
}

func transientBadRequest(c *call) {
	c.refuse(http.StatusBadRequest, "ServiceUnavailable", "The service is temporarily unavailable. Try again later.")
}

func pageLimit(c *call) {
	c.refuse(http.StatusBadRequest, "BadRequest", fmt.Sprintf(
		"Invalid page size specified: '%d'. Must be between 1 and %d inclusive.", c.x.Size, max(c.rule.TopAbove, 1)))
}

func tooOld(c *call) {
	c.refuse(http.StatusBadRequest, "BadRequest", "Invalid StartDate value. The StartDate can't be older than 90 days from today.")
}

func invalidToken(c *call) {
	c.challenge()
	c.refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
}

// claimsChallenge has the header of Microsoft's documentation of claims challenges.
func claimsChallenge(c *call) {
	claims := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, c.x.Now.Unix())
	c.x.Writer.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", `+
		`error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(claims))+`"`)
	c.refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with "+
		"result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies")
}

const noPrincipal = "Service principal-less Authentication failed: the service principal for App ID " +
	"8bd644d1-64a1-4d4b-ae52-2e0cbf64e373 was not found. Please create a service principal for this app in your " +
	"tenant. Provisioning may take several hours to complete."

func notProvisioned(c *call) {
	c.challenge()
	c.refuse(http.StatusUnauthorized, "Unauthorized", noPrincipal)
}

func forbidden(c *call) {
	c.refuse(http.StatusForbidden, "Forbidden", noPrincipal+" For details, see: https://learn.microsoft.com/exchange/"+
		"monitoring/trace-an-email-message/graph-api-message-trace#provision-a-service-principal")
}

// challenge is what a 401 must have by RFC 9110 (15.5.2).
func (c *call) challenge() {
	c.x.Writer.Header().Set("WWW-Authenticate", `Bearer realm="", error="invalid_token"`)
}

func redirect(c *call) {
	status := pick(c, http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect)
	c.x.Writer.Header().Set("Location", c.foreign()+c.x.Request.URL.RequestURI())
	c.x.Send(cmp.Or(c.rule.Status, status), "text/html", []byte("<html><head><title>Object moved</title></head></html>"))
}

func loginRedirect(c *call) {
	c.x.Writer.Header().Set("Location", c.foreign()+"/login?back="+url.QueryEscape(c.address()))
	c.x.Send(http.StatusFound, "text/html", []byte("<html><body>Moved</body></html>"))
}

func proxyAuthentication(c *call) {
	header := c.x.Writer.Header()
	header.Add("Proxy-Authenticate", "Negotiate")
	header.Add("Proxy-Authenticate", "NTLM")
	c.x.Send(http.StatusProxyAuthRequired, "text/html", []byte("<html><head><title>407 Proxy Authentication Required</title></head></html>"))
}

// pick draws one of several.
func pick[T any](c *call, choices ...T) T { return choices[c.rng.IntN(len(choices))] }
