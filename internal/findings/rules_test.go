// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBulkMail(t *testing.T) {
	f := found(t, settings(), bulk("Mailer@Northwind.example", noon, 150))
	require.Len(t, f, 1)
	assert.Equal(t, "bulk_mail", f[0].Rule)
	assert.Equal(t, "mailer@northwind.example", f[0].Key)
	assert.Equal(t, "mailer@northwind.example sent 150 messages to 150 recipients within 3 minutes; 150 were delivered", f[0].Text)
	assert.Equal(t, "T1566", f[0].Technique)
	assert.Equal(t, noon.Add(99*time.Second), f[0].Time, "the hundredth")
	assert.Equal(t, noon, f[0].Start)
	assert.Equal(t, noon.Add(149*time.Second), f[0].End)
	assert.EqualValues(t, 150, f[0].Count)
	assert.EqualValues(t, 100, f[0].Threshold)
	assert.Len(t, f[0].Messages, MaxMessages)
	assert.Len(t, f[0].Recipients, MaxRecipients)
	assert.Len(t, f[0].UID, 32)

	assert.Empty(t, found(t, settings(), bulk("mailer@northwind.example", noon, 99)), "too few")
	inside := found(t, settings(), bulk("ada@contoso.com", noon, 100))
	require.Len(t, inside, 1)
	assert.Equal(t, "T1534", inside[0].Technique)
	assert.Equal(t, Error, inside[0].Severity)
}

func TestBulkMailHasLimitsForBothSides(t *testing.T) {
	s := settings()
	s.Rules.BulkMail.Inside.Recipients = 20
	s.Rules.BulkMail.Outside.Recipients = 30
	assert.Len(t, found(t, s, bulk("ada@contoso.com", noon, 20)), 1)
	assert.Empty(t, found(t, s, bulk("ada@contoso.com", noon, 19)))
	assert.Len(t, found(t, s, bulk("x@y.example", noon, 30)), 1)
	assert.Empty(t, found(t, s, bulk("x@y.example", noon, 29)))
}

func TestBulkMailCountsWithinTheTime(t *testing.T) {
	var slow []Observation
	for i, o := range bulk("x@y.example", noon.Add(-12*time.Hour), 150) {
		o.Received = o.Received.Add(time.Duration(i) * time.Minute)
		slow = append(slow, o)
	}
	assert.Empty(t, found(t, settings(), slow))
	again := bulk("x@y.example", noon, 50)
	assert.Empty(t, found(t, settings(), append(again, bulk("x@y.example", noon.Add(30*time.Minute), 50)...)), "the same 50 twice")
}

// posted is a message to a list, with a row for each member, the list's row last.
func posted(id string, members int) (all []Observation) {
	for i := range members {
		all = append(all, seen(Observation{
			Message: id, Sender: "ada@contoso.com", Recipient: fmt.Sprintf("member%d@contoso.com", i), Received: noon, Size: 9000,
		}))
	}
	return append(all, seen(Observation{
		Message: id, Sender: "ada@contoso.com", Recipient: "all@contoso.com", Received: noon, Status: "expanded",
	}))
}

func TestListsCountAsOneRecipient(t *testing.T) {
	for name, members := range map[string]int{"large": 1500, "usual": 400} {
		t.Run(name, func(t *testing.T) {
			rows := posted("m1", members)
			assert.Empty(t, feed(New(settings(), secret), rows, 7), "the list's row last")
			rows[0], rows[len(rows)-1] = rows[len(rows)-1], rows[0]
			assert.Empty(t, feed(New(settings(), secret), rows, 7), "the list's row first")
		})
	}
	var lists []Observation
	for i := range 100 {
		all := posted(fmt.Sprintf("m%d", i), 3)
		all[3].Recipient = fmt.Sprintf("list%d@contoso.com", i)
		lists = append(lists, all...)
	}
	assert.Len(t, found(t, settings(), lists), 1, "many lists are many recipients")
}

func TestOneMessageToManyIsHeld(t *testing.T) {
	rows := posted("m1", 400)
	rows = rows[:400]
	e := New(settings(), secret)
	for i := range rows {
		e.Observe(&rows[i], noon)
	}
	assert.Empty(t, e.Settle(noon))
	e = disk{}.reload(t, e, settings())
	assert.Empty(t, e.Settle(noon.Add(settling*time.Second-time.Second)))
	f := e.Settle(noon.Add(settling * time.Second))
	require.Len(t, f, 1)
	assert.EqualValues(t, 400, f[0].Count)
	assert.Equal(t, "ada@contoso.com sent 1 message to 400 recipients; 400 were delivered", f[0].Text)
}

func TestSpoofedDomain(t *testing.T) {
	spoof := func(source, recipient string) []Observation {
		return []Observation{seen(Observation{
			Message: "m", Sender: "ceo@sub.contoso.com", Recipient: recipient, Source: source, Received: noon,
		})}
	}
	f := found(t, settings(), spoof("192.0.2.7", "ada@contoso.com"))
	require.Len(t, f, 1)
	assert.Equal(t, "spoofed_domain", f[0].Rule)
	assert.Equal(t, "sub.contoso.com", f[0].Key)
	for _, harmless := range []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8::5", "", "unknown"} {
		assert.Empty(t, found(t, settings(), spoof(harmless, "ada@contoso.com")), harmless)
	}
	assert.Empty(t, found(t, settings(), spoof("192.0.2.7", "bob@fabrikam.example")), "what leaves")
	off := settings()
	off.SendingNetworks = nil
	assert.Empty(t, found(t, off, spoof("192.0.2.7", "ada@contoso.com")))
	written := settings()
	written.SendingNetworks = []string{"::ffff:192.0.2.0/120", "2001:db8:1::9", "198.51.100.7"}
	for source, count := range map[string]int{
		"192.0.2.7": 0, "::ffff:192.0.2.7": 0, "192.0.3.7": 1, "2001:db8:1::9": 0, "2001:db8:1::9%eth0": 0, "2001:DB8:1::A": 1,
		"::ffff:198.51.100.7": 0, "198.51.100.8": 1,
	} {
		assert.Len(t, found(t, written, spoof(source, "ada@contoso.com")), count, source)
	}
}

// sends is mail from inside to outside, in one day.
func sends(to string, at time.Time, n int, bytes int64) (all []Observation) {
	for i := range n {
		all = append(all, seen(Observation{
			Message: fmt.Sprintf("%s-%d-%d", to, at.Unix(), i), Sender: "ada@contoso.com", Recipient: to,
			Received: at.Add(time.Duration(i) * time.Minute), Size: bytes,
		}))
	}
	return all
}

func TestExfiltration(t *testing.T) {
	f := found(t, settings(), sends("x@gmail.com", noon, 20, 20<<20))
	require.Len(t, f, 1)
	assert.Equal(t, "exfiltration", f[0].Rule)
	assert.Equal(t, "ada@contoso.com", f[0].Key)
	assert.Equal(t, "ada@contoso.com sent 20 messages with 419 MB to freemail domains within 19 minutes", f[0].Text)
	assert.Equal(t, "T1048", f[0].Technique)

	assert.Len(t, found(t, settings(), append(sends("x@gmail.com", noon, 7, 20<<20), sends("x@gmx.de", noon, 7, 20<<20)...)), 1,
		"freemail domains are taken together")
	assert.Empty(t, found(t, settings(), append(sends("x@a.example", noon, 7, 20<<20), sends("x@b.example", noon, 7, 20<<20)...)),
		"other domains are not")
	assert.Len(t, found(t, settings(), sends("x@a.example", noon, 150, 1000)), 1, "many messages")
	assert.Empty(t, found(t, settings(), sends("x@contoso.com", noon, 200, 20<<20)), "inside")
}

func TestExfiltrationKnowsTheUsualDay(t *testing.T) {
	daily := func(days int, last int64) (all []Observation) {
		for d := range days {
			all = append(all, sends("files@partner.example", noon.Add(time.Duration(d-days)*24*time.Hour), 10, 10<<20)...)
		}
		return append(all, sends("files@partner.example", noon, 10, last)...)
	}
	assert.Empty(t, feed(New(settings(), secret), daily(5, 40<<20), 10), "four times as much as usual")
	f := feed(New(settings(), secret), daily(5, 60<<20), 10)
	require.Len(t, f, 1)
	assert.Contains(t, f[0].Text, "; a usual day has 10 messages with 104 MB")
	assert.Len(t, feed(New(settings(), secret), daily(0, 40<<20), 10), 1, "nothing is usual yet")
}

// forwards is mail that a mailbox receives and passes on, the second row of each pair being what it sends.
func forwards(n int, prefix, to string) (all []Observation) {
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Hour)
		subject := fmt.Sprintf("Contract %d", i)
		in := seen(Observation{
			Message: fmt.Sprintf("in%d", i), Sender: "who@fabrikam.example", Recipient: "jo@contoso.com", Subject: "Re: " + subject,
			Received: at, Size: 50_000,
		})
		out := seen(Observation{
			Message: fmt.Sprintf("out%d", i), Sender: "jo@contoso.com", Recipient: to, Subject: prefix + subject,
			Received: at.Add(3 * time.Second), Size: 54_000,
		})
		all = append(all, in, out)
	}
	return all
}

func TestAutoForwardBySubject(t *testing.T) {
	for _, prefix := range []string{"FW: ", "WG: Re: ", "TR : ", "TR: RE : ", "I: ", "I: R: ", "RV:", "Re[2]: ", ""} {
		rows := forwards(3, prefix, "me@away.example")
		f := found(t, settings(), rows)
		require.Len(t, f, 1, prefix)
		assert.Equal(t, "auto_forward", f[0].Rule)
		assert.Equal(t, "jo@contoso.com", f[0].Key)
		assert.Equal(t, "jo@contoso.com passed on 3 messages to me@away.example within 2 hours", f[0].Text)
		assert.Equal(t, []string{"me@away.example"}, f[0].Recipients)
		assert.Equal(t, "T1114.003", f[0].Technique)
	}
	assert.Empty(t, found(t, settings(), forwards(2, "FW: ", "me@away.example")), "too few")
	assert.Empty(t, found(t, settings(), forwards(5, "Re: ", "who@fabrikam.example")), "answers")
	assert.Empty(t, found(t, settings(), forwards(5, "Other: ", "me@away.example")), "another subject")
	late, large := forwards(5, "FW: ", "me@away.example"), forwards(5, "FW: ", "me@away.example")
	for i := range late {
		if i%2 == 1 {
			late[i].Received = late[i].Received.Add(promptly * time.Second)
			large[i].Size = 300_000
		}
	}
	assert.Empty(t, found(t, settings(), late), "too late")
	assert.Empty(t, found(t, settings(), large), "too large")
}

// redirects are messages from outside with an inside and an outside recipient.
func redirects(n, inside int) (all []Observation) {
	for i := range n {
		o := Observation{Message: fmt.Sprintf("m%d", i), Sender: "who@fabrikam.example", Received: noon.Add(time.Duration(i) * time.Minute)}
		for k := range inside {
			o.Recipient = fmt.Sprintf("jo%d@contoso.com", k)
			all = append(all, seen(o))
		}
		o.Recipient = "me@away.example"
		all = append(all, seen(o))
	}
	return all
}

func TestAutoForwardByMessage(t *testing.T) {
	f := found(t, settings(), redirects(3, 1))
	require.Len(t, f, 1)
	assert.Equal(t, "jo0@contoso.com", f[0].Key)
	assert.Empty(t, found(t, settings(), redirects(5, crowd)), "a crowd")
	lists := redirects(5, 3)
	for i := range 5 {
		lists = append(lists, seen(Observation{
			Message: fmt.Sprintf("m%d", i), Sender: "who@fabrikam.example", Recipient: "list@contoso.com",
			Received: noon.Add(time.Duration(i) * time.Minute), Status: "expanded",
		}))
	}
	assert.Empty(t, found(t, settings(), lists), "a list with an outside member")
	assert.Empty(t, feed(New(settings(), secret), lists, 1), "its row last, and after the others were looked at")
	assert.Empty(t, feed(New(settings(), secret), redirects(5, crowd), 1), "a crowd, one by one")
}

func TestRemovedAfterDelivery(t *testing.T) {
	row := Observation{
		Message: "m", Sender: "x@y.example", Recipient: "ada@contoso.com", Status: "quarantined", Previous: "delivered",
		Received: noon, Observed: noon.Add(65 * time.Minute),
	}
	f := found(t, settings(), []Observation{seen(row)})
	require.Len(t, f, 1)
	assert.Equal(t, "removed_after_delivery", f[0].Rule)
	assert.Equal(t, "1 message of x@y.example reached 1 recipient and was then quarantined; it could be read for up to 65 minutes",
		f[0].Text)
	assert.Equal(t, []string{"ada@contoso.com"}, f[0].Recipients)
	row.Previous = "pending"
	assert.Empty(t, found(t, settings(), []Observation{seen(row)}))
	row.Previous, row.Status = "quarantined", "delivered"
	assert.Empty(t, found(t, settings(), []Observation{seen(row)}), "released")
}

func TestFailureBurst(t *testing.T) {
	failing := func(sender string, n int) []Observation {
		all := bulk(sender, noon, n)
		for i := range all {
			all[i].Status = "failed"
		}
		return all
	}
	f := found(t, settings(), failing("x@y.example", 30))
	require.Len(t, f, 1)
	assert.Equal(t, "failure_burst", f[0].Rule)
	assert.Equal(t, "T1589.002", f[0].Technique)
	assert.Empty(t, found(t, settings(), failing("x@y.example", 29)))
	assert.Empty(t, found(t, settings(), failing("ada@contoso.com", 99)))
	assert.Empty(t, found(t, settings(), failing(nullSender, 200)), "bounces")
}

func TestIgnore(t *testing.T) {
	for name, ignore := range map[string]Ignore{
		"sender":  {Senders: []string{"X@Y.example"}},
		"domain":  {Domains: []string{"Example"}},
		"parent":  {Domains: []string{"Y.EXAMPLE"}},
		"subject": {Subjects: []string{"^Off.r$"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			if name == "domain" {
				ignore.Domains = []string{"y.example"}
			}
			s.Rules.BulkMail.Ignore = ignore
			sender := "x@y.example"
			if name == "parent" {
				sender = "x@sub.y.example"
			}
			assert.Empty(t, found(t, s, bulk(sender, noon, 200)))
			assert.Len(t, found(t, s, func() []Observation {
				other := bulk("x@z.example", noon, 200)
				for i := range other {
					other[i].Subject = "Else"
				}
				return other
			}()), 1)
		})
	}
	off := settings()
	off.Rules.BulkMail.Enabled = false
	assert.Empty(t, found(t, off, bulk("x@y.example", noon, 200)))
}

// The services do not spell IDs and addresses one way; a row is the same one however it is spelled.
func TestSpellingDoesNotMatter(t *testing.T) {
	id := "3f6d0a52-0000-4000-8000-00000000abc1"
	ids := []string{id, strings.ToUpper(id), "{" + id + "}", strings.ReplaceAll(id, "-", "")}
	var rows []Observation
	for _, spelling := range ids {
		rows = append(rows, seen(Observation{
			Message: spelling, Sender: "Ada@contoso.com", Recipient: "X@GMAIL.com", Received: noon, Size: 100 << 20,
		}))
	}
	assert.Empty(t, found(t, settings(), rows), "100 MB once")
	for i := range rows {
		rows[i].Message = strings.Repeat("0", 8) + id[8:12] + strconv.Itoa(i)
	}
	assert.Len(t, found(t, settings(), rows), 1)
	zeros := seen(Observation{Message: "00000000-0000-0000-0000-000000000000", Sender: "a@b.example", Recipient: "c@d.example", Received: noon})
	assert.False(t, New(settings(), secret).Observe(&zeros, noon), "zeros are no ID")
}

// Tenants may have the same message IDs, and mail each other.
func TestTenantsAreApart(t *testing.T) {
	var rows []Observation
	for _, tenant := range []string{"one", "two"} {
		for _, o := range bulk("x@y.example", noon, 60) {
			o.Tenant = tenant
			if tenant == "two" {
				o.Recipient = "other." + o.Recipient
			}
			rows = append(rows, o)
		}
	}
	for i, o := range forwards(4, "FW: ", "me@away.example") {
		o.Tenant = []string{"one", "two"}[i%2]
		rows = append(rows, o)
	}
	assert.Empty(t, found(t, settings(), rows))
	for i := range rows {
		rows[i].Tenant = "one"
	}
	assert.Len(t, found(t, settings(), rows), 2)
}

func TestSendersWithoutADomain(t *testing.T) {
	for _, sender := range []string{"root", "root@", "@", "<root>"} {
		f := found(t, settings(), bulk(sender, noon, 100))
		require.Len(t, f, 1, sender)
		assert.Equal(t, "bulk_mail", f[0].Rule)
		assert.Equal(t, sender, f[0].Key)
	}
	assert.Empty(t, found(t, settings(), bulk(nullSender, noon, 200)), "bounces")
}

func TestDirectionTellsInsideWhereThereAreNoLocalDomains(t *testing.T) {
	s := DefaultSettings()
	rows := bulk("x@y.example", noon, 100)
	for i := range rows {
		rows[i].Direction = "internal"
	}
	f := found(t, s, rows)
	require.Len(t, f, 1)
	assert.Equal(t, "T1534", f[0].Technique)
}
