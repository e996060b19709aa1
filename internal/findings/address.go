// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"strings"

	"golang.org/x/net/idna"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
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
	name = lower(strings.TrimSuffix(strings.TrimSpace(name), "."))
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
	domain := address[at+1:]
	if strings.HasSuffix(domain, ">") {
		domain = strings.TrimRight(domain, ">")
	}
	if domain == "" || domain[len(domain)-1] != '.' && isASCII(domain) {
		return domain
	}
	return cleanDomain(domain)
}

// Texts are looked at in words of eight bytes, all of them at once.
const (
	tops  = 0x8080808080808080 // set in what is not ASCII
	fromA = 0x3F3F3F3F3F3F3F3F // carries A and what follows over the top bit
	pastZ = 0x2525252525252525 // carries what follows Z
)

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// capitals has the top bit of each byte of ASCII that is a capital letter.
func capitals(w uint64) uint64 { return (w + fromA) &^ (w + pastZ) & tops }

// lower is the text in lower case, as rows are identified by it. Most texts are so already.
func lower(s string) string {
	if isLower(s) {
		return s
	}
	return string(identity.AppendFolded(nil, s))
}

// isLower reports whether the text is ASCII without capital letters.
func isLower(s string) bool {
	rest := s
	for ; len(rest) >= 8; rest = rest[8:] {
		if w := word(rest); (w|capitals(w))&tops != 0 {
			return false
		}
	}
	for i := range len(rest) {
		if c := rest[i]; c >= 0x80 || c-'A' < 26 {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if word(s)&tops != 0 {
			return false
		}
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
