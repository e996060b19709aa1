// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testPassphrase = "p4ssphrase of the test"

// requireClean sees that an error tells nothing of a key, a passphrase or an assertion.
func requireClean(t *testing.T, e *Error, keyPEM string) {
	t.Helper()
	for _, text := range []string{e.Error(), e.Message, e.Hint()} {
		assert.NotContains(t, text, testPassphrase)
		assert.NotContains(t, text, "PRIVATE KEY")
		assert.NotContains(t, text, "eyJ")
		for line := range strings.FieldsSeq(keyPEM) {
			if len(line) >= 20 {
				assert.NotContains(t, text, line)
			}
		}
	}
}

func TestACertificateSignsIn(t *testing.T) {
	t.Parallel()
	key := firstKey()
	for name, c := range map[string]struct {
		key        string
		passphrase string
	}{
		"PKCS#1":                             {pkcs1PEM(key), ""},
		"PKCS#8":                             {pkcs8PEM(t, key), ""},
		"encrypted PKCS#8":                   {encryptedPEM(t, key, testPassphrase), testPassphrase},
		"a passphrase that nothing needs":    {pkcs8PEM(t, key), testPassphrase},
		"behind the certificate":             {certPEM(selfSigned(t, key, 1)) + pkcs8PEM(t, key), ""},
		"behind text, as openssl writes it":  {"Bag Attributes\n    friendlyName: x\n" + pkcs8PEM(t, key), ""},
		"with Windows' ends of lines":        {strings.ReplaceAll(pkcs1PEM(key), "\n", "\r\n"), ""},
		"before what it is not to be taken":  {pkcs1PEM(key) + pkcs1PEM(secondKey()), ""},
		"encrypted, with another after that": {encryptedPEM(t, key, testPassphrase) + pkcs1PEM(secondKey()), testPassphrase},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, cert := newLogin(t), selfSigned(t, key, 30)
			p := newPair(t, certPEM(cert), c.key)
			p.cert.Passphrase.Value = c.passphrase
			s, _ := sourceOf(l, p.cert, certificateBlock)
			assert.Zero(t, s.Expires(), "nothing has been read yet")
			requireToken(t, s, "token-1")
			requireToken(t, s, "token-1")
			require.Len(t, l.requests, 1)
			x5c := verify(t, l, l.requests[0], cert)
			assert.Equal(t, [][]byte{cert.Raw}, x5c)
			assert.Equal(t, cert.NotAfter, s.Expires())
		})
	}
}

func TestThePassphraseMayBeInAFile(t *testing.T) {
	t.Parallel()
	l, cert := newLogin(t), selfSigned(t, firstKey(), 30)
	p := newPair(t, certPEM(cert), encryptedPEM(t, firstKey(), testPassphrase))
	p.cert.Passphrase.File = p.cert.Key.File + ".passphrase"
	s, _ := sourceOf(l, p.cert, certificateBlock)
	e := requireFailure(t, s)
	assert.Contains(t, e.Hint(), "authentication.certificate.passphrase_file")
	require.NoError(t, os.WriteFile(p.cert.Passphrase.File, []byte(testPassphrase+"\n"), 0o600))
	requireToken(t, s, "token-1")
	verify(t, l, l.requests[0], cert)
}

func TestTheChainIsSentInOrder(t *testing.T) {
	t.Parallel()
	key := firstKey()
	root := issue(t, "root", secondKey(), nil, nil, 900)
	between := issue(t, "between", ecKey(), root, secondKey(), 600)
	leaf := issue(t, "leaf", key, between, ecKey(), 30)
	renewed := issue(t, "leaf", key, between, ecKey(), 60)
	stranger := issue(t, "stranger", secondKey(), nil, nil, 900)
	type certs = []*x509.Certificate
	for name, c := range map[string]struct{ file, want certs }{
		"the leaf first":          {certs{leaf, between, root}, certs{leaf, between, root}},
		"the leaf last":           {certs{root, between, leaf}, certs{leaf, between, root}},
		"the leaf last, in order": {certs{between, root, leaf}, certs{leaf, between, root}},
		"the leaf in the middle":  {certs{root, leaf, between}, certs{leaf, between, root}},
		"without the root":        {certs{between, leaf}, certs{leaf, between}},
		"with a stranger":         {certs{stranger, leaf, between}, certs{leaf, between}},
		"the old one first":       {certs{leaf, renewed, between}, certs{renewed, between}},
		"the old one last":        {certs{renewed, leaf, between}, certs{renewed, between}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			s, _ := sourceOf(l, newPair(t, certPEM(c.file...), pkcs8PEM(t, key)).cert, certificateBlock)
			requireToken(t, s, "token-1")
			var want [][]byte
			for _, cert := range c.want {
				want = append(want, cert.Raw)
			}
			assert.Equal(t, want, verify(t, l, l.requests[0], c.want[0]))
			assert.Equal(t, c.want[0].NotAfter, s.Expires())
		})
	}
}

func TestACertificateThatIsOfNoUse(t *testing.T) {
	t.Parallel()
	key := firstKey()
	good := certPEM(selfSigned(t, key, 30))
	ecDER, err := x509.MarshalECPrivateKey(ecKey())
	require.NoError(t, err)
	legacy := string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: []byte("encrypted"), Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "DES-EDE3-CBC,0102"},
	}))
	const keyFile, certFile = certificateBlock + ".key_file", certificateBlock + ".cert_file"
	for name, c := range map[string]struct {
		cert, key, passphrase string
		says                  []string
		hint                  []string
	}{
		"no certificate file":           {"", pkcs1PEM(key), "", []string{"no such file"}, []string{certFile}},
		"no key file":                   {good, "", "", []string{"no such file"}, []string{keyFile}},
		"an EC key in PKCS#8":           {good, pkcs8PEM(t, ecKey()), "", []string{keyFile, "is no RSA key"}, []string{"RSA", "nothing else"}},
		"an EC key of its own":          {good, block("EC PRIVATE KEY", ecDER), "", []string{keyFile, "is no RSA key"}, []string{"RSA"}},
		"an EC key behind parameters":   {good, block("EC PARAMETERS", []byte{5, 0}) + block("EC PRIVATE KEY", ecDER), "", []string{keyFile, "is no RSA key"}, nil},
		"an encrypted EC key":           {good, encryptedPEM(t, ecKey(), testPassphrase), testPassphrase, []string{keyFile, "is no RSA key"}, nil},
		"a wrong passphrase":            {good, encryptedPEM(t, key, "another"), testPassphrase, []string{keyFile, "cannot be decrypted"}, []string{certificateBlock + ".passphrase"}},
		"no passphrase":                 {good, encryptedPEM(t, key, testPassphrase), "", []string{keyFile, "is encrypted"}, []string{certificateBlock + ".passphrase", "passphrase_file"}},
		"the old form of encryption":    {good, legacy, testPassphrase, []string{keyFile, "no longer safe"}, []string{"openssl pkcs8 -topk8"}},
		"another key's certificate":     {certPEM(selfSigned(t, secondKey(), 30)), pkcs1PEM(key), "", []string{certFile, "does not match", "key.pem"}, []string{certFile, keyFile}},
		"an expired one":                {certPEM(selfSigned(t, key, 0)), pkcs1PEM(key), "", []string{certFile, "has expired on 2026-11-22T"}, []string{"renew", certFile}},
		"a key that is text":            {good, "secret-" + strings.Repeat("k", 40), "", []string{keyFile, "no private key in PEM"}, []string{keyFile}},
		"a key that is a certificate":   {good, good, "", []string{keyFile, "no private key in PEM"}, []string{keyFile}},
		"a key that is noise":           {good, block("PRIVATE KEY", []byte("noise")), "", []string{keyFile, "holds no private key that can be read"}, []string{"PKCS#1 or PKCS#8"}},
		"an RSA key that is noise":      {good, block("RSA PRIVATE KEY", []byte("noise")), "", []string{keyFile, "holds no private key that can be read"}, nil},
		"encrypted noise":               {good, block("ENCRYPTED PRIVATE KEY", []byte("noise")), testPassphrase, []string{keyFile, "cannot be decrypted"}, nil},
		"a certificate that is a key":   {pkcs1PEM(key), pkcs1PEM(key), "", []string{certFile, "holds no certificate"}, []string{certFile}},
		"a certificate that is text":    {"nothing", pkcs1PEM(key), "", []string{certFile, "holds no certificate"}, []string{certFile}},
		"a certificate that is noise":   {block("CERTIFICATE", []byte("noise")), pkcs1PEM(key), "", []string{certFile, "cannot be read"}, []string{certFile}},
		"a certificate of an EC key":    {certPEM(selfSigned(t, ecKey(), 30)), pkcs1PEM(key), "", []string{certFile, "does not match"}, nil},
		"a request for a certificate":   {block("CERTIFICATE REQUEST", []byte("x")), pkcs1PEM(key), "", []string{certFile, "holds no certificate"}, nil},
		"an empty key file":             {good, " \n", "", []string{"the file is empty"}, []string{keyFile}},
		"a key file of a whole library": {good, strings.Repeat("x", maxSecretFile+1), "", []string{"more than 64 KiB"}, []string{keyFile}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogin(t)
			p := newPair(t, c.cert, c.key)
			p.cert.Passphrase.Value = c.passphrase
			s, clock := sourceOf(l, p.cert, certificateBlock)
			clock.pass(time.Second)
			e := requireFailure(t, s)
			requireClean(t, e, c.key)
			for _, part := range c.says {
				require.ErrorContains(t, e, part)
			}
			for _, part := range c.hint {
				assert.Contains(t, e.Hint(), part)
			}
			assert.Contains(t, e.Error()+e.Hint(), certificateBlock+".")
			assert.False(t, e.Temporary(), "to ask at once again is of no use")
			assert.Zero(t, l.count(), "nothing is asked of the login host")

			// Once it is mended, it is used.
			p.write(good, pkcs1PEM(key))
			requireToken(t, s, "token-1")
		})
	}
}

func TestACertificateOfTomorrow(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	s, clock := sourceOf(l, newPair(t, certPEM(selfSigned(t, firstKey(), 30)), pkcs1PEM(firstKey())).cert, certificateBlock)
	clock.pass(-48 * time.Hour)
	e := requireFailure(t, s)
	require.ErrorContains(t, e, "is not valid before 2026-11-21T10:00:00Z")
	assert.Contains(t, e.Hint(), "clock")
	assert.Contains(t, e.Hint(), "authentication.certificate.cert_file")
	assert.Zero(t, l.count())
	clock.pass(24 * time.Hour)
	requireToken(t, s, "token-1")
}

func TestARotatedCertificateIsUsedByTheNextToken(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	before, after := selfSigned(t, firstKey(), 10), selfSigned(t, secondKey(), 300)
	p := newPair(t, certPEM(before), pkcs1PEM(firstKey()))
	s, _ := sourceOf(l, p.cert, certificateBlock)
	requireToken(t, s, "token-1")
	assert.Equal(t, before.NotAfter, s.Expires())

	// In the middle of the rotation the files do not match; the token in use serves on.
	p.write(certPEM(after), "")
	requireToken(t, s, "token-1")
	assert.Equal(t, before.NotAfter, s.Expires())
	p.write("", pkcs8PEM(t, secondKey()))
	requireToken(t, s, "token-2")
	assert.Equal(t, after.NotAfter, s.Expires())
	verify(t, l, l.requests[0], before)
	verify(t, l, l.requests[1], after)
}

func TestARefusedAssertionDoesNotShow(t *testing.T) {
	t.Parallel()
	l := newLogin(t)
	key := encryptedPEM(t, firstKey(), testPassphrase)
	p := newPair(t, certPEM(selfSigned(t, firstKey(), 30)), key)
	p.cert.Passphrase.Value = testPassphrase
	l.refuse = func(w http.ResponseWriter) {
		// A login host that repeats all that it was sent, and more.
		form := l.requests[len(l.requests)-1]
		refusal{401, "invalid_client", 700027, "What of " + form["client_assertion"] + " and " + testPassphrase + " and " + key + "?"}.write(w)
	}
	s, _ := sourceOf(l, p.cert, certificateBlock)
	e := requireFailure(t, s)
	requireClean(t, e, key)
	assert.Equal(t, 700027, e.Code)
	assert.Contains(t, e.Hint(), "authentication.certificate.cert_file")
	assert.NotContains(t, e.Error(), l.requests[0]["client_assertion"][40:60])
}
