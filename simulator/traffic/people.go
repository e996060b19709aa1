// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	mailboxes  = 2000 // enough for the members of the largest list
	strangers  = 300
	smallLists = 24
	largeLists = 2
	// largeList is more than the 1000 recipients from which on Microsoft's
	// documentation of Get-MessageTraceV2 warns of incomplete answers.
	largeList = 1500
	addresses = 64 // of each family
)

// group is a distribution list: its address and the addresses of its members.
type group struct {
	address string
	members []string
}

// people are all addresses there are. Rows share these strings.
type people struct {
	users   []string          // in the tenant
	proud   map[string]string // their addresses in another case
	outside []string
	small   []group
	large   []group
	bulk    string // sender of the bulk mailing
	lookers []string
	// foreign are addresses that nobody of the tenant sends from.
	foreign []*string
	// forwarder receives mail only where the generator can afford the row that
	// forwards it; it is in no list.
	forwarder, refuge string

	ipv4, ipv6 []*string
}

func newPeople(domain string, rng *rand.Rand) *people {
	p := &people{
		proud:     make(map[string]string, mailboxes),
		bulk:      "offers@bargain-mail.example",
		forwarder: "jordan.fields@" + domain,
		refuge:    "jf.archive@freemail.example",
	}
	for i := range mailboxes {
		local := localPart(i)
		address := strings.ToLower(local) + "@" + domain
		p.users = append(p.users, address)
		p.proud[address] = local + "@" + strings.ToUpper(domain[:1]) + domain[1:]
	}
	hosts := strings.Fields(outsideHosts)
	for i := range strangers {
		host := hosts[rng.IntN(len(hosts))]
		p.outside = append(p.outside, strings.ToLower(localPart(rng.IntN(mailboxes)))+"."+strconv.Itoa(i)+"@"+host)
	}
	p.outside = append(p.outside, strings.Fields(oddAddresses)...)
	look := lookAlike(domain)
	for _, name := range []string{"finance", "ceo.office", "payroll", "it-helpdesk"} {
		p.lookers = append(p.lookers, name+"@"+look)
	}
	p.addLists(domain, rng)
	for i := range 8 {
		p.foreign = append(p.foreign, new(fmt.Sprintf("192.0.2.%d", i+1)))
	}
	for i := range addresses {
		p.ipv4 = append(p.ipv4, new(fmt.Sprintf("203.0.113.%d", i+1)), new(fmt.Sprintf("198.51.100.%d", i+1)))
		p.ipv6 = append(p.ipv6, new(fmt.Sprintf("2001:db8:%x::%x", rng.IntN(1<<16), i+1)))
	}
	return p
}

func (p *people) addLists(domain string, rng *rand.Rand) {
	list := func(name string, size int) group {
		order := rng.Perm(mailboxes)[:size]
		g := group{address: name + "@" + domain}
		for _, i := range order {
			g.members = append(g.members, p.users[i])
		}
		return g
	}
	for i := range smallLists {
		p.small = append(p.small, list(fmt.Sprintf("team-%02d", i+1), 5+rng.IntN(56)))
	}
	for i := range largeLists {
		p.large = append(p.large, list(fmt.Sprintf("all-staff-%d", i+1), largeList))
	}
}

// localPart returns the name of mailbox i: all combinations of first and last
// names, so that none repeats.
func localPart(i int) string {
	first, last := strings.Fields(firstNames), strings.Fields(lastNames)
	return first[i%len(first)] + "." + last[i/len(first)%len(last)]
}

// lookAlike returns a domain that a hurried reader takes for the given one.
func lookAlike(domain string) string {
	name, rest, _ := strings.Cut(domain, ".")
	for _, swap := range [][2]string{{"o", "0"}, {"l", "1"}, {"i", "1"}, {"m", "rn"}, {"w", "vv"}, {"e", "3"}} {
		if strings.Contains(name, swap[0]) {
			return strings.Replace(name, swap[0], swap[1], 1) + "." + rest
		}
	}
	return name + "-secure." + rest
}

const (
	firstNames = `Ada Alan Alice Amir Ana Anders Aoife Barbara Ben Carla Chen Chidi Clara Dan Diego Dmitri
		Elif Emma Erik Fatima Femi Grace Hana Hugo Ines Ivan Jana Jun Kofi Lars Leila Linus Lucia Maja Marco
		Mei Mira Nadia Noor Olga Omar Paulo Priya Rosa Sven Tariq Uma Yuki`
	lastNames = `O'Connor D'Angelo Smith-Jones Abe Almeida Andersson Bauer Becker Brown Castro Costa Dubois
		Eriksen Fischer Garcia Gupta Haddad Hansen Ibrahim Ito Jensen Keller Khan Kim Kowalski Laine Larsen
		Lopez Mensah Meyer Moreau Murphy Nakamura Novak Nowak Okafor Olsen Park Patel Petrov Rossi Santos
		Sato Schmidt Silva Sousa Tanaka Weber`
	outsideHosts = `fabrikam.example northwind.example adatum.example tailspin.example wingtip.example
		litware.example proseware.example mail.news.example mx.partner.example freemail.example`
	oddAddresses = `bounce+caf_=list=example.org@mail.news.example "quoted.local"@adatum.example
		prvs=1234abcd=billing@litware.example o'hara&sons@wingtip.example a%b@northwind.example
		пётр@почта.example SRS0=abcd=ZZ=fabrikam.example=info@mx.partner.example`
)
