// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadClaims(t *testing.T) {
	t.Parallel()
	encode := base64.RawURLEncoding.EncodeToString
	right := Claims{TenantID: testTenant, Audience: "https://graph.microsoft.com", Roles: []string{"A", "B"}}
	for name, c := range map[string]struct {
		token string
		want  Claims
		ok    bool
	}{
		"a token": {
			"eyJ0." + encode([]byte(`{"aud":"https://graph.microsoft.com","tid":"`+testTenant+`","roles":["A","B"],"exp":1}`)) + ".c2ln", right, true,
		},
		"without claims":     {"a." + encode([]byte(`{}`)) + ".b", Claims{}, true},
		"without signature":  {"a." + encode([]byte(`{}`)) + ".", Claims{}, true},
		"opaque":             {"EwBwA8l6BAAU", Claims{}, false},
		"empty":              {"", Claims{}, false},
		"two parts":          {"a." + encode([]byte(`{}`)), Claims{}, false},
		"encrypted":          {"a.b.c.d.e", Claims{}, false},
		"not Base64":         {"a.{}.b", Claims{}, false},
		"not JSON":           {"a." + encode([]byte(`{`)) + ".b", Claims{}, false},
		"roles of one":       {"a." + encode([]byte(`{"roles":"A"}`)) + ".b", Claims{}, false},
		"several audiences":  {"a." + encode([]byte(`{"aud":["A","B"]}`)) + ".b", Claims{}, false},
		"an array of claims": {"a." + encode([]byte(`[]`)) + ".b", Claims{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims, ok := ReadClaims(c.token)
			require.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, c.want, claims)
			}
		})
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	const (
		graph, exchange   = "https://graph.microsoft.com", "https://outlook.office365.com"
		graphID           = "00000003-0000-0000-c000-000000000000"
		exchangeID        = "00000002-0000-0FF1-CE00-000000000000"
		tenant, audience  = "it is of another tenant than tenant_id", "it is for another audience than https://"
		permission, other = "it has no role ", "44444444-4444-4444-4444-44444444444A"
	)
	for name, c := range map[string]struct {
		claims Claims
		wanted Wanted
		lacks  []string // what each begins with
	}{
		"nothing":                  {Claims{testTenant, graph, []string{"X", "R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, by the ID":       {Claims{testTenant, graphID, []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, in capitals":     {Claims{"44444444-4444-4444-4444-44444444444a", graph, []string{"R"}}, Wanted{other, graph, "R"}, nil},
		"nothing, with a slash":    {Claims{testTenant, graph + "/", []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, with another":    {Claims{testTenant, graph, []string{"R"}}, Wanted{testTenant, graph + "/", "R"}, nil},
		"nothing, for Exchange":    {Claims{testTenant, exchangeID, []string{"R"}}, Wanted{testTenant, exchange, "R"}, nil},
		"nothing, in US clouds":    {Claims{testTenant, exchangeID, []string{"R"}}, Wanted{testTenant, "https://outlook-dod.office365.us", "R"}, nil},
		"nothing for a domain":     {Claims{testTenant, graph, []string{"R"}}, Wanted{"contoso.com", graph, "R"}, nil},
		"nothing that it does say": {Claims{"", "", []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"the tenant":               {Claims{testTenant, graph, []string{"R"}}, Wanted{other, graph, "R"}, []string{tenant}},
		"the audience":             {Claims{testTenant, exchange, []string{"R"}}, Wanted{testTenant, graph, "R"}, []string{audience + "graph.microsoft.com"}},
		"the audience by the ID":   {Claims{testTenant, graphID, []string{"R"}}, Wanted{testTenant, exchange, "R"}, []string{audience + "outlook"}},
		"all roles":                {Claims{testTenant, graph, nil}, Wanted{testTenant, graph, "R"}, []string{permission + "R; grant"}},
		"the role":                 {Claims{testTenant, graph, []string{"RR", "r"}}, Wanted{testTenant, graph, "R"}, []string{permission + "R; grant"}},
		"everything":               {Claims{testTenant, graph, nil}, Wanted{other, exchange, "R"}, []string{tenant, audience, permission}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lacks := c.claims.Lacks(c.wanted)
			require.Len(t, lacks, len(c.lacks), "%v", lacks)
			for i, want := range c.lacks {
				assert.Contains(t, lacks[i], want)
			}
		})
	}
}
