// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package entra

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing writes to the named pipe, and nothing ends the device: reading either would never end.
func TestASecretFileThatWouldNeverEnd(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(pipe, link))
	for path, says := range map[string]string{
		pipe: "the file is a named pipe, not a regular file", link: "the file is a named pipe, not a regular file", "/dev/zero": "the file is a device, not a regular file",
	} {
		l := newLogin(t)
		s, _ := newSource(l, Secret{File: path, Key: testKey})
		e := requireFailure(t, s)
		require.ErrorContains(t, e, says)
		assert.Contains(t, e.Hint(), testKey)
		assert.Zero(t, l.count())
	}
}

// A file system that hangs holds up nobody longer than the context, and one thread however often it is asked.
func TestASecretFileThatHangs(t *testing.T) {
	t.Parallel()
	release, begun := make(chan struct{}), 0
	path := filepath.Join(t.TempDir(), "secret")
	hanging := reads.DoChan(path, func() (any, error) {
		begun++
		<-release
		return []byte("s3cret"), nil
	})
	s, _ := newSource(newLogin(t), Secret{File: path, Key: testKey})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Token(ctx)
		require.ErrorContains(t, requireError(t, err), "context canceled")
	}
	close(release)
	<-hanging
	assert.Equal(t, 1, begun)
	require.ErrorContains(t, requireFailure(t, s), "no such file", "it is read anew")
}
