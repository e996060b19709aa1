// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"crypto/rand"
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard decides which requests are answered. It protects those who have the page open in a browser from other sites: from
// sites that give themselves a name of this machine (DNS rebinding), by the Host, and from sites that send requests here
// (CSRF), by the Origin. It protects mail and collection from other users of this machine by a token.
type guard struct {
	// hosts are the names by which the server may be reached beside those of loopback.
	hosts []string
	// readOnly and captures are those of the configuration.
	readOnly, captures bool
	// token is needed for capture and for everything that changes something, "" if none is.
	token string
}

func newGuard(cfg *Config) *guard {
	g := &guard{readOnly: cfg.ReadOnly, captures: cfg.captures()}
	if cfg.needsToken() {
		g.token = rand.Text()
	}
	for _, host := range append([]string{cfg.endpointHost()}, cfg.AllowedHosts...) {
		if host != "" {
			g.hosts = append(g.hosts, canonicalHost(host))
		}
	}
	return g
}

// host refuses requests under a name that is not the server's. It holds for reading, too: another site must not learn what
// is collected here.
func (g *guard) host(r *http.Request) error {
	name := canonicalHost(hostName(r.Host))
	if isLoopback(name) || slices.Contains(g.hosts, name) {
		return nil
	}
	return forbidden("host", "the host "+quote(name)+" is not one of this server; to use it, add it to allowed_hosts of the extension")
}

// origin refuses requests that another site makes a browser send.
func (g *guard) origin(r *http.Request) error {
	refused := forbidden("origin", "another site must not do this; use the page of the Job Inspector itself, "+
		"and let a proxy before it pass the Host on")
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refused
	}
	for _, origin := range r.Header.Values("Origin") {
		from, err := url.Parse(origin)
		if err != nil || from.Host == "" || withPort(from.Host, from.Scheme) != withPort(r.Host, from.Scheme) {
			return refused
		}
	}
	return nil
}

// site refuses requests that a page of another site makes a browser send, whatever they ask for.
func (g *guard) site(r *http.Request) error {
	if strings.HasPrefix(r.URL.Path, "/api/") && slices.Contains(r.Header.Values("Sec-Fetch-Site"), "cross-site") {
		return forbidden("origin", "another site must not ask for this; use the page of the Job Inspector itself")
	}
	return nil
}

// authorized reports whether a request has the token, or needs none.
func (g *guard) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return g.token == "" ||
		strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(g.token)) == 1
}

// bearer refuses requests without the token. The host's other users can send requests as well, but do not read the log.
func (g *guard) bearer(r *http.Request) error {
	if g.authorized(r) {
		return nil
	}
	return &apiError{http.StatusUnauthorized, "token", "this needs the token of the link that the collector logged when it started, " +
		"as Authorization: Bearer; the extension can use auth instead, or open: true where everybody who reaches it may do everything"}
}

// change refuses requests that must not change anything.
func (g *guard) change(r *http.Request) error {
	if err := g.origin(r); err != nil {
		return err
	}
	if g.readOnly {
		return forbidden("read_only", "this Job Inspector only reads: the extension has read_only: true")
	}
	if err := g.bearer(r); err != nil {
		return err
	}
	// A page of another site can send other types without asking first.
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return badRequest("content_type", "the request needs Content-Type: application/json")
	}
	return nil
}

// capture refuses requests that must not see live records.
func (g *guard) capture(r *http.Request) error {
	if err := g.origin(r); err != nil {
		return err
	}
	switch {
	case g.readOnly:
		return forbidden("read_only", "there is no live capture: the extension has read_only: true")
	case !g.captures:
		return forbidden("capture", "there is no live capture: the extension needs capture: true, "+
			"which is the default only where the endpoint is loopback")
	}
	return g.bearer(r)
}

// isLoopback reports whether a host means this machine alone.
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// hostName is the host of a Host header, without port and brackets.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// canonicalHost is the one spelling of a host that is compared.
func canonicalHost(host string) string {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// withPort is a host with its port, which the scheme implies where none is written.
func withPort(host, scheme string) string {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return net.JoinHostPort(canonicalHost(hostName(host)), port)
}

// quote shows a text that a stranger has chosen.
func quote(text string) string {
	const longest = 100
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == 0x7f {
			return '?'
		}
		return r
	}, text) + `"`
}

// contentPolicy lets the page load from its own origin only, and nobody frame it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets the headers that every answer has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
