// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is a detail of a row: something that happened to the message on its way
// to the recipient.
type Event struct {
	At                        time.Time
	Event, Action, Text, Data string
}

// script is what happens to a message that does not reach its recipient.
type script struct {
	// cause is the name that the collector should have for it.
	cause string
	// events happen when the row gets its status.
	events []scene
}

// scene is an event of a script. In texts, {recipient} stands for the address,
// and {domain} for its domain.
type scene struct {
	event, action, text string
	// facts are names and values of the XML data, one after the other.
	facts []string
}

func facts(namesAndValues ...string) []string { return namesAndValues }

// refused is a message that a server has refused with a reply, in the words in
// which the service tells so (measured in a tenant, see Details).
func refused(reply string, facts ...string) scene {
	return scene{"Fail", "", "Reason: [{LED=" + reply + "};{MSG=};{FQDN=};{IP=};{LRT=}]", facts}
}

func refusedBy(host, reply string) scene {
	return scene{"Fail", "", "Reason: [{LED=" + reply + "};{MSG=" + reply + "};{FQDN=" + host + "};{IP=203.0.113.5};{LRT=}]. " +
		"OutboundProxyTargetIP: 203.0.113.5. OutboundProxyTargetHostName: " + host, facts("IsSmtpResponseFromExternalServer", "True")}
}

// deferred is a message that the next hop does not take now. The service cuts
// such texts off.
func deferred(reply string) scene {
	const cut = " [LastAttemptedServerName=mx.{domain}] [LastAttemptedIP=203.0.113.5:25] [SmtpSecur"
	return scene{"Defer", "", "Reason: [{LED=" + reply + cut, nil}
}

const (
	ruleID = "9d0c4b1e-7a2f-4c3d-8e5b-6f1a2b3c4d5e"
	noRule = "00000000-0000-0000-0000-000000000000"
)

// transportRule is how the service tells of a rule.
func transportRule(name string) string {
	return "Transport rule: '" + name + "', ID: ('" + ruleID + "'), DLP policy: '', ID: (" + noRule + ")."
}

// scripts are what may have happened to rows of a status. Texts are those of
// Microsoft's documentation of non-delivery reports, and of details that have been
// published of tenants.
var scripts = map[Status][]script{
	Failed: {
		{"unknown_recipient", []scene{refused("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup")}},
		{"unknown_recipient", []scene{refusedBy("mx.{domain}", "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown")}},
		{"mailbox_full", []scene{
			refused("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded"),
		}},
		{"transport_rule", []scene{
			{"Transport rule", "Reject", transportRule("Block external contracts"), nil},
			refused("550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",
				"SourceContext", "Transport Rule Agent"),
		}},
		{"dlp", []scene{
			refused("550 5.7.171 Delivery not authorized, message refused", "SourceContext", "DLP Policy Agent"),
			{"DLP rule", "BA", "DLP rule: 'Block credit cards', ID: ('" + ruleID + "'), DLP policy: 'Financial data', ID: (" + noRule + ").", nil},
		}},
		{"not_authorized", []scene{refused("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required")}},
		{"dmarc", []scene{refusedBy("mx.{domain}",
			"550 5.7.509 Access denied, sending domain [contoso.com] does not pass DMARC verification and has a DMARC policy of reject.")}},
		{"dns", []scene{refused("550 5.4.310 DNS domain {domain} does not exist [Message=InfoDomainNonexistent]")}},
		{"connection", []scene{refused("550 5.4.316 Message expired, connection refused(Socket error code 10061)")}},
		{"size", []scene{refused("550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient")}},
		{"rate_limit", []scene{refused("550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded")}},
		{"forwarding_off", []scene{refused("550 5.7.520 Access denied, Your organization does not allow external forwarding.")}},
		{"loop", []scene{refused("554 5.4.14 Hop count exceeded - possible mail loop ATTR34")}},
		{"malware", []scene{{"Malware", "Delete", "Malware: the message had the attachment EICAR.com.", nil}}},
		{"other", []scene{refusedBy("mx.{domain}", "554 Transaction failed")}},
	},
	Pending: {
		{"connection", []scene{deferred("450 4.4.317 Cannot connect to remote server [Message=SocketError: TimedOut]")}},
		{"dns", []scene{deferred("450 4.4.312 DNS query failed")}},
		{"tls", []scene{deferred("450 4.7.320 Certificate validation failed")}},
		{"rate_limit", []scene{deferred("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded")}},
	},
	Quarantined: {
		{"spam", []scene{
			{"Spam", "Quarantine", "Spam confidence level: 8", facts("DI", "SQ", "SCL", "8", "SFV", "SPM")},
			{"Deliver", "", "The message was successfully delivered to the folder: DefaultFolderType:QuarantinedEmailSecured", nil},
		}},
		{"phish", []scene{{"Spam", "Quarantine", "Spam confidence level: 9", facts("DI", "SQ", "SCL", "9", "CAT", "HPHSH")}}},
		{"malware", []scene{{"Malware", "Quarantine", "Malware: the message had an attachment of a blocked type.", nil}}},
		{"transport_rule", []scene{
			{"Transport rule", "Quarantine", transportRule("No archives"), nil},
		}},
	},
	FilteredAsSpam: {
		{"spam", []scene{
			{"Spam", "", "Spam confidence level: 6", facts("DI", "SJ", "SCL", "6", "SFV", "SPM")},
			{"Deliver", "", "The message was successfully delivered to the folder: DefaultFolderType:JunkEmail", nil},
		}},
		{"sender_blocked", []scene{{"Spam", "", "Spam confidence level: 6", facts("DI", "SJ", "SFV", "SKB")}}},
	},
	Delivered: {{"", []scene{{"Deliver", "", "The message was successfully delivered.", facts("MailboxServer", "MBX01")}}}},
	Expanded: {{"", []scene{
		{"Expand DL", "", "The message was sent to a distribution list (DL) that was expanded to the recipients of the DL.", nil},
		{"Drop", "", "Reason: [{LED=250 2.1.5 RESOLVER.GRP.Expanded; distribution list expanded};{MSG=};{FQDN=};{IP=};{LRT=}]", nil},
	}}},
}

// Cause returns the name that the collector should have for why the row has a
// status, empty for a status that needs no reason. It depends on the ID and on the
// recipient alone.
func (r *Row) Cause(status Status) string {
	if s := r.script(status); s != nil {
		return s.cause
	}
	return ""
}

func (r *Row) script(status Status) *script {
	list := scripts[status]
	if len(list) == 0 {
		return nil
	}
	return &list[r.chance("script")%uint64(len(list))]
}

// chance is a number that depends on the row, and on what it is for, alone.
func (r *Row) chance(of string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(of + "\x00" + strings.ToLower(r.ID) + "\x00" + strings.ToLower(r.Recipient)))
	return hash.Sum64() >> 8
}

// Lateness is how much later than its status the details of a row are known: not
// at all for most, minutes for others. Until then there are either none, or those
// from before.
func (r *Row) Lateness() time.Duration {
	switch n := r.chance("late") % 100; {
	case n < 60:
		return 0
	case n < 85:
		return time.Duration(1+n%4) * time.Minute
	default:
		return time.Duration(n) * 20 * time.Second // half an hour or so
	}
}

// Details returns what is known at an instant of what has happened to the message
// of a row. Events of one second come in no particular order, and a failure comes
// ahead of the rule that caused it: so it is in a tenant in which somebody has
// looked.
func (r *Row) Details(at time.Time) []Event {
	if _, visible := r.StatusAt(at); !visible {
		return nil
	}
	late := r.Lateness()
	// Of some rows nothing is known before everything is.
	if first := r.Timeline[0].At.Add(late); late > 0 && r.chance("empty")%2 == 0 && at.Before(first) {
		return nil
	}
	events := []Event{r.event(r.Received, scene{
		"Receive", "", "Message received by: EXCH01.{domain}", facts("ServerHostName", "EXCH01", "ClientIP", deref(r.FromIP)),
	})}
	if r.chance("submit")%2 == 0 {
		events = append(events, r.event(r.Received.Add(time.Second), scene{"Submit", "", "The message was submitted.", nil}))
	}
	for i, change := range r.Timeline {
		s := r.script(change.Status)
		if s == nil || at.Before(change.At.Add(late)) {
			continue
		}
		// What is seen first has happened a moment after the receipt.
		happened := change.At
		if i == 0 {
			happened = r.Received.Add(2 * time.Second)
		}
		for _, next := range s.events {
			events = append(events, r.event(happened, next))
		}
	}
	if r.chance("order")%3 == 0 {
		slices.Reverse(events)
		slices.SortStableFunc(events, func(a, b Event) int { return a.At.Truncate(time.Second).Compare(b.At.Truncate(time.Second)) })
	}
	return events
}

func (r *Row) event(at time.Time, s scene) Event {
	names := strings.NewReplacer("{recipient}", r.Recipient, "{domain}", r.Recipient[strings.LastIndexByte(r.Recipient, '@')+1:])
	var data strings.Builder
	data.WriteString("<root>")
	for i := 0; i+1 < len(s.facts); i += 2 {
		kind := "String"
		if _, err := strconv.Atoi(s.facts[i+1]); err == nil {
			kind = "Integer"
		}
		fmt.Fprintf(&data, `<MEP Name="%s" %s="%s"/>`, s.facts[i], kind, s.facts[i+1])
	}
	data.WriteString(`<MEP Name="SequenceNumber" Long="0"/></root>`)
	return Event{At: at, Event: s.event, Action: s.action, Text: names.Replace(s.text), Data: data.String()}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Find returns the row of a trace id and a recipient, compared without case, if
// it is among those that somebody has looked at.
func (s *Store) Find(id, recipient string) (row Row, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rows := range s.hours {
		for i := range rows {
			if strings.EqualFold(rows[i].ID, id) && strings.EqualFold(rows[i].Recipient, recipient) {
				return rows[i], true
			}
		}
	}
	return Row{}, false
}
