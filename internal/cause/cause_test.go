// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package cause

import (
	_ "embed"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

//go:embed testdata/replies.json
var replies []byte

// published is a text that a non-delivery report has been seen with, and what the table says of it.
type published struct{ Text, Cause, Code, Source string }

func publishedReplies(t *testing.T) (all []published) {
	t.Helper()
	require.NoError(t, json.Unmarshal(replies, &all))
	return all
}

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func wrapped(text string) string {
	return "Reason: [{LED=" + text + "};{MSG=};{FQDN=};{IP=};{LRT=}]. OutboundProxyTargetIP: . OutboundProxyTargetHostName: "
}

func TestPublishedReplies(t *testing.T) {
	t.Parallel()
	all := publishedReplies(t)
	require.GreaterOrEqual(t, len(all), 40)
	for _, p := range all {
		t.Run(p.Text, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{p.Text, wrapped(p.Text), "Reason: [{LED=" + p.Text} {
				for status, event := range map[trace.Status]string{trace.Failed: "Fail", trace.Pending: "Defer"} {
					c, decided := Of(status, []trace.Detail{{At: noon, Event: event, Text: text}})
					assert.True(t, decided)
					assert.Equal(t, p.Cause, c.Name, text)
					assert.Equal(t, p.Code, c.Code, text)
					assert.Equal(t, p.Text, c.Text)
				}
			}
			source, err := url.Parse(p.Source)
			assert.True(t, err == nil && source.Scheme == "https", "%q is no source", p.Source)
		})
	}
}

func TestTheTableNamesItsSources(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for i := range known.Rules {
		r := &known.Rules[i]
		assert.NotEmpty(t, known.Sources[r.Source], "rule %d (%s): %q is no source", i, r.Cause, r.Source)
		used[r.Source] = true
		assert.True(t, r.Event != "" || r.Text != "" || len(r.Facts) > 0 || len(r.Codes) > 0, "rule %d fits everything", i)
		assert.Regexp(t, "^[a-z_]+$", r.Cause)
	}
	for name, source := range known.Sources {
		assert.True(t, used[name], "no rule comes from %s", name)
		assert.Regexp(t, "^https://", source)
	}
}

// Every cause of the table is that of a published text, or of an event that is in the tests below.
func TestEachCauseHasAnExample(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{Other: true}
	for _, p := range publishedReplies(t) {
		seen[p.Cause] = true
	}
	for _, c := range routes {
		seen[c.want.Name] = true
	}
	for _, name := range Names() {
		assert.True(t, seen[name], name)
	}
}

// detail is an event some seconds after noon.
func detail(seconds int, event, action, text string, facts ...string) trace.Detail {
	d := trace.Detail{At: noon.Add(time.Duration(seconds) * time.Second), Event: event, Action: action, Text: text}
	for i := 0; i+1 < len(facts); i += 2 {
		d.Facts = append(d.Facts, trace.Fact{Name: facts[i], Value: facts[i+1]})
	}
	return d
}

const ruleID = "9d0c4b1e-7a2f-4c3d-8e5b-6f1a2b3c4d5e"

// routes are what happened to messages, in the shapes that details have been seen with in a tenant.
var routes = map[string]struct {
	status  trace.Status
	details []trace.Detail
	want    Cause
}{
	"a transport rule": {
		trace.Failed,
		[]trace.Detail{
			detail(0, "Receive", "", "Message received by: EXCH01.contoso.com"),
			detail(2, "Transport rule", "", "Transport rule: 'Block contracts', ID: ('"+ruleID+"'), DLP policy: '', ID: (00000000-0000-0000-0000-000000000000)."),
			detail(2, "Fail", "", wrapped("550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy"), "SourceContext", "Transport Rule Agent"),
		},
		Cause{Name: "transport_rule", Code: "5.7.1", Reply: 550, Rule: "Block contracts", Event: "Fail"},
	},
	"a transport rule without a name, and another that only adds something": {
		trace.Failed,
		[]trace.Detail{
			detail(2, "Transport rule", "Reject", "Transport rule: '', ID: ('"+ruleID+"'), DLP policy: '', ID: ()."),
			detail(2, "Transport rule", "ApplyHtmlDisclaimer", "Transport rule: 'Disclaimer', ID: ('1'), DLP policy: '', ID: ()."),
			detail(2, "Fail", "", wrapped("550 5.7.1 Delivery not authorized, message refused")),
		},
		Cause{Name: "transport_rule", Code: "5.7.1", Reply: 550, Rule: ruleID, Event: "Fail"},
	},
	"a DLP rule that comes after what it caused": {
		trace.Failed,
		[]trace.Detail{
			detail(2, "Fail", "", wrapped("550 5.7.171 Delivery not authorized, message refused"), "SourceContext", "DLP Policy Agent"),
			detail(2, "DLP rule", "BA", "DLP rule: 'Block credit cards', ID: ('f43f7263-2730-4217-aea6-e7a68a7951ec'), DLP policy: 'Financial data', ID: ()."),
		},
		Cause{Name: "dlp", Code: "5.7.171", Reply: 550, Rule: "Block credit cards", Event: "Fail"},
	},
	"a policy that does not say which": {
		trace.Failed,
		[]trace.Detail{detail(2, "Fail", "", wrapped("550 5.7.1 Delivery not authorized, message refused"))},
		Cause{Name: "blocked_by_policy", Code: "5.7.1", Reply: 550, Event: "Fail"},
	},
	"the next hop": {
		trace.Failed,
		[]trace.Detail{
			detail(2, "Send external", "", "Message sent to mx.fabrikam.com at 203.0.113.5 using TLS1.2"),
			detail(3, "Fail", "", "Reason: [{LED=550 5.1.1 User unknown};{MSG=550 5.1.1 User unknown};{FQDN=mx.fabrikam.com};{IP=203.0.113.5};{LRT=}]"),
		},
		Cause{Name: "unknown_recipient", Code: "5.1.1", Reply: 550, Server: "mx.fabrikam.com", Event: "Fail"},
	},
	"the next hop, long deferred": {
		trace.Pending,
		[]trace.Detail{
			detail(10, "Defer", "", wrapped("450 4.4.312 DNS query failed")),
			detail(130, "Defer", "", "Reason: [{LED=450 4.4.317 Cannot connect to remote server [Message=SocketError: TimedOut] [LastAttemptedServerName=mx.fabrikam.com] [Last"),
		},
		Cause{Name: "connection", Code: "4.4.317", Reply: 450, Server: "mx.fabrikam.com", Event: "Defer"},
	},
	"the last of two failures, whatever their order": {
		trace.Failed,
		[]trace.Detail{detail(9, "Fail", "", wrapped("554 5.2.2 mailbox full")), detail(2, "Fail", "", wrapped("550 5.1.1 not found"))},
		Cause{Name: "mailbox_full", Code: "5.2.2", Reply: 554, Event: "Fail"},
	},
	"a failure in the facts alone": {
		trace.Failed,
		[]trace.Detail{detail(1, "FAIL", "", "The message failed.", "RecipientStatus", "[{LED=554 5.2.2 mailbox full};{MSG=};{FQDN=};{IP=};{LRT=}]")},
		Cause{Name: "mailbox_full", Code: "5.2.2", Reply: 554, Event: "FAIL"},
	},
	"quarantined as spam": {
		trace.Quarantined,
		[]trace.Detail{
			detail(5, "Spam", "Quarantine", "Spam confidence level: 8", "DI", "SQ", "SCL", "8", "SFV", "SPM"),
			detail(6, "Deliver", "", "The message was successfully delivered to the folder: DefaultFolderType:QuarantinedEmailSecured"),
		},
		Cause{Name: "spam", Event: "Spam"},
	},
	"quarantined as phish": {
		trace.Quarantined, []trace.Detail{detail(5, "Spam", "Quarantine", "Spam confidence level: 9", "CAT", "HPHSH")}, Cause{Name: "phish", Event: "Spam"},
	},
	"quarantined as malware": {
		trace.Quarantined, []trace.Detail{detail(5, "Spam", "", "SCL"), detail(5, "Malware", "", "Malware: EICAR")}, Cause{Name: "malware", Event: "Malware"},
	},
	"quarantined by a transport rule": {
		trace.Quarantined,
		[]trace.Detail{detail(5, "Transport rule", "Quarantine", "Transport rule: 'No zips', ID: ('"+ruleID+"'), DLP policy: '', ID: ().")},
		Cause{Name: "transport_rule", Rule: "No zips", Event: "Transport rule"},
	},
	"a blocked sender": {
		trace.FilteredAsSpam, []trace.Detail{detail(5, "Spam", "", "Spam confidence level: 6", "SFV", "SKB")}, Cause{Name: "sender_blocked", Event: "Spam"},
	},
	"the junk folder alone": {
		trace.FilteredAsSpam,
		[]trace.Detail{detail(5, "Deliver", "", "The message was successfully delivered to the folder: DefaultFolderType:JunkEmail")},
		Cause{Name: "spam", Event: "Deliver"},
	},
	"dropped without a report": {
		trace.Failed,
		[]trace.Detail{detail(5, "Drop", "", "Reason: [{LED=250 2.1.5 RESOLVER.OOF.IntToExt; handled internal OOF};{MSG=};{FQDN=};{IP=};{LRT=}]")},
		Cause{Name: Other, Code: "2.1.5", Reply: 250, Event: "Drop"},
	},
	"nothing that anybody knows": {
		trace.Failed, []trace.Detail{detail(5, "Fail", "", wrapped("599 9.9.9 at 10.1.2.3"))}, Cause{Name: Other, Reply: 599, Event: "Fail"},
	},
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	for name, c := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, decided := Of(c.status, c.details)
			assert.True(t, decided)
			assert.NotEmpty(t, got.Text)
			got.Text, got.At = "", time.Time{}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestWhatDoesNotTellIsUndecided(t *testing.T) {
	t.Parallel()
	received := detail(0, "Receive", "", "Message received by: EXCH01.contoso.com")
	for status, details := range map[trace.Status][]trace.Detail{
		trace.Failed:         {received},
		trace.Pending:        {received, detail(1, "Submit", "", "The message was submitted.")},
		trace.Quarantined:    {detail(1, "Deliver", "", "The message was successfully delivered to the folder: Inbox")},
		trace.FilteredAsSpam: nil,
		trace.Delivered:      {received},
	} {
		c, decided := Of(status, details)
		assert.False(t, decided, status)
		assert.Equal(t, Other, c.Name)
		if n := len(details); n > 0 {
			assert.Equal(t, details[n-1].Text, c.Text)
		}
	}
	assert.False(t, Explains(trace.Delivered))
	assert.True(t, Explains(trace.Failed))
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		reply int
		code  string
	}{
		"550 5.1.1 no":                  {550, "5.1.1"},
		"550-5.7.1 no":                  {550, "5.7.1"},
		"5.7.1 no":                      {0, "5.7.1"},
		"550 no":                        {550, ""},
		"from 5.1.1.1, sorry":           {0, ""},
		"from 5.1.1.1: 4.4.7":           {0, "4.4.7"},
		"version 15.20.1.2":             {0, ""},
		"5.1.1234":                      {0, ""},
		"6.1.1":                         {0, ""},
		"'550 5.2.2.' said the server.": {550, "5.2.2"},
		"":                              {0, ""},
	} {
		reply, code := codes(text)
		assert.Equal(t, want.code, code, text)
		assert.Equal(t, want.reply, reply, text)
	}
}

func TestTheTextIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := Of(trace.Failed, []trace.Detail{detail(0, "Fail", "", "550 5.2.2 mailbox full "+strings.Repeat("ü", 1000))})
	assert.LessOrEqual(t, len(c.Text), maxText)
	assert.Equal(t, "mailbox_full", c.Name)
	assert.Equal(t, strings.ToValidUTF8(c.Text, ""), c.Text)
}

// Whatever a service says, there is a cause, and its name is one of Names.
func TestThereIsAlwaysACause(t *testing.T) {
	t.Parallel()
	names := Names()
	rapid.Check(t, func(t *rapid.T) {
		var details []trace.Detail
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			details = append(details, trace.Detail{
				Event: rapid.SampledFrom([]string{"Fail", "Defer", "Spam", "Malware", "Drop", "Deliver", "x"}).Draw(t, "event"),
				Text:  rapid.String().Draw(t, "text"),
			})
		}
		c, _ := Of(rapid.SampledFrom([]trace.Status{trace.Failed, trace.Pending, trace.Quarantined, "x"}).Draw(t, "status"), details)
		if !slices.Contains(names, c.Name) {
			t.Fatalf("%q is no cause", c.Name)
		}
	})
}

func TestReplyCodeBeforeANumberSign(t *testing.T) {
	t.Parallel()
	c, _ := Of(trace.Failed, []trace.Detail{{Event: "Fail", Text: "550 #5.7.1 Your access to submit messages to this e-mail system has been rejected."}})
	assert.Equal(t, 550, c.Reply)
	assert.Equal(t, "5.7.1", c.Code)
}

func TestRepliesInOtherLanguagesGoByTheirCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"550 5.1.1 Empfänger unbekannt":                              "unknown_recipient",
		"552 5.2.2 La boîte de réception du destinataire est pleine": "mailbox_full",
		"550 5.2.1 Почтовый ящик отключен":                           "mailbox_disabled",
		"550 5.1.1 宛先のメールアドレスが見つかりません":                               "unknown_recipient",
		"550 5.3.4 Nachricht zu groß":                                "size",
		"550 Postfach existiert nicht":                               Other,
	} {
		c, decided := Of(trace.Failed, []trace.Detail{{Event: "Fail", Text: text}})
		assert.True(t, decided)
		assert.Equal(t, want, c.Name, text)
	}
}
