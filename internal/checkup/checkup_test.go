// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package checkup

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

var now = time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)

func TestTextForPeople(t *testing.T) {
	t.Parallel()
	one := New("o365messagetrace/one")
	one.TenantID, one.API, one.Plan, one.Endpoint = "contoso.com", "graph", "enterprise", "https://graph.example/x"
	one.SignIn, one.ClientID = "authentication.certificate", "c1"
	one.Token = &Token{TenantID: "t1", Audience: "https://graph.example", Roles: []string{"A", "B"}, Expires: now.Add(time.Hour)}
	one.CredentialExpires = now.Add(240 * time.Hour)
	one.Asked = &Asked{Start: now.Add(-time.Hour), End: now, Rows: 100, Newest: now.Add(-150 * time.Second), NewestAge: 150}
	one.Warn("set to ann@contoso.example")
	two := New("o365messagetrace/two")
	two.Fail(&transport.Error{
		Target: "graph.example/x", Status: 403, Message: "No.",
		Advice: trouble.Advice{Hint: "grant it", Step: trouble.Step{Portal: "a > b", Command: "az x"}},
	})
	report := Report{Receivers: []Result{*one, *two}}
	var text bytes.Buffer
	require.NoError(t, report.WriteText(&text, now))
	assert.Equal(t, `o365messagetrace/one: all right
  service      graph, enterprise, https://graph.example/x
  sign-in      authentication.certificate, application c1
  tenant       t1, tenant_id contoso.com
  audience     https://graph.example
  roles        A, B
  token        expires 2026-11-28T02:00:00Z, in 1h0m0s
  certificate  expires 2026-12-08T01:00:00Z, in 240h0m0s
  newest row   2m30s old, received 2026-11-28T00:57:30Z
  warning      set to [address]

o365messagetrace/two: does not work
  problem      request refused: graph.example/x: status 403: No.
  what to do   grant it
  portal       a > b
  command      az x
`, text.String())
	assert.Equal(t, "sign-in", two.Problems[0].Scope)
}

func TestCompareTenants(t *testing.T) {
	t.Parallel()
	of := func(id, configured, token string) Result {
		r := New(id)
		r.TenantID = configured
		if token != "" {
			r.Token = &Token{TenantID: token}
		}
		return *r
	}
	report := Report{Receivers: []Result{
		of("a", "contoso.com", "T1"), of("b", "t1", ""), of("c", "fabrikam.com", "t2"), of("d", "Fabrikam.com", ""), of("e", "", ""), of("f", "", ""),
	}}
	report.CompareTenants()
	var warned []string
	for _, r := range report.Receivers {
		if len(r.Warnings) > 0 {
			warned = append(warned, r.ID)
		}
	}
	assert.Equal(t, []string{"b"}, warned)
	assert.Contains(t, report.Receivers[1].Warnings[0], "reads the same tenant as a:")
}

func TestMisconfigured(t *testing.T) {
	t.Parallel()
	r := New("a")
	assert.True(t, r.OK)
	r.Fail(errors.New("x"))
	assert.False(t, r.IsMisconfigured())
	r.Misconfigured(errors.New("page_size: 5 is wrong"), "set it")
	assert.False(t, r.OK)
	assert.True(t, r.IsMisconfigured())
}
