// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testTenant = "11111111-1111-1111-1111-111111111111"

func TestRead(t *testing.T) {
	t.Parallel()
	encode := base64.RawURLEncoding.EncodeToString
	right := Set{TenantID: testTenant, Audience: "https://graph.microsoft.com", Roles: []string{"A", "B"}}
	for name, c := range map[string]struct {
		token string
		want  Set
		ok    bool
	}{
		"a token": {
			"eyJ0." + encode([]byte(`{"aud":"https://graph.microsoft.com","tid":"`+testTenant+`","roles":["A","B"],"nbf":1}`)) + ".c2ln", right, true,
		},
		"without claims":     {"a." + encode([]byte(`{}`)) + ".b", Set{}, true},
		"without signature":  {"a." + encode([]byte(`{}`)) + ".", Set{}, true},
		"opaque":             {"EwBwA8l6BAAU", Set{}, false},
		"empty":              {"", Set{}, false},
		"two parts":          {"a." + encode([]byte(`{}`)), Set{}, false},
		"encrypted":          {"a.b.c.d.e", Set{}, false},
		"not Base64":         {"a.{}.b", Set{}, false},
		"not JSON":           {"a." + encode([]byte(`{`)) + ".b", Set{}, false},
		"roles of one":       {"a." + encode([]byte(`{"roles":"A"}`)) + ".b", Set{}, false},
		"several audiences":  {"a." + encode([]byte(`{"aud":["A","B"]}`)) + ".b", Set{}, false},
		"an array of claims": {"a." + encode([]byte(`[]`)) + ".b", Set{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims, ok := Read(c.token)
			require.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, c.want, claims)
			}
		})
	}
}

func TestWhatATokenTellsOfItself(t *testing.T) {
	t.Parallel()
	const app, object = "11111111-2222-3333-4444-555555555555", "66666666-2222-3333-4444-555555555555"
	s := Set{AppID: app, Party: object, Object: object, Expiry: 1.5e9, Roles: []string{"A.Read", "x y", "B.Read"}}
	assert.Equal(t, app, s.ClientID())
	assert.Equal(t, object, s.ObjectID())
	assert.Equal(t, time.Unix(1_500_000_000, 0).UTC(), s.Expires())
	assert.Equal(t, []string{"A.Read", "B.Read"}, s.ReadableRoles())
	assert.Equal(t, app, Set{Party: app}.ClientID())
	for _, none := range []Set{{}, {AppID: app + " --debug", Object: "$(reboot)", Expiry: 1e300}, {Expiry: -1}} {
		assert.Empty(t, none.ClientID())
		assert.Empty(t, none.ObjectID())
		assert.Zero(t, none.Expires())
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
		claims Set
		wanted Wanted
		lacks  []string // what each begins with
	}{
		"nothing":                  {Set{TenantID: testTenant, Audience: graph, Roles: []string{"X", "R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, by the ID":       {Set{TenantID: testTenant, Audience: graphID, Roles: []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, in capitals":     {Set{TenantID: "44444444-4444-4444-4444-44444444444a", Audience: graph, Roles: []string{"R"}}, Wanted{other, graph, "R"}, nil},
		"nothing, with a slash":    {Set{TenantID: testTenant, Audience: graph + "/", Roles: []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"nothing, with another":    {Set{TenantID: testTenant, Audience: graph, Roles: []string{"R"}}, Wanted{testTenant, graph + "/", "R"}, nil},
		"nothing, for Exchange":    {Set{TenantID: testTenant, Audience: exchangeID, Roles: []string{"R"}}, Wanted{testTenant, exchange, "R"}, nil},
		"nothing, in China":        {Set{TenantID: testTenant, Audience: exchangeID, Roles: []string{"R"}}, Wanted{testTenant, "https://partner.outlook.cn", "R"}, nil},
		"nothing, in US clouds":    {Set{TenantID: testTenant, Audience: exchangeID, Roles: []string{"R"}}, Wanted{testTenant, "https://outlook-dod.office365.us", "R"}, nil},
		"nothing for a domain":     {Set{TenantID: testTenant, Audience: graph, Roles: []string{"R"}}, Wanted{"contoso.com", graph, "R"}, nil},
		"nothing that it does say": {Set{Roles: []string{"R"}}, Wanted{testTenant, graph, "R"}, nil},
		"the tenant":               {Set{TenantID: testTenant, Audience: graph, Roles: []string{"R"}}, Wanted{other, graph, "R"}, []string{tenant}},
		"the audience":             {Set{TenantID: testTenant, Audience: exchange, Roles: []string{"R"}}, Wanted{testTenant, graph, "R"}, []string{audience + "graph.microsoft.com"}},
		"the audience by the ID":   {Set{TenantID: testTenant, Audience: graphID, Roles: []string{"R"}}, Wanted{testTenant, exchange, "R"}, []string{audience + "outlook"}},
		"all roles":                {Set{TenantID: testTenant, Audience: graph, Roles: nil}, Wanted{testTenant, graph, "R"}, []string{permission + "R; grant"}},
		"the role":                 {Set{TenantID: testTenant, Audience: graph, Roles: []string{"RR", "r"}}, Wanted{testTenant, graph, "R"}, []string{permission + "R; grant"}},
		"everything":               {Set{TenantID: testTenant, Audience: graph, Roles: nil}, Wanted{other, exchange, "R"}, []string{tenant, audience, permission}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lacks := c.claims.Missing(c.wanted)
			require.Len(t, lacks, len(c.lacks), "%v", lacks)
			for i, want := range c.lacks {
				assert.Contains(t, lacks[i], want)
			}
		})
	}
}

func TestListRoles(t *testing.T) {
	t.Parallel()
	many := make([]string, 12)
	for i := range many {
		many[i] = "Role." + string(rune('A'+i))
	}
	for want, s := range map[string]Set{
		"the token has no roles":                     {},
		"the token is a user's and has no roles":     {Scopes: "Mail.Read"},
		"the token has the role Mail.Read":           {Roles: []string{"Mail.Read"}},
		"the token has the roles A, B":               {Roles: []string{"A", "B"}, Scopes: "C"},
		"the token has no role with a readable name": {Roles: []string{"ann@contoso.example"}},
		"the token has the roles A and 1 more":       {Roles: []string{"A", "a line\nmore"}},
		"the token has the roles Role.A, Role.B, Role.C, Role.D, Role.E, Role.F, Role.G, Role.H, Role.I, Role.J and 2 more": {Roles: many},
	} {
		assert.Equal(t, want, s.ListRoles())
	}
	assert.True(t, Set{Roles: []string{"A", "B"}}.Has("B"))
	assert.False(t, Set{Roles: []string{"A", "B"}}.Has("b"), "roles are compared as they are")
}
