// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
)

// today is when the clock of newSource begins.
var today = time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)

// The keys of the tests take time to make.
var (
	firstKey  = sync.OnceValue(newKey)
	secondKey = sync.OnceValue(newKey)
	ecKey     = sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// issue makes a certificate of a public key that is valid from a day ago for some days. Without an issuer it is signed
// with key itself.
func issue(tb testing.TB, name string, key crypto.Signer, issuer *x509.Certificate, signer crypto.Signer, days int) *x509.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: today.AddDate(0, 0, -1), NotAfter: today.AddDate(0, 0, days), IsCA: true, BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	require.NoError(tb, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return cert
}

func selfSigned(tb testing.TB, key crypto.Signer, days int) *x509.Certificate {
	tb.Helper()
	return issue(tb, "o365messagetrace", key, nil, nil, days)
}

func certPEM(certs ...*x509.Certificate) string {
	var text strings.Builder
	for _, cert := range certs {
		text.WriteString(block("CERTIFICATE", cert.Raw))
	}
	return text.String()
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs1PEM(key *rsa.PrivateKey) string {
	return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func pkcs8PEM(tb testing.TB, key any) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(tb, err)
	return block("PRIVATE KEY", der)
}

func encryptedPEM(t *testing.T, key any, passphrase string) string {
	t.Helper()
	der, err := pkcs8.MarshalPrivateKey(key, []byte(passphrase), nil)
	require.NoError(t, err)
	return block("ENCRYPTED PRIVATE KEY", der)
}

// pair is a certificate and its key in files.
type pair struct {
	tb   testing.TB
	cert Certificate
}

const certificateBlock = "authentication.certificate"

// newPair writes the files; an empty text leaves one out.
func newPair(tb testing.TB, cert, key string) *pair {
	tb.Helper()
	folder := tb.TempDir()
	p := &pair{tb, Certificate{
		Cert:       Secret{File: filepath.Join(folder, "cert.pem"), Key: certificateBlock + ".cert_file"},
		Key:        Secret{File: filepath.Join(folder, "key.pem"), Key: certificateBlock + ".key_file"},
		Passphrase: Secret{Key: certificateBlock + ".passphrase_file"},
	}}
	p.write(cert, key)
	return p
}

func (p *pair) write(cert, key string) {
	p.tb.Helper()
	for file, text := range map[string]string{p.cert.Cert.File: cert, p.cert.Key.File: key} {
		if text != "" {
			require.NoError(p.tb, os.WriteFile(file, []byte(text), 0o600))
		}
	}
}

// source signs in at l with a credential.
func sourceOf(l *login, credential Credential, block string) (*TokenSource, *clock) {
	s, c := newSource(l, Secret{})
	s.cfg.Credential, s.cfg.Block = credential, block
	return s, c
}

// verify sees that the form signs in with a certificate, and returns the chain that came along.
func verify(t *testing.T, l *login, form map[string]string, cert *x509.Certificate) (x5c [][]byte) {
	t.Helper()
	assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form["client_assertion_type"])
	assert.Equal(t, "client_credentials", form["grant_type"])
	assert.Equal(t, testClient, form["client_id"])
	assert.Empty(t, form["client_secret"])
	parts := strings.Split(form["client_assertion"], ".")
	require.Len(t, parts, 3)
	var header struct {
		Alg, Typ string
		X5t      string
		X5t256   string `json:"x5t#S256"`
		X5c      [][]byte
	}
	var claims struct {
		Aud, Iss, Sub, Jti string
		Nbf, Exp           int64
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	public := cert.PublicKey.(*rsa.PublicKey)
	switch header.Alg {
	case "PS256":
		require.NoError(t, rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, nil))
	case "RS256":
		require.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature))
	default:
		require.Fail(t, "unknown algorithm "+header.Alg)
	}
	plain := strings.NewReplacer("+", "-", "/", "_", "=", "")
	new256, old := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
	if header.X5t256 != "" {
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(new256[:]), plain.Replace(header.X5t256))
	} else {
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(old[:]), plain.Replace(header.X5t))
	}
	assert.Equal(t, "JWT", header.Typ)
	assert.Equal(t, l.URL+"/"+testTenant+"/oauth2/v2.0/token", claims.Aud)
	assert.Equal(t, []string{testClient, testClient}, []string{claims.Iss, claims.Sub})
	assert.NotEmpty(t, claims.Jti)
	assert.InDelta(t, time.Now().Unix(), claims.Nbf, 300)
	assert.WithinDuration(t, time.Now().Add(10*time.Minute), time.Unix(claims.Exp, 0), 10*time.Minute)
	return header.X5c
}
