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

// dots are the full stops that separate labels as well (Unicode Technical Standard 46, section 2.3).
var dots = strings.NewReplacer("\u3002", ".", "\uFF0E", ".", "\uFF61", ".")

// cleanDomain is the domain in lower case, without a final dot, and in ASCII where it can be written so.
func cleanDomain(name string) string {
	name = lower(strings.TrimSuffix(strings.TrimSpace(dots.Replace(name)), "."))
	if ascii, err := idna.Punycode.ToASCII(name); err == nil {
		return ascii
	}
	return name
}

// domainOf is the domain of an address as it is there, empty if it has none.
func domainOf(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return address[at+1:]
	}
	return ""
}

// lower is the text in lower case, as rows are identified by it.
func lower(s string) string { return string(identity.AppendFolded(nil, s)) }
