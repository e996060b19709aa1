// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package cause tells why a message did not reach a mailbox, from what its message trace details say. Which texts and codes
// have which cause is data: causes.json, with its sources.
package cause

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Other is the cause of what no rule of the table fits.
const Other = "other"

// Cause is why a message did not reach a mailbox.
type Cause struct {
	// Name is the normalised cause: one of Names.
	Name string
	// Code is the SMTP enhanced status code (RFC 3463), empty if the text has none, and Reply the SMTP reply code before it, 0 if
	// there is none.
	Code  string
	Reply int
	// Text is the reply of the server that refused the message, or what Exchange says of what it did.
	Text string
	// Rule is the name, or else the ID, of the transport rule or of the DLP rule that stopped the message.
	Rule string
	// Server is the next hop, if it was that which answered, or did not.
	Server string
	// Event names the detail that tells the cause, and At is when it happened.
	Event string
	At    time.Time
}

// deciding are the events that tell the cause of a status, the ones that tell most first, by how they begin, or by what they
// contain.
var deciding = map[trace.Status][]*regexp.Regexp{
	trace.Failed: patterns(`^(fail|badmail|poison)`, `^malware`, `^spam .*(reject|delete)`,
		`^(dlp|transport) rule .*(reject|delete|\bba\b)`, `^drop`),
	trace.Pending:        patterns(`^defer`),
	trace.Quarantined:    patterns(`malware`, `phish`, `^spam`, `^(dlp|transport) rule .*quarantine`, `^deliver .*quarantine`),
	trace.FilteredAsSpam: patterns(`^spam`, `phish`, `^deliver .*(junk|spam)`),
}

func patterns(texts ...string) (all []*regexp.Regexp) {
	for _, text := range texts {
		all = append(all, regexp.MustCompile("(?is)"+text))
	}
	return all
}

// Explains reports whether the details of a row of the status have a cause.
func Explains(status trace.Status) bool { return deciding[status] != nil }

// Of returns why the message of a row has the status. Decided is false if the details do not tell, perhaps not yet; the cause is
// then Other, with the text of the last detail.
func Of(status trace.Status, details []trace.Detail) (c Cause, decided bool) {
	details = slices.Clone(details)
	slices.SortStableFunc(details, func(a, b trace.Detail) int { return a.At.Compare(b.At) })
	for _, pattern := range deciding[status] {
		// Of several failures, the last one is what became of the message.
		for _, detail := range slices.Backward(details) {
			if pattern.MatchString(detail.Event + " " + detail.Action + " " + detail.Text) {
				return causeOf(&detail, details), true
			}
		}
	}
	c = Cause{Name: Other}
	if n := len(details); n > 0 {
		c.Text, c.Event, c.At = clip(details[n-1].Text), details[n-1].Event, details[n-1].At
	}
	return c, false
}

// causeOf returns the cause that a detail tells.
func causeOf(d *trace.Detail, all []trace.Detail) Cause {
	c := Cause{Event: d.Event, At: d.At}
	c.Text, c.Server = reply(d)
	c.Reply, c.Code = codes(c.Text)
	c.Name = known.name(evidence{event: strings.TrimSpace(d.Event + " " + d.Action), text: c.Text, code: c.Code, detail: d})
	if c.Name == blockedByPolicy {
		// Both kinds of rules refuse with the same text, unless somebody has chosen another one, and say nothing else of it.
		c.Name = ruleCause(all)
	}
	switch c.Name {
	case transportRule:
		c.Rule = ruleName(all, "transport rule")
	case dlp:
		c.Rule = ruleName(all, "dlp rule")
	}
	c.Text = clip(c.Text)
	return c
}

// The causes that rules of an organization have.
const (
	transportRule   = "transport_rule"
	dlp             = "dlp"
	blockedByPolicy = "blocked_by_policy"
)

// refuses matches the action of a rule that keeps a message from its recipient: BA blocks access (seen in a tenant).
var refuses = regexp.MustCompile(`(?i)\bBA\b|reject|delete|quarantine`)

// ruleCause returns which kind of rule refused a message, if one is on record as refusing it.
func ruleCause(all []trace.Detail) string {
	for _, detail := range all {
		switch event := strings.ToLower(detail.Event); {
		case !refuses.MatchString(detail.Action):
		case strings.HasPrefix(event, "dlp rule"):
			return dlp
		case strings.HasPrefix(event, "transport rule"):
			return transportRule
		}
	}
	return blockedByPolicy
}

// ruleText matches how Exchange names a rule: Transport rule: 'name', ID: ('…'), DLP policy: ”, ID: (…).
var ruleText = regexp.MustCompile(`(?i)\b(?:transport|dlp) rule: '(.*?)', ID: \('?\{?([0-9a-f-]*)`)

// ruleName returns the name of the last rule of a kind, or its ID if it has no name. A rule that refused the message
// goes before one that has only added to it.
func ruleName(all []trace.Detail, kind string) (name string) {
	sure := false
	for _, detail := range all {
		match := ruleText.FindStringSubmatch(detail.Text)
		refused := refuses.MatchString(detail.Action)
		if match == nil || !strings.HasPrefix(strings.ToLower(detail.Event), kind) || sure && !refused {
			continue
		}
		if name, sure = match[1], refused; name == "" {
			name = match[2]
		}
	}
	return clip(name)
}

// reply returns what the server that refused a message said, and which one that was if it was another than Exchange.
// Exchange writes [{LED=550 5.1.1 text};{MSG=…};{FQDN=mx.contoso.com};{IP=…};{LRT=…}], and cuts off what is too long.
func reply(d *trace.Detail) (text, server string) {
	text = d.Text
	if status := d.Fact("RecipientStatus"); !strings.Contains(text, "LED=") && strings.Contains(status, "LED=") {
		text = status
	}
	if _, rest, ok := strings.Cut(text, "{FQDN="); ok {
		server, _, _ = strings.Cut(rest, "}")
	}
	if _, rest, ok := strings.Cut(text, "[LastAttemptedServerName="); ok && server == "" {
		server, _, _ = strings.Cut(rest, "]")
	}
	if _, rest, ok := strings.Cut(text, "LED="); ok {
		text, _, _ = strings.Cut(rest, "};{")
		return strings.TrimSpace(text), server
	}
	return strings.TrimSpace(strings.TrimPrefix(text, "Reason:")), server
}

// statusCode matches an enhanced status code, perhaps with a reply code before it, and what may be a part of an IP address.
var statusCode = regexp.MustCompile(`(?:\b([245]\d\d)[ -]#?)?[\d.]*\d+\.\d+\.\d+[\d.]*`)

// enhanced matches an enhanced status code alone (RFC 3463, section 2).
var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}$`)

// replyCode matches a reply code without enhanced status code.
var replyCode = regexp.MustCompile(`^[ "'[{]*([245]\d\d)\b`)

// codes returns the reply code and the enhanced status code of a text.
func codes(text string) (reply int, code string) {
	for _, match := range statusCode.FindAllStringSubmatch(text, -1) {
		found := strings.TrimRight(strings.TrimLeft(match[0][len(match[1]):], " -#"), ".")
		if enhanced.MatchString(found) {
			reply, _ = strconv.Atoi(match[1])
			return reply, found
		}
	}
	if match := replyCode.FindStringSubmatch(text); match != nil {
		reply, _ = strconv.Atoi(match[1])
	}
	return reply, ""
}

// maxText bounds the texts of a cause, in bytes. Replies are shorter, but for those that repeat a stack.
const maxText = 1000

func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
