// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"sync"
	"weak"
)

// keyPair is a certificate with its chain and its private key.
type keyPair struct {
	chain []*x509.Certificate
	key   *rsa.PrivateKey
}

// parsed knows the pairs that are in use, by the hash of the texts that they were parsed from. Files are read for every
// token, and one application may sign in to hundreds of tenants, while to decrypt a key takes up to a tenth of a second.
type parsed struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]weak.Pointer[keyPair]
}

// pairs are those of all receivers in this process.
var pairs = &parsed{known: map[[sha256.Size]byte]weak.Pointer[keyPair]{}}

// get returns what parse makes of the texts, or has made of the same ones. Errors are not kept.
func (p *parsed) get(parse func() (*keyPair, error), texts ...string) (*keyPair, error) {
	hash := sha256.New()
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		_, _ = hash.Write(sum[:])
	}
	key := [sha256.Size]byte(hash.Sum(nil))
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.known[key].Value(); known != nil {
		return known, nil
	}
	made, err := parse()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(p.known, func(_ [sha256.Size]byte, each weak.Pointer[keyPair]) bool { return each.Value() == nil })
	p.known[key] = weak.Make(made)
	return made, nil
}
