// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func row(id, recipient, fingerprint string) *trace.Row {
	return &trace.Row{ID: []byte(id), Recipient: []byte(recipient), Fingerprint: []byte(fingerprint)}
}

const (
	exampleID        = "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f"
	exampleRecipient = "recipient@contoso.com"
)

func TestKeyIsTheSame(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][2]*trace.Row{
		"whatever the case of the ID":                             {row("AbCdEf", "a@x", ""), row("aBcDeF", "a@x", "")},
		"whatever the case of the recipient":                      {row("1", "Ann.Lee@Contoso.COM", ""), row("1", "ann.lee@contoso.com", "")},
		"beyond ASCII":                                            {row("1", "JÜRGEN@ÉCOLE.example", ""), row("1", "jürgen@école.EXAMPLE", "")},
		"after the first non-ASCII letter":                        {row("1", "éABC@X", ""), row("1", "Éabc@x", "")},
		"in Greek and Cyrillic":                                   {row("1", "ΑΒΓ@ДОМ", ""), row("1", "αβγ@дом", "")},
		"where case changes the length":                           {row("1", "\u212Aelvin@x", ""), row("1", "kelvin@x", "")},
		"whatever the fingerprint of a row with ID and recipient": {row("1", "a@x", "one"), row("1", "a@x", "two")},
		"for rows without ID, by fingerprint":                     {row("", "a@x", "one"), row("", "b@x", "one")},
		"for rows without recipient, by fingerprint":              {row("1", "", "one"), row("2", "", "one")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, identity.KeyOf(rows[0]), identity.KeyOf(rows[1]))
		})
	}
}

func TestKeyDependsOnTheRowAlone(t *testing.T) {
	t.Parallel()
	one, two := row("1", "a@x", ""), row("1", "a@x", "")
	two.Status, two.Raw, two.Subject, two.Size = []byte("failed"), []byte("{}"), []byte("s"), trace.Number{Value: 1, Valid: true}
	assert.Equal(t, identity.KeyOf(one), identity.KeyOf(two), "what changes with the status must not be part of the key")
}

func TestKeyDiffers(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][2]*trace.Row{
		"by ID":                           {row("1", "a@x", ""), row("2", "a@x", "")},
		"by recipient":                    {row("1", "a@x", ""), row("1", "b@x", "")},
		"when ID and recipient swap":      {row("1", "2", ""), row("2", "1", "")},
		"where ID ends":                   {row("12", "3", ""), row("1", "23", "")},
		"where a NUL could end the ID":    {row("1\x002", "3", ""), row("1", "2\x003", "")},
		"where a byte could end the ID":   {row("1\xFF2", "3", ""), row("1", "2\xFF3", "")},
		"where an ID looks like a row":    {row("\x00{}", "a", ""), row("", "", "{}\x00a")},
		"where an ID looks like no ID":    {row("\xFF{}", "a", ""), row("", "", "{}\xFFa")},
		"by fingerprint":                  {row("", "", `{"a":1}`), row("", "", `{"a":2}`)},
		"by the case of the fingerprint":  {row("", "", "one"), row("", "", "One")},
		"from a row without fingerprint":  {row("", "", ""), row("", "", "x")},
		"by accents":                      {row("1", "jürgen@x", ""), row("1", "jurgen@x", "")},
		"from a row that lacks recipient": {row("1", "a@x", "one"), row("1", "", "one")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.NotEqual(t, identity.KeyOf(rows[0]), identity.KeyOf(rows[1]))
		})
	}
}

func TestKeyOfLongTexts(t *testing.T) {
	t.Parallel()
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'a'
	}
	other := append([]byte(nil), long...)
	other[999] = 'b'
	assert.NotEqual(t, identity.KeyOf(row("1", string(long), "")), identity.KeyOf(row("1", string(other), "")))
}

func uid(tenant string, key trace.Key, s trace.Status) string {
	return string(identity.AppendUID(nil, tenant, key, s))
}

// Back ends de-duplicate by this value, so it must never change: not with a release, not with the service.
func TestUIDHasTheseVeryValues(t *testing.T) {
	t.Parallel()
	const tenant = "11111111-1111-1111-1111-111111111111"
	key := identity.KeyOf(row(exampleID, exampleRecipient, ""))
	assert.Equal(t, "b3ca234263b64e62ed1147c3e8cbd584", uid("", key, ""))
	assert.Equal(t, "4a65e2379c3459e7067f34cf63dca382", uid(tenant, key, trace.Delivered))
	assert.Equal(t, "db837d8314573561eddd18e7bc079147", uid(tenant, key, trace.Quarantined))
	assert.Equal(t, "c718a09d49304f9a246581eeb0861ee1", uid(tenant, identity.KeyOf(row("", "", "[1]")), ""))
}

func TestUIDDependsOnTenantRowAndStatus(t *testing.T) {
	t.Parallel()
	key := identity.KeyOf(row(exampleID, exampleRecipient, ""))
	one := uid("contoso.com", key, trace.Delivered)
	assert.Regexp(t, "^[0-9a-f]{32}$", one)
	assert.Equal(t, one, uid("Contoso.COM", key, trace.Delivered), "the case of the tenant does not count")
	assert.NotEqual(t, one, uid("fabrikam.com", key, trace.Delivered))
	assert.NotEqual(t, one, uid("contoso.com", key, trace.Pending))
	assert.NotEqual(t, one, uid("contoso.com", identity.KeyOf(row(exampleID, "b@contoso.com", "")), trace.Delivered))
}
