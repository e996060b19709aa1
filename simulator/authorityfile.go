// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// leastValidity is how long an authority from a file must still be valid for,
// by the real clock, to be used once more.
const leastValidity = 30 * 24 * time.Hour

// KeepAuthority returns the authority in a file, or makes one and puts it there,
// so that a simulator that is started again is trusted by those who trusted it
// before. The file has the private key in it.
func KeepAuthority(path string) (*Authority, error) {
	a, err := readAuthority(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && time.Until(a.certificate.NotAfter) < leastValidity:
		if a, err = NewAuthority(); err == nil {
			err = a.writeKeyFile(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("CA key file: %w", err)
	}
	return a, nil
}

func readAuthority(path string) (*Authority, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller does
	}
	pair, err := tls.X509KeyPair(text, text) // one file with both, in any order
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s: not a certificate authority of m365sim", path)
	}
	return &Authority{certificate: pair.Leaf, key: key}, nil
}

func (a *Authority) writeKeyFile(path string) error {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return replaceFile(path, append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), 0o600)
}

// replaceFile writes a file in one step, and leaves nothing behind if that
// fails.
func replaceFile(path string, text []byte, mode os.FileMode) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Chmod(mode)
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	return err //nolint:wrapcheck // the caller does
}
