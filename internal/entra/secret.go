// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSecretFile bounds a secret file, in bytes. A larger file is something else.
const maxSecretFile = 64 << 10

// Secret is a secret given as such or as the file that holds it.
type Secret struct {
	// Value is the secret; if it is empty, File is read.
	Value string
	// File is the path of a file that holds nothing else. White space around the secret and a byte order mark do not count.
	File string
	// Key is the configuration key of File.
	Key string
}

// Read returns the secret. A file is read anew each time, so that a rotated secret is used without a restart.
func (s Secret) Read() (string, error) {
	if s.File == "" {
		return s.Value, nil
	}
	f, err := os.Open(s.File)
	if err != nil {
		return "", s.unreadable(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", s.unreadable(err)
	}
	secret := strings.TrimSpace(strings.TrimPrefix(string(content), "\uFEFF"))
	switch {
	case len(content) > maxSecretFile:
		return "", s.unreadable(errors.New("the file has more than 64 KiB"))
	case secret == "":
		return "", s.unreadable(errors.New("the file is empty"))
	}
	return secret, nil
}

func (s Secret) unreadable(err error) error {
	if withPath, ok := errors.AsType[*fs.PathError](err); ok {
		err = withPath.Err
	}
	return &Error{
		Message: fmt.Sprintf("cannot read the secret from %s: %v", s.File, err),
		Advice:  "set " + s.Key + " to a file that holds the secret and that the collector may read",
	}
}
