// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package simulatortest_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/simulatortest"
)

const cases = "../../testdata/service"

// Every case is a response, whatever its times, and is explained.
func TestCases(t *testing.T) {
	files, err := filepath.Glob(cases + "/F*")
	require.NoError(t, err)
	require.Len(t, files, 40)
	explained, err := os.ReadFile(cases + "/README.md")
	require.NoError(t, err)
	for _, file := range files {
		name := filepath.Base(file)
		text := simulatortest.Case(t, name, time.Date(2027, 3, 1, 0, 0, 7, 0, time.UTC))
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
		require.NoError(t, err, name)
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // says so too if the body is too short
		if name == "F21-200-cut-connection.http" {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		} else {
			require.NoError(t, err, name)
			assert.Equal(t, int64(len(body)), response.ContentLength, name)
		}
		assert.NotContains(t, string(body), "2026-10-01T10:00:00", name)
		group, _, _ := strings.Cut(name, "-")
		assert.Contains(t, string(explained), "`"+group+"-", name)
	}
}

func TestCasesAreMoved(t *testing.T) {
	text := simulatortest.Case(t, "F44-dates.json", time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC), "contoso", "fabrikam")
	for _, want := range []string{
		"2026-11-22T12:00:00Z", "2026-11-22T12:00:00.0480000Z", `2026-11-22T12:00:00"`, "2026-11-22T14:00:00+02:00", "2026-10-01T10.00.00Z",
		"01/10/2026 10:00:00", "2026-10-01T10:00:60Z", "/Date(1795348800000)/", "ann@fabrikam.example",
	} {
		assert.Contains(t, text, want)
	}
	assert.Contains(t, simulatortest.Case(t, "F29-token-53003.http", time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)), "Timestamp: 2026-11-22 12:00:00Z")
}
