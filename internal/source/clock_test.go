// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func TestTheClockReadsWhatParseTimeReads(t *testing.T) {
	t.Parallel()
	var c clock
	for _, text := range []string{
		"2026-01-21T14:12:34Z", "2026-01-21T14:12:00Z", "2026-01-21T14:12:59.999999999Z", "2026-01-21T14:12:60Z", "2026-01-21T14:12:5Z",
		"2026-01-21T14:12:34", "2026-01-21T14:12:34+01:00", "2026-01-21T14:12:34.Z", "2026-01-21T14:12:34.1234567Z", "2026-01-21T14:12:",
		"2026-01-21T14:12:3xZ", "2026-01-21T14:12:34.12x4Z", "2026-01-21T14:12:34.0000000001Z", "2026-01-21T14:13:34.5Z", "2026-01-31T23:59:59Z",
		"2026-02-30T00:00:00Z", "/Date(1769004754000)/", "", "Z", "2024-02-29T12:00:00Z", "2024-02-29T12:00:01.25Z", "1969-12-31T23:59:59Z",
		"2026-01-21T14:12:34,5Z", "2026-01-21T14:12:-1Z",
	} {
		want, _ := trace.ParseTime([]byte(text))
		assert.Equal(t, want, c.read([]byte(text)), text)
	}
}
