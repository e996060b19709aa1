// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"bytes"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
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

// has reports whether the domain or one that it belongs to is in the set.
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

// direction returns which way a message goes, and nothing where that cannot be told. The null sender is nobody's, so a message
// of it is inbound for a recipient of one's own, else outbound.
func direction(sender []byte, from, to domain) string {
	switch {
	case to.name == "":
		return ""
	case from.name != "":
	case string(envelopeSender(sender)) != nullSender:
		return ""
	case to.local:
		return "inbound"
	default:
		return "outbound"
	}
	switch {
	case from.local && to.local:
		return "internal"
	case from.local:
		return "outbound"
	case to.local:
		return "inbound"
	}
	return "external"
}

// domain is what is known of the domain of an address, all of it empty for an address without one.
type domain struct {
	// name is in lower case.
	name string
	// local is set for a domain of one's own.
	local bool
	// registrable is the part of name that somebody has registered.
	registrable string
}

// domainOf returns the domain of an address. Domains are looked up once for a batch, since most occur in it many times.
func (b *Batch) domainOf(address []byte) domain {
	at := bytes.LastIndexByte(address, '@')
	if at < 0 {
		return domain{}
	}
	known, ok := b.domains[string(address[at+1:])]
	if ok {
		return known
	}
	known.name = strings.ToLower(strings.TrimSuffix(string(bytes.TrimRight(address[at+1:], ">")), "."))
	known.local = b.origin.Local.has(known.name)
	if known.name != "" && b.origin.Attributes.domains() {
		known.registrable = registrable(known.name)
	}
	if b.domains == nil {
		b.domains = map[string]domain{}
	}
	b.domains[string(address[at+1:])] = known
	return known
}

// maxName is how many octets a domain name has at most.
const maxName = 255

// registrable returns the part of a domain that its owner has registered, by the public suffix list: the suffix and one label
// more, in ASCII, so that a domain has one spelling. What has no such part is returned as it is: a suffix, a host without a
// domain, an IP address, and what is too long for a name (RFC 1035, section 2.3.4), which would take long to encode.
func registrable(name string) string {
	if _, err := netip.ParseAddr(name); err == nil || name[0] == '[' || len(name) > maxName {
		return name
	}
	ascii, err := idna.ToASCII(name)
	if err != nil || ascii == "" { // of a name that is nothing but a prefix: xn--
		ascii = name
	}
	if owned, err := publicsuffix.EffectiveTLDPlusOne(ascii); err == nil {
		return owned
	}
	return ascii
}
