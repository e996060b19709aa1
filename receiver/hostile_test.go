// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
)

// What must never show.
const (
	hiddenSecret     = "cl1ent~s3cret/of+the=test"
	hiddenPassphrase = "p4ssphrase of the test"
	hiddenPassword   = "p4ssw0rd:of/the+test"
	hiddenToken      = "opaque/t0ken+of~the-login-host="
	hiddenFederated  = "t0ken-that-another-provider-has-issued"
	hiddenExtension  = "t0ken.of_the-extension~1"
	hiddenHeader     = "api-key-0f-the-proxy"
	hiddenUser       = "svc.account@contoso.example"
	hiddenAddresses  = "ann.lee+trace@contoso.example to bob%40fabrikam.example"
)

// hostile is login host and service in one. It repeats whatever it is sent.
type hostile struct {
	t     assert.TestingT
	url   string
	token string
	// login and service are their answers; a nil one does what it should.
	login, service func(w http.ResponseWriter, r *http.Request, echo string)

	mu sync.Mutex
	// seen is what came that must not show: the forms and headers.
	seen []string
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, echo := h.service, []string{}
	assert.NoError(h.t, r.ParseForm())
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		base := h.url + "/" + strings.Split(r.URL.Path, "/")[1]
		json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
		return
	case strings.HasSuffix(r.URL.Path, "/token"):
		answer = h.login
		for _, name := range []string{"client_secret", "client_assertion"} {
			if value := r.PostForm.Get(name); value != "" {
				h.remember(value)
				echo = append(echo, name+"="+value, url.QueryEscape(value))
			}
		}
		echo = append(echo, r.PostForm.Encode())
		if answer == nil {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, h.token)
			return
		}
	default:
		authorization := r.Header.Get("Authorization")
		_, credentials, _ := strings.Cut(authorization, " ")
		h.remember(credentials)
		decoded, _ := base64.StdEncoding.DecodeString(credentials)
		echo = []string{authorization, credentials, string(decoded), r.Header.Get("X-Api-Key"), r.URL.RequestURI()}
	}
	answer(w, r, strings.ToValidUTF8(strings.Join(echo, " "), "")+" "+hiddenAddresses)
}

func (h *hostile) remember(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, text)
}

type behaviour = func(w http.ResponseWriter, r *http.Request, echo string)

// quoted makes a text part of a JSON string or of XML.
func quoted(text string) string {
	encoded, _ := json.Marshal(text)
	return string(encoded[1 : len(encoded)-1])
}

// echoing answers with a format that the echo is put into.
func echoing(status int, contentType, format string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, echo string) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprintf(w, strings.ReplaceAll(format, "ECHO", "%[1]s"), quoted(echo))
	}
}

// bare answers with bytes of its own.
func bare(format string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, echo string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, strings.ReplaceAll(format, "ECHO", echo))
			conn.Close()
		}
	}
}

func redirects(location string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, echo string) {
		w.Header().Set("Location", strings.ReplaceAll(location, "ECHO", url.PathEscape(echo)))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

var hostileLogins = map[string]behaviour{
	"a wrong secret":       echoing(401, "application/json", `{"error":"invalid_client","error_description":"AADSTS7000215: ECHO is wrong. Trace ID: ECHO"}`),
	"a wrong assertion":    echoing(401, "application/json", `{"error":"invalid_client","error_description":"AADSTS700027: What of ECHO?"}`),
	"of a code of its own": echoing(400, "application/json", `{"error":"ECHO","error_description":"ECHO","error_codes":[1]}`),
	"no JSON":              echoing(500, "text/html", `<html><title>ECHO</title></html>`),
	"a token that is none": echoing(200, "application/json", `{"access_token":{"ECHO":"ECHO"},"ECHO":1}`),
	"a token cut short":    echoing(200, "application/json", `{"token_type":"Bearer","expires_in":3599,"access_token":"ECHO`),
	"a redirect":           redirects("https://127.0.0.1:1/ECHO?ECHO"),
	"a header of no sense": bare("HTTP/1.1 200 OK\r\nECHO\r\n\r\n"),
	"a status of no sense": bare("HTTP/1.1 ECHO\r\n\r\n"),
	"no HTTP":              bare("ECHO\r\n\r\n"),
}

var hostileServices = map[string]behaviour{
	"unauthorised":          echoing(401, "application/json", `{"error":{"code":"ECHO","message":"ECHO"}}`),
	"forbidden, old":        echoing(403, "application/json", `{"odata.error":{"code":"ECHO","message":{"value":"ECHO"}}}`),
	"forbidden, bare":       echoing(403, "application/json", `{"ErrorCode":"ECHO","Message":"ECHO"}`),
	"bad, in XML":           echoing(400, "application/xml", `<ServiceFault><ErrorCode>1</ErrorCode><Message>ECHO</Message></ServiceFault>`),
	"broken, in HTML":       echoing(500, "text/html", `<html><title>ECHO</title></html>`),
	"throttling":            echoing(429, "application/json", `{"error":{"code":"TooManyRequests","message":"ECHO"}}`),
	"unavailable":           echoing(503, "application/json", `{"error":{"code":"x","message":"ECHO"}}`),
	"no page":               echoing(200, "text/ECHO", `ECHO`),
	"damaged JSON":          echoing(200, "application/json", `{"value":[{"ECHO":"ECHO"},{"id":"ECHO`),
	"rows of another shape": echoing(200, "application/json", `{"ECHO":{},"value":"ECHO"}`),
	"damaged XML": func(w http.ResponseWriter, _ *http.Request, echo string) {
		name := strings.NewReplacer(" ", "_", "/", "_", ":", ".").Replace(echo)
		fmt.Fprintf(w, "<feed xmlns='http://www.w3.org/2005/Atom'><t%s>&%s;</feed>", name, strings.Fields(echo)[0])
	},
	"an element of its own": func(w http.ResponseWriter, r *http.Request, _ string) {
		_, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		fmt.Fprintf(w, "<feed xmlns='http://www.w3.org/2005/Atom'>&%s;</feed>", strings.NewReplacer("/", "", "+", "", "=", "", "~", "").Replace(credentials))
	},
	"a link elsewhere":      echoing(200, "application/json", `{"value":[],"@odata.nextLink":"https://evil.example/ECHO","odata.nextLink":"https://evil.example/ECHO"}`),
	"a link of addresses":   echoing(200, "application/json", `{"value":[],"@odata.nextLink":"https://ann.lee@evil.example/","odata.nextLink":"https://ann.lee@evil.example/"}`),
	"a link that is no URL": echoing(200, "application/json", `{"value":[],"@odata.nextLink":"%%zz ECHO","odata.nextLink":"%%zz ECHO"}`),
	"a redirect":            redirects("https://evil.example/ECHO?ECHO"),
	"a redirect below":      redirects("/ECHO?ECHO"),
	"no redirect":           redirects("%%zz ECHO"),
	"a header of no sense":  bare("HTTP/1.1 200 OK\r\nECHO\r\n\r\n"),
	"a status of no sense":  bare("HTTP/1.1 ECHO\r\n\r\n"),
	"no HTTP":               bare("ECHO\r\n\r\n"),
	"headers": func(w http.ResponseWriter, _ *http.Request, echo string) {
		for _, name := range []string{"Request-Id", "Retry-After", "Date", "Www-Authenticate", "Content-Type"} {
			w.Header().Set(name, echo)
		}
		w.WriteHeader(http.StatusForbidden)
	},
	"a page that breaks off": bare("HTTP/1.1 200 OK\r\nRequest-Id: ECHO\r\nTransfer-Encoding: chunked\r\n\r\nECHO\r\n"),
}
