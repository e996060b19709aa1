// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
)

func TestLookalikeDomain(t *testing.T) {
	s := settings()
	s.ProtectedDomains = []string{"fabrikam.co.uk", "abc.com", "wood-grove.example", "northwindtraders.com"}
	cyrillic, err := idna.Punycode.ToASCII("сontoso.com")
	require.NoError(t, err)
	require.Contains(t, cyrillic, "xn--")
	for domain, want := range map[string]string{
		"c0ntoso.com":                "confusable characters",
		"C0NTOSO.COM":                "confusable characters",
		"сontoso.com":                "confusable characters", // a Cyrillic с
		cyrillic:                     "confusable characters", // the same
		"cοntoso.com":                "confusable characters", // a Greek ο
		"cօntօsօ.com":                "confusable characters", // Armenian
		"ꮯontoso.com":                "confusable characters", // Cherokee
		"ＣＯＮＴＯＳＯ.com":                "confusable characters", // as wide as Chinese
		"𝐜𝐨𝐧𝐭𝐨𝐬𝐨.com":                "confusable characters",
		"çóñtöšô.com":                "confusable characters",
		"conto\u200bso.com":          "confusable characters", // a space without width
		"contоso。com":                "confusable characters", // an ideographic full stop
		"c-o-n-t-o-s-o.com":          "a hyphen more or less",
		"contoso--billing.com":       "the name as a part",
		"login.contoso.com.evil.co":  "the name as a part",
		"contoso.co":                 "another top-level domain",
		"contoso.com.au":             "another top-level domain",
		"mail.contoso.net":           "another top-level domain",
		"contosso.com":               "one edit",
		"cotnoso.com":                "one edit",
		"contso.com":                 "one edit",
		"contozo.net":                "one edit",
		"con-toso.com":               "a hyphen more or less",
		"contoso-billing.example":    "the name as a part",
		"billing-contoso.example":    "the name as a part",
		"my-c0ntoso-mail.example":    "the name as a part",
		"contoso.com.example":        "the name as a part",
		"contoso.com.login.example":  "the name as a part",
		"mycontosobank.example":      "the name as a part",
		"fabr1kam.co.uk":             "one edit",
		"fabrikarn.co.uk":            "confusable characters",
		"fabrikam.com":               "another top-level domain",
		"woodgrove.example":          "a hyphen more or less",
		"woodgr0ve.example":          "a hyphen more or less",
		"northvvindtraders.com":      "two edits",
		"nrothwindtradesr.com":       "two edits",
		"contoso.com":                "",
		"contoso.com.":               "",
		"contoso。com":                "", // the same domain
		"MAIL.CONTOSO.COM":           "",
		"mail.contoso.com":           "",
		"fabrikam.co.uk":             "",
		"news.fabrikam.co.uk":        "",
		"abc.de":                     "", // too short to say anything
		"abd.com":                    "",
		"consort.com":                "",
		"contrast.example":           "",
		"adatum.example":             "",
		"contoso.sharepoint.example": "", // a tenant of a service
		"com":                        "",
		"localhost":                  "",
		"xn--zzzzzz.com":             "",
	} {
		f := found(t, s, []Observation{seen(Observation{
			Message: "m", Sender: "ceo@" + domain, Recipient: "ada@contoso.com", Received: noon,
		})})
		if want == "" {
			assert.Empty(t, f, domain)
			continue
		}
		if assert.Len(t, f, 1, domain) {
			assert.Equal(t, "lookalike_domain", f[0].Rule)
			assert.Contains(t, f[0].Text, "("+want+")", domain)
		}
	}
}

// The local part is what anybody chooses.
func TestLookalikeDomainLooksAtTheDomain(t *testing.T) {
	for _, sender := range []string{"contoso@gmail.com", "contoso.com@evil.example", "contoso.com", "ceo@c0ntoso.com@evil.example", nullSender} {
		require.Empty(t, found(t, settings(), []Observation{seen(Observation{
			Message: "m", Sender: sender, Recipient: "ada@contoso.com", Received: noon,
		})}), sender)
	}
}

func TestLookalikeDomainIgnores(t *testing.T) {
	s := settings()
	s.Rules.LookalikeDomain.Ignore.Domains = []string{"contoso.de"}
	require.Empty(t, found(t, s, []Observation{seen(Observation{
		Message: "m", Sender: "ceo@mail.contoso.de", Recipient: "ada@contoso.com", Received: noon,
	})}))
}
