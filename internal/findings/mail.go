// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"math/bits"
	"strings"

	"github.com/dchest/siphash"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
)

// mail is an observation that has been looked at once for all rules.
type mail struct {
	*Observation

	// at is the time of the mail in seconds since 1970.
	at uint32
	// message is a hash of tenant and network message ID; sender and recipient are the addresses in lower case.
	message           uint64
	sender, recipient string

	senderHash, recipientHash, tenantHash uint64
	senderDomain, recipientDomain         string
	from, to                              *place
	// fromInside and toInside report whether sender and recipient are the tenant's own.
	fromInside, toInside bool
}

// row identifies the row.
func (m *mail) row() uint64 { return mix(m.message, m.recipientHash) }

// place is what there is to know of a domain. It is found out once.
type place struct {
	// written is the domain as it is in addresses, domain the clean one.
	written, domain  string
	hash             uint64
	inside, freemail bool
	// resembles is the domain that this one resembles, how in which way; valid once judged.
	judged         bool
	resembles, how string
}

// maxPlaces is how many domains are remembered; then they are looked up again.
const maxPlaces = 1 << 14

// place returns what there is to know of the domain of an address.
func (e *Engine) place(address string) *place {
	written := domainOf(address)
	if e.home != nil && e.home.written == written {
		return e.home
	}
	p := e.places[written]
	if p == nil {
		if len(e.places) >= maxPlaces {
			clear(e.places)
		}
		domain := cleanDomain(strings.TrimRight(written, ">"))
		p = &place{
			written: strings.Clone(written), domain: domain, hash: e.hash(domain), inside: e.local.has(domain), freemail: freemail[domain],
		}
		e.places[p.written] = p
	}
	if p.inside {
		e.home = p
	}
	return p
}

// hash returns a keyed hash of a text in lower case.
func (e *Engine) hash(text string) uint64 {
	e.buffer = identity.AppendFolded(e.buffer[:0], text)
	return e.hashed()
}

// hashed returns a keyed hash of the buffer.
func (e *Engine) hashed() uint64 { return siphash.Hash(e.secret[0], e.secret[1], e.buffer) }

// lower returns a text in lower case, and its hash. Most texts are so already, and need no copy.
func (e *Engine) lower(text string) (string, uint64) {
	hash := e.hash(text)
	if string(e.buffer) != text {
		text = string(e.buffer)
	}
	return text, hash
}

// mix combines hashes, of which each is keyed already.
func mix(a, b uint64) uint64 {
	return bits.RotateLeft64(a*0x9E3779B97F4A7C15, 32) + b*0xC2B2AE3D27D4EB4F
}

// prepare looks at an observation. It returns false for one that holds too little.
func (e *Engine) prepare(o *Observation) bool {
	m := &e.mail
	received := o.Received
	if received.IsZero() {
		received = o.Observed
	}
	seconds := received.Unix()
	if noID(o.Message) || o.Sender == "" || seconds <= 0 || seconds > maxTime {
		return false
	}
	*m = mail{Observation: o, at: uint32(seconds)}
	if o.Tenant != e.tenant {
		e.tenant, e.tenantHash = strings.Clone(o.Tenant), e.hash(o.Tenant)
	}
	m.tenantHash = e.tenantHash
	m.sender, m.senderHash = e.lower(o.Sender)
	m.recipient, m.recipientHash = e.lower(o.Recipient)
	e.buffer = identity.AppendID(e.buffer[:0], o.Message)
	m.message = mix(m.tenantHash, e.hashed())
	m.from, m.to = e.place(m.sender), e.place(m.recipient)
	m.senderDomain, m.recipientDomain = m.from.domain, m.to.domain
	m.fromInside, m.toInside = m.from.inside, m.to.inside
	if len(e.local) == 0 {
		m.fromInside = o.Direction == "outbound" || o.Direction == "internal"
		m.toInside = o.Direction == "inbound" || o.Direction == "internal"
	}
	return true
}

// noID reports whether an ID is none: empty, or zeros.
func noID(id string) bool {
	for i := range len(id) {
		if c := id[i]; c != '0' && c != '-' && c != '{' && c != '}' {
			return false
		}
	}
	return true
}

// maxTime keeps times within 32 bits, with room for a month after them.
const maxTime = 1<<32 - 1 - 60*60*24*60
