// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSchemasAreUpToDate(t *testing.T) {
	t.Parallel()
	files, err := generate()
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s: run make generate", name)
	}
}

func TestCommentsBecomeDescriptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ comment, name, key, want string }{
		{"MinAge is how old\nmail is.\n", "MinAge", "min_age", "`min_age` is how old mail is."},
		{"Fields follow PollInterval and JobTTL.", "Fields", "fields", "`fields` follow `poll_interval` and `job_ttl`."},
		{"Of OpenTelemetry, or MaxIdleConns.", "Other", "other", "Of OpenTelemetry, or `max_idle_conns`."},
		{"Ageing of mail.", "Age", "age", "Ageing of mail."},
		{"", "Age", "age", ""},
	} {
		assert.Equal(t, test.want, described(test.comment, test.name, test.key))
	}
}
