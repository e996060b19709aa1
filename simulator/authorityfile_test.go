// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator"
)

func TestAnAuthorityIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	first, err := simulator.KeepAuthority(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	second, err := simulator.KeepAuthority(path)
	require.NoError(t, err)
	assert.Equal(t, string(first.PEM()), string(second.PEM()))

	server, err := simulator.Listen(t.Context(), hello, simulator.ListenConfig{Authority: second})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	client := trusting(t, first.Pool())
	_, err = fetch(t, client, server.URL())
	require.NoError(t, err)
	client.CloseIdleConnections()
}

func TestOthersFilesAreLeftAlone(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "precious")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := simulator.KeepAuthority(path)
	require.ErrorContains(t, err, "CA key file: "+path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(text))
	_, err = simulator.KeepAuthority(filepath.Join(folder, "no", "key.pem"))
	require.ErrorContains(t, err, "CA key file: ")
}
