// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package records

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
		"the null sender":               {"<>", "b@contoso.com", ""},
		"the null sender, cut":          {"<", "b@contoso.com", ""},
		"the null sender, escaped":      {`\`, "b@contoso.com", ""},
		"the null sender, blank":        {"  ", "b@contoso.com", ""},
		"no sender":                     {"", "b@contoso.com", ""},
		"no recipient":                  {"a@contoso.com", "", ""},
		"no domain":                     {"a", "b@contoso.com", ""},
		"an at sign in the local part":  {`"a@example.org"@contoso.com`, "b@example.org", "outbound"},
		"angle brackets, trailing dots": {"<a@contoso.com.>", "b@example.org", "outbound"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, local.direction([]byte(test.sender), []byte(test.recipient)))
		})
	}
	assert.Empty(t, Domains(nil).direction([]byte("a@contoso.com"), []byte("b@contoso.com")))
}
