// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/youmark/pkcs8"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Certificate signs in with a certificate and its private key, both in PEM.
type Certificate struct {
	// Cert is the file of the certificate; others in it are sent along as its chain.
	Cert Secret
	// Key is the file of the RSA private key: PKCS#1, PKCS#8 or encrypted PKCS#8.
	Key Secret
	// Passphrase decrypts the key. It is not read if the key is not encrypted.
	Passphrase Secret
}

func (c Certificate) read(ctx context.Context, now time.Time) (material, error) {
	certPEM, err := c.Cert.Read(ctx)
	if err != nil {
		return material{}, err
	}
	keyPEM, err := c.Key.Read(ctx)
	if err != nil {
		return material{}, err
	}
	block := privateKey([]byte(keyPEM))
	if block == nil {
		return material{}, c.Key.wrong("holds no private key in PEM", "set "+c.Key.Key+" to the private key in PEM")
	}
	var passphrase string
	if block.Type == encrypted {
		if passphrase, err = c.readPassphrase(ctx); err != nil {
			return material{}, err
		}
	}
	pair, err := pairs.get(func() (*keyPair, error) { return c.parse(certPEM, block, passphrase) }, certPEM, keyPEM, passphrase)
	if err != nil {
		return material{}, err
	}
	if err := c.checkTime(pair.chain[0], now); err != nil {
		return material{}, err
	}
	return material{
		identity: certPEM + keyPEM,
		secrets:  []string{keyPEM, passphrase},
		expires:  pair.chain[0].NotAfter,
		credential: func(cfg Config, o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(cfg.TenantID, cfg.ClientID, pair.chain, pair.key,
				&azidentity.ClientCertificateCredentialOptions{
					ClientOptions: o, DisableInstanceDiscovery: cfg.disableDiscovery(), SendCertificateChain: true,
				})
		},
	}, nil
}

// encrypted is the type of a PEM block with an encrypted key.
const encrypted = "ENCRYPTED PRIVATE KEY"

// parse returns what the files hold.
func (c Certificate) parse(certPEM string, block *pem.Block, passphrase string) (*keyPair, error) {
	key, err := c.parseKey(block, passphrase)
	if err != nil {
		return nil, err
	}
	chain, err := c.parseChain([]byte(certPEM), key)
	if err != nil {
		return nil, err
	}
	return &keyPair{chain, key}, nil
}

func (c Certificate) parseKey(block *pem.Block, passphrase string) (*rsa.PrivateKey, error) {
	var parsed any
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		return c.onlyRSA(nil)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, c.Key.wrong("is encrypted in a form that is no longer safe", "convert it: openssl pkcs8 -topk8 -in KEY -out NEW_KEY")
		}
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case encrypted:
		return c.decryptKey(block.Bytes, passphrase)
	default:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, c.Key.wrong("holds no private key that can be read", "set "+c.Key.Key+" to an RSA key in PKCS#1 or PKCS#8")
	}
	return c.onlyRSA(parsed)
}

// privateKey returns the private key of a PEM file, which may hold its certificate as well; nil if there is none.
func privateKey(text []byte) *pem.Block {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block
		}
	}
	return nil
}

func (c Certificate) readPassphrase(ctx context.Context) (string, error) {
	if c.Passphrase.empty() {
		return "", c.Key.wrong("is encrypted", "set authentication.certificate.passphrase or passphrase_file")
	}
	return c.Passphrase.Read(ctx)
}

func (c Certificate) decryptKey(der []byte, passphrase string) (*rsa.PrivateKey, error) {
	parsed, _, err := pkcs8.ParsePrivateKey(der, []byte(passphrase))
	if err != nil {
		hint := "check authentication.certificate.passphrase or passphrase_file"
		if suspicion := Suspicion(passphrase); suspicion != "" {
			hint += ": " + suspicion
		}
		return nil, c.Key.wrong("cannot be decrypted", hint)
	}
	return c.onlyRSA(parsed)
}

func (c Certificate) onlyRSA(key any) (*rsa.PrivateKey, error) {
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, c.Key.wrong("is no RSA key", "make a certificate with an RSA key: Entra takes nothing else")
}

// parseChain returns the certificates of a PEM file, that of the key first.
func (c Certificate) parseChain(text []byte, key *rsa.PrivateKey) (chain []*x509.Certificate, err error) {
	var certs []*x509.Certificate
	var leaf *x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, c.Cert.wrong("holds a certificate that cannot be read", "set "+c.Cert.Key+" to the certificate in PEM")
		}
		certs = append(certs, cert)
		// Of several certificates of the key, the one that lasts longest counts: the others are those that it renewed.
		public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if ok && public.Equal(key.Public()) && (leaf == nil || cert.NotAfter.After(leaf.NotAfter)) {
			leaf = cert
		}
	}
	switch {
	case len(certs) == 0:
		return nil, c.Cert.wrong("holds no certificate", "set "+c.Cert.Key+" to the certificate in PEM")
	case leaf == nil:
		return nil, c.Cert.wrong("does not match the private key in "+c.Key.File, "set "+c.Cert.Key+" and "+c.Key.Key+" to a pair")
	}
	return order(leaf, certs), nil
}

// order returns the chain of the leaf, each certificate before that of its issuer, as far as they are there.
func order(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for last := leaf; len(chain) <= len(certs); last = chain[len(chain)-1] {
		i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return issued(c, last) })
		if i < 0 || slices.Contains(chain, certs[i]) {
			break
		}
		chain = append(chain, certs[i])
	}
	return chain
}

// issued reports whether a certificate names the other as that of its issuer.
func issued(issuer, cert *x509.Certificate) bool {
	return bytes.Equal(issuer.RawSubject, cert.RawIssuer) &&
		(len(cert.AuthorityKeyId) == 0 || bytes.Equal(issuer.SubjectKeyId, cert.AuthorityKeyId))
}

func (c Certificate) checkTime(cert *x509.Certificate, now time.Time) error {
	const renew = "renew the certificate, upload it to the application and replace the file in "
	switch {
	case now.After(cert.NotAfter):
		return c.outOfDate("has expired on "+cert.NotAfter.UTC().Format(time.RFC3339), renew+c.Cert.Key)
	case now.Before(cert.NotBefore):
		return c.outOfDate("is not valid before "+cert.NotBefore.UTC().Format(time.RFC3339),
			"wait, set this machine's clock, or "+renew+c.Cert.Key)
	}
	return nil
}

func (c Certificate) outOfDate(what, hint string) error {
	e := c.Cert.wrong(what, hint)
	e.outOfDate = true
	return e
}

// wrong is the error of a file whose content is of no use.
func (s Secret) wrong(what, hint string) *Error {
	return &Error{Message: fmt.Sprintf("%s: the file %s %s", s.Key, s.File, what), Advice: trouble.Advice{Hint: hint}}
}
