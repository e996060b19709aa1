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
	domain           string
	hash             uint64
	inside, freemail bool
	// resembles is the domain that this one resembles, how in which way; valid once judged.
	judged         bool
	resembles, how string
}

// maxPlaces is how many domains are remembered; then they are looked up again.
const maxPlaces = 1 << 14

// place returns what there is to know of a domain.
func (e *Engine) place(domain string) *place {
	if e.home != nil && e.home.domain == domain {
		return e.home
	}
	p := e.places[domain]
	if p == nil {
		if len(e.places) >= maxPlaces {
			clear(e.places)
		}
		p = &place{
			domain: strings.Clone(domain), hash: e.hash(domain), inside: e.local.has(domain), freemail: freemail[domain],
		}
		e.places[p.domain] = p
	}
	if p.inside {
		e.home = p
	}
	return p
}

// hash returns a keyed hash of a text, folded to lower case if it is not so already.
func (e *Engine) hash(text string) uint64 {
	e.buffer = identity.AppendFolded(e.buffer[:0], text)
	return siphash.Hash(e.secret[0], e.secret[1], e.buffer)
}

// hashLower is hash of a text that is in lower case.
func (e *Engine) hashLower(text string) uint64 {
	e.buffer = append(e.buffer[:0], text...)
	return siphash.Hash(e.secret[0], e.secret[1], e.buffer)
}

// mix combines hashes, of which each is keyed already.
func mix(a, b uint64) uint64 {
	return bits.RotateLeft64(a*0x9E3779B97F4A7C15, 32) + b*0xC2B2AE3D27D4EB4F
}

// prepare looks at an observation. It returns false for one that holds too little. An ID of zeros stands for none.
func (e *Engine) prepare(o *Observation) bool {
	m := &e.mail
	received := o.Received
	if received.IsZero() {
		received = o.Observed
	}
	seconds := received.Unix()
	if strings.Trim(o.Message, "0-{}") == "" || o.Sender == "" || seconds <= 0 || seconds > maxTime {
		return false
	}
	*m = mail{Observation: o, at: uint32(seconds), sender: lower(o.Sender), recipient: lower(o.Recipient)}
	if o.Tenant != e.tenant {
		e.tenant, e.tenantHash = strings.Clone(o.Tenant), e.hash(o.Tenant)
	}
	m.tenantHash = e.tenantHash
	m.senderHash, m.recipientHash = e.hashLower(m.sender), e.hashLower(m.recipient)
	e.buffer = identity.AppendID(e.buffer[:0], o.Message)
	m.message = mix(m.tenantHash, siphash.Hash(e.secret[0], e.secret[1], e.buffer))
	m.senderDomain, m.recipientDomain = domainOf(m.sender), domainOf(m.recipient)
	m.from, m.to = e.place(m.senderDomain), e.place(m.recipientDomain)
	m.fromInside, m.toInside = m.from.inside, m.to.inside
	if len(e.local) == 0 {
		m.fromInside = o.Direction == "outbound" || o.Direction == "internal"
		m.toInside = o.Direction == "inbound" || o.Direction == "internal"
	}
	return true
}

// maxTime keeps times within 32 bits, with room for a month after them.
const maxTime = 1<<32 - 1 - 60*60*24*60
