// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestDirection(t *testing.T) {
	t.Parallel()
	local := NewDomains([]string{"contoso.com", "Fabrikam.Example."})
	for name, test := range map[string]struct{ sender, recipient, want string }{
		"inbound":                       {"a@example.org", "b@contoso.com", "inbound"},
		"outbound":                      {"a@contoso.com", "b@example.org", "outbound"},
		"internal":                      {"a@contoso.com", "b@fabrikam.example", "internal"},
		"external":                      {"a@example.org", "b@example.net", "external"},
		"subdomains count":              {"a@mail.eu.contoso.com", "b@CONTOSO.COM", "internal"},
		"a longer name is another":      {"a@notcontoso.com", "b@contoso.com", "inbound"},
		"an added suffix is another":    {"a@contoso.com.example", "b@contoso.com", "inbound"},
		"the null sender":               {"<>", "b@contoso.com", "inbound"},
		"the null sender, cut":          {"<", "b@contoso.com", "inbound"},
		"the null sender, escaped":      {`\`, "b@contoso.com", "inbound"},
		"the null sender, blank":        {"  ", "b@contoso.com", "inbound"},
		"the null sender, to others":    {"<>", "b@example.org", "outbound"},
		"the null sender, to nobody":    {"<>", "b", ""},
		"no sender":                     {"", "b@contoso.com", ""},
		"no recipient":                  {"a@contoso.com", "", ""},
		"no domain":                     {"a", "b@contoso.com", ""},
		"an at sign in the local part":  {`"a@example.org"@contoso.com`, "b@example.org", "outbound"},
		"angle brackets, trailing dots": {"<a@contoso.com.>", "b@example.org", "outbound"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := testOrigin()
			origin.Local = local
			b := origin.NewBatch(observed, trace.Live)
			b.Append(&trace.Row{Sender: []byte(test.sender), Recipient: []byte(test.recipient)}, Version{})
			got := b.records.At(0).Attributes().AsRaw()["email.direction"]
			if test.want == "" {
				assert.Nil(t, got)
				return
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestRegistrableDomain(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"a@contoso.com":                  "contoso.com",
		"a@Mail.EU.Contoso.COM":          "contoso.com",
		"a@news.contoso.co.uk":           "contoso.co.uk",
		"a@shop.github.io":               "shop.github.io", // a suffix of a private owner
		"a@x.y.kawasaki.jp":              "x.y.kawasaki.jp",
		"a@city.kawasaki.jp":             "city.kawasaki.jp",  // an exception
		"a@mail.northwind.example":       "northwind.example", // of no list
		"<a@contoso.com.>":               "contoso.com",
		`"a@example.org"@contoso.com`:    "contoso.com",
		"a@post.bücher.example":          "xn--bcher-kva.example",
		"a@POST.XN--BCHER-KVA.example":   "xn--bcher-kva.example",
		"a@mail.商店.公司.cn":                "xn--czrs0t.xn--55qx5d.cn",
		"a@co.uk":                        "co.uk",
		"a@localhost":                    "localhost",
		"a@192.0.2.1":                    "192.0.2.1",
		"a@[192.0.2.1]":                  "[192.0.2.1]",
		"a@[IPv6:2001:db8::1]":           "[ipv6:2001:db8::1]",
		"a@contoso..com":                 "contoso..com",
		"a@.com":                         ".com",
		"a@" + strings.Repeat("é.", 300): strings.TrimSuffix(strings.Repeat("é.", 300), "."),
		"a@":                             "",
		"a@>":                            "",
		"a":                              "",
		"<>":                             "",
		"":                               "",
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			b := testOrigin().NewBatch(observed, trace.Live)
			for range 2 { // the second time, it is known
				b.Append(&trace.Row{Sender: []byte(address), Recipient: []byte(address)}, Version{})
			}
			for _, record := range b.records.All() {
				for _, name := range []string{"o365.message_trace.sender.domain", "o365.message_trace.recipient.domain"} {
					got := record.Attributes().AsRaw()[name]
					if want == "" {
						assert.Nil(t, got)
						continue
					}
					assert.Equal(t, want, got, name)
				}
			}
		})
	}
}

// Whatever a stranger writes, the domain is a part of it, or its ASCII form, and nothing panics.
func TestRegistrableDomainOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z]*@([a-zA-Zé.\[\]:0-9-]|co\.uk)*`)).Draw(t, "address")
		b := testOrigin().NewBatch(observed, trace.Live)
		first := b.domainOf([]byte(address))
		assert.Equal(t, first, b.domainOf([]byte(address)))
		assert.Equal(t, first.name == "", first.registrable == "")
		if !strings.Contains(address, "@") {
			assert.Empty(t, first.name)
		}
		if !strings.ContainsFunc(first.name, func(r rune) bool { return r >= utf8.RuneSelf }) {
			assert.True(t, strings.HasSuffix(first.name, first.registrable), "%q of %q", first.registrable, first.name)
		}
	})
}
