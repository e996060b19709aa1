// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func row(id, recipient, fingerprint string) *trace.Row {
	return &trace.Row{ID: []byte(id), Recipient: []byte(recipient), Fingerprint: []byte(fingerprint)}
}

// secret is any.
var secret = identity.Secret{1, 2, 3}

const (
	exampleID        = "b7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f"
	exampleRecipient = "recipient@contoso.com"
)

func TestKeyIsTheSame(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][2]*trace.Row{
		"whatever the case of the ID":                             {row("AbCdEf", "a@x", ""), row("aBcDeF", "a@x", "")},
		"whatever the dashes of a GUID":                           {row(exampleID, "a@x", ""), row("b7c1f4d29a6e4c3b8f2d1e0a6c5b4d3f", "a@x", "")},
		"whatever the braces of a GUID":                           {row(exampleID, "a@x", ""), row("{B7C1F4D2-9A6E-4C3B-8F2D-1E0A6C5B4D3F}", "a@x", "")},
		"whatever stands between the digits of a GUID":            {row(exampleID, "a@x", ""), row("-{B7C1-F4D29A6E4C3B8F2D1E0A6C5B4D3F", "a@x", "")},
		"where a GUID of the usual length is spelled otherwise":   {row(exampleID, "a@x", ""), row("{b7c1f4d29a6e-4c3b-8f2d-1e0a6c5b4d3f", "a@x", "")},
		"for IDs of zeros, by fingerprint":                        {row("00000000-0000-0000-0000-000000000000", "a@x", "one"), row("", "b@x", "one")},
		"whatever the case of the recipient":                      {row("1", "Ann.Lee@Contoso.COM", ""), row("1", "ann.lee@contoso.com", "")},
		"beyond ASCII":                                            {row("1", "JÜRGEN@ÉCOLE.example", ""), row("1", "jürgen@école.EXAMPLE", "")},
		"after the first non-ASCII letter":                        {row("1", "éABC@X", ""), row("1", "Éabc@x", "")},
		"in Greek and Cyrillic":                                   {row("1", "ΑΒΓ@ДОМ", ""), row("1", "αβγ@дом", "")},
		"where case changes the length":                           {row("1", "\u023Aa@x", ""), row("1", "\u2C65a@x", "")},
		"whatever the fingerprint of a row with ID and recipient": {row("1", "a@x", "one"), row("1", "a@x", "two")},
		"for rows without ID, by fingerprint":                     {row("", "a@x", "one"), row("", "b@x", "one")},
		"for rows without recipient, by fingerprint":              {row("1", "", "one"), row("2", "", "one")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, secret.KeyOf(rows[0]), secret.KeyOf(rows[1]))
			assert.Equal(t, uid("", rows[0], ""), uid("", rows[1], ""))
		})
	}
}

func TestKeyDependsOnTheRowAlone(t *testing.T) {
	t.Parallel()
	one, two := row("1", "a@x", ""), row("1", "a@x", "")
	two.Status, two.Raw, two.Subject, two.Size = []byte("failed"), []byte("{}"), []byte("s"), trace.Number{Value: 1, Valid: true}
	assert.Equal(t, secret.KeyOf(one), secret.KeyOf(two), "what changes with the status must not be part of the key")
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
		"by a digit of a GUID":            {row(exampleID, "a@x", ""), row("c7c1f4d29a6e4c3b8f2d1e0a6c5b4d3f", "a@x", "")},
		"by the length of a GUID":         {row(exampleID, "a@x", ""), row(exampleID+"0", "a@x", "")},
		"by dashes, if it is no GUID":     {row("a-b", "a@x", ""), row("ab", "a@x", "")},
		"by what is no digit":             {row(exampleID, "a@x", ""), row("g7c1f4d2-9a6e-4c3b-8f2d-1e0a6c5b4d3f", "a@x", "")},
		"for IDs of zeros, by recipient":  {row("00000000-0000-0000-0000-000000000000", "a@x", "one"), row("00000000-0000-0000-0000-000000000000", "b@x", "two")},
		"for IDs of zeros, by the text":   {row("00000000000000000000000000000000", "a@x", "one"), row("{00000000-0000-0000-0000-000000000000}", "a@x", "two")},
		"by a Kelvin sign":                {row("1", "\u212Aate@x", ""), row("1", "kate@x", "")},
		"by an I with a dot":              {row("1", "adm\u0130n@x", ""), row("1", "admin@x", "")},
		"by accents":                      {row("1", "jürgen@x", ""), row("1", "jurgen@x", "")},
		"from a row that lacks recipient": {row("1", "a@x", "one"), row("1", "", "one")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.NotEqual(t, secret.KeyOf(rows[0]), secret.KeyOf(rows[1]))
			assert.NotEqual(t, uid("", rows[0], ""), uid("", rows[1], ""))
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
	assert.NotEqual(t, secret.KeyOf(row("1", string(long), "")), secret.KeyOf(row("1", string(other), "")))
}

func uid(tenant string, r *trace.Row, s trace.Status) string {
	return string(identity.UIDOf(tenant, r, s).AppendHex(nil))
}

// Back ends de-duplicate by this value, so it must never change: not with a release, not with the service.
func TestUIDHasTheseVeryValues(t *testing.T) {
	t.Parallel()
	const tenant = "11111111-1111-1111-1111-111111111111"
	example := row(exampleID, exampleRecipient, "")
	assert.Equal(t, "6a9a7007c47384252e5abe13e545b439", uid("", example, ""))
	assert.Equal(t, "7ff0edf6cdfe8d3a96a6210be41da005", uid(tenant, example, trace.Delivered))
	assert.Equal(t, "a602216636e0c16f8e577a045ffe702f", uid(tenant, example, trace.Quarantined))
	assert.Equal(t, "f4205a9c6aca0e381c4145fc2988618e", uid(tenant, example, trace.FilteredAsSpam))
	assert.Equal(t, "93fb40182b9be3481923f3fee46ba061", uid(tenant, row("", "", "[1]"), ""))
}

func TestUIDDependsOnTenantRowAndStatus(t *testing.T) {
	t.Parallel()
	example := row(exampleID, exampleRecipient, "")
	one := uid("contoso.com", example, trace.Delivered)
	assert.Regexp(t, "^[0-9a-f]{32}$", one)
	assert.Len(t, one, identity.UIDLength)
	assert.Equal(t, one, uid("Contoso.COM", example, trace.Delivered), "the case of the tenant does not count")
	assert.NotEqual(t, one, uid("fabrikam.com", example, trace.Delivered))
	assert.NotEqual(t, one, uid("contoso.com", example, trace.Pending))
	assert.Equal(t, uid("", example, "onHold"), uid("", example, "ONHOLD"), "nor that of a status that is not known")
	assert.NotEqual(t, one, uid("contoso.com", row(exampleID, "b@contoso.com", ""), trace.Delivered))
	assert.NotEqual(t, uid("a", example, "b"), uid("ab", example, ""), "where the tenant ends counts")
}

func rowUID(tenant string, r *trace.Row) string {
	return string(identity.RowUIDOf(tenant, r).AppendHex(nil))
}

// Back ends keep histories by this value, so it must never change either.
func TestRowUIDHasTheseVeryValues(t *testing.T) {
	t.Parallel()
	example := row(exampleID, exampleRecipient, "")
	assert.Equal(t, "d947a0b30d24d8605e34e0337437f38f", rowUID("", example))
	assert.Equal(t, "db81884dc32bd021247dcca8939f5b10", rowUID("11111111-1111-1111-1111-111111111111", example))
}

func TestRowUIDDependsOnTenantAndRow(t *testing.T) {
	t.Parallel()
	example := row(exampleID, exampleRecipient, "")
	one := rowUID("contoso.com", example)
	assert.Regexp(t, "^[0-9a-f]{32}$", one)
	same := row(strings.ToUpper(exampleID), strings.ToUpper(exampleRecipient), "text")
	same.Status = []byte("failed")
	assert.Equal(t, one, rowUID("Contoso.COM", same))
	assert.NotEqual(t, one, rowUID("fabrikam.com", example))
	assert.NotEqual(t, one, rowUID("contoso.com", row(exampleID, "b@contoso.com", "")))
	for _, status := range []trace.Status{"", trace.Delivered, "\xFF"} {
		assert.NotEqual(t, rowUID("", example), uid("", example, status), "it is none of a status")
	}
}

func TestKeysOfDifferentSecretsDiffer(t *testing.T) {
	t.Parallel()
	example := row(exampleID, exampleRecipient, "")
	one, other := identity.NewSecret(), identity.NewSecret()
	assert.NotEqual(t, one.KeyOf(example), other.KeyOf(example))
}

// Stored keys must be found again, so this value must never change for a secret.
func TestKeyHasThisVeryValue(t *testing.T) {
	t.Parallel()
	key := secret.KeyOf(row(exampleID, exampleRecipient, ""))
	assert.Equal(t, "5245282c8c544f5f371d95d812665622", hex.EncodeToString(key[:]))
}

// FuzzID sees that an ID that has the digits of a GUID is that GUID, and that others stay apart.
func FuzzID(f *testing.F) {
	for _, seed := range []string{exampleID, "{" + exampleID + "}", "b7c1f4d29a6e4c3b8f2d1e0a6c5b4d3f", "", "-", "\xff", exampleID + "0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		digits := strings.ToLower(strings.NewReplacer("-", "", "{", "", "}", "").Replace(id))
		same := secret.KeyOf(row(id, "a@x", "f")) == secret.KeyOf(row(digits, "a@x", "f"))
		if guid, err := hex.DecodeString(digits); err == nil && len(guid) == 16 {
			assert.True(t, same)
		}
		if !strings.ContainsFunc(id, func(r rune) bool { return r >= utf8.RuneSelf }) {
			assert.Equal(t, secret.KeyOf(row(id, "a@x", "f")), secret.KeyOf(row(strings.ToUpper(id), "a@x", "f")))
		}
	})
}
