// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"bytes"
	"strings"
)

// Domains are the domains that are one's own, in lower case. Their subdomains count as well.
type Domains map[string]bool

// NewDomains returns the set of the named domains.
func NewDomains(names []string) Domains {
	domains := Domains{}
	for _, name := range names {
		domains[strings.ToLower(strings.TrimSuffix(name, "."))] = true
	}
	return domains
}

// nullSender is the envelope sender of bounces (RFC 5321, section 4.5.5).
const nullSender = "<>"

// envelopeSender returns the sender, and the null sender in one spelling: services also write <, \ or nothing but space.
func envelopeSender(sender []byte) []byte {
	for _, c := range sender {
		switch c {
		case '<', '>', '\\', ' ', '\t', '\r', '\n':
		default:
			return sender
		}
	}
	if len(sender) == 0 {
		return nil
	}
	return []byte(nullSender)
}

// direction says which way a message goes; it is empty where that cannot be told.
func (d Domains) direction(sender, recipient []byte) string {
	if len(d) == 0 || string(envelopeSender(sender)) == nullSender {
		return ""
	}
	from, fromKnown := domainOf(sender)
	to, toKnown := domainOf(recipient)
	if !fromKnown || !toKnown {
		return ""
	}
	switch fromUs, toUs := d.has(from), d.has(to); {
	case fromUs && toUs:
		return "internal"
	case fromUs:
		return "outbound"
	case toUs:
		return "inbound"
	}
	return "external"
}

// has says whether the domain or one that it belongs to is in the set.
func (d Domains) has(domain string) bool {
	for {
		if d[domain] {
			return true
		}
		_, parent, found := strings.Cut(domain, ".")
		if !found {
			return false
		}
		domain = parent
	}
}

func domainOf(address []byte) (domain string, ok bool) {
	at := bytes.LastIndexByte(address, '@')
	if at < 0 {
		return "", false
	}
	domain = strings.ToLower(strings.TrimSuffix(string(bytes.TrimRight(address[at+1:], ">")), "."))
	return domain, domain != ""
}
