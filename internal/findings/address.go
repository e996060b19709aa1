// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"strings"

	"golang.org/x/net/idna"
)

// nullSender is the envelope sender of bounces (RFC 5321, section 4.5.5).
const nullSender = "<>"

// domains are names of domains in lower case. Their subdomains count as well.
type domains map[string]bool

func newDomains(names []string) domains {
	set := domains{}
	for _, name := range names {
		set[cleanDomain(name)] = true
	}
	return set
}

// has reports whether the domain or one that it belongs to is in the set.
func (d domains) has(domain string) bool {
	for len(d) > 0 {
		if d[domain] {
			return true
		}
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return false
		}
		domain = parent
	}
	return false
}

// cleanDomain is the domain in lower case, without a final dot, and in ASCII where it can be written so.
func cleanDomain(name string) string {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if isASCII(name) {
		return name
	}
	if ascii, err := idna.Punycode.ToASCII(name); err == nil {
		return ascii
	}
	return name
}

// domainOf is the domain of a cleaned address, empty if it has none.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	domain := strings.TrimRight(address[at+1:], ">")
	if domain == "" || domain[len(domain)-1] != '.' && isASCII(domain) {
		return domain
	}
	return cleanDomain(domain)
}

// lower is the text in lower case. Most texts are so already.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c-'A' < 26 {
			return strings.ToLower(s)
		}
	}
	return s
}

// appendLower appends the text in lower case.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 0x80:
			return append(dst[:len(dst)-i], strings.ToLower(s)...)
		case c-'A' < 26:
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
