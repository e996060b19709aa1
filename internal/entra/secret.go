// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// maxSecretFile bounds a secret file, in bytes. A larger file is something else.
	maxSecretFile = 64 << 10
	// maxRead bounds the reading of a file, which a network file system can delay for ever.
	maxRead = 10 * time.Second
)

// Secret is a secret given as such or as the file that holds it. White space around it and a byte order mark do not count.
type Secret struct {
	// Value is the secret; if it is empty, File is read.
	Value string
	// File is the path of a regular file of at most 64 KiB that holds nothing else.
	File string
	// Key is the configuration key of File.
	Key string
}

// Read returns the secret. A file is read again each time, so that a rotated secret is used without a restart. Errors are of
// type *Error; reading ends with ctx, and after ten seconds.
func (s Secret) Read(ctx context.Context) (string, error) {
	content := []byte(s.Value)
	if s.File != "" {
		var err error
		if content, err = readFile(ctx, s.File); err != nil {
			return "", s.unreadable(err)
		}
	}
	// No secret has NUL bytes, and text in UTF-16 is full of them.
	if bytes.IndexByte(content, 0) >= 0 {
		return "", &Error{
			Message: fmt.Sprintf("the secret from %s is in UTF-16", s.source()),
			Advice:  trouble.Advice{Hint: "save what " + s.Key + " names in UTF-8; in Windows PowerShell: Set-Content -Encoding ascii"},
		}
	}
	secret := strings.TrimSpace(strings.TrimPrefix(string(content), "\uFEFF"))
	switch {
	case secret == "" && s.File != "":
		return "", s.unreadable(errors.New("the file is empty"))
	case secret == "" && s.Value != "":
		return "", &Error{
			Message: s.source() + " has nothing but white space", Advice: trouble.Advice{Hint: "set " + s.source() + " or " + s.Key},
		}
	}
	return secret, nil
}

// empty reports whether no secret has been configured.
func (s Secret) empty() bool { return s.Value == "" && s.File == "" }

// source names where the secret comes from.
func (s Secret) source() string {
	if s.File != "" {
		return s.File
	}
	return strings.TrimSuffix(s.Key, "_file")
}

// reads joins those who read the same file at the same time, so that a file system that hangs holds one thread per file.
var reads singleflight.Group

// readFile returns the content of a regular file. Others, such as a named pipe, could keep the reader waiting.
func readFile(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxRead, errors.New("the file cannot be read within ten seconds"))
	defer cancel()
	read := reads.DoChan(path, func() (any, error) {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("the file is %s, not a regular file", kind(info.Mode()))
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
		if len(content) > maxSecretFile {
			return nil, errors.New("the file has more than 64 KiB")
		}
		return content, err
	})
	select {
	case r := <-read:
		content, _ := r.Val.([]byte)
		return content, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

func (s Secret) unreadable(err error) error {
	if withPath, ok := errors.AsType[*fs.PathError](err); ok {
		err = withPath.Err
	}
	return &Error{
		Message: fmt.Sprintf("cannot read the secret from %s: %v", s.File, err),
		Advice:  trouble.Advice{Hint: "set " + s.Key + " to a regular file that holds the secret and that the collector may read"},
	}
}

// assignment matches a line of a shell script or of an environment file.
var assignment = regexp.MustCompile(`^(export\s+|set\s+|\$env:)?[A-Za-z_]\w*\s*=\s*[^=\s]`)

// Suspicion tells what a refused secret seems to be instead of the secret alone, in words; empty if nothing is striking.
func Suspicion(secret string) string {
	switch {
	case len(secret) > 1 && strings.ContainsRune("\"'`", rune(secret[0])) && secret[0] == secret[len(secret)-1]:
		return "it is in quotes, which are part of it: leave them out"
	case assignment.MatchString(secret):
		return "it looks like NAME=value: give the value alone"
	}
	return ""
}
