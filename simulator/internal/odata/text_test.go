// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package odata

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStringsSurvive(t *testing.T) {
	for _, s := range []string{
		"", "plain", `"quoted" \ back`, "a\x00b\x1f\x7f\t\r\n", "🎉 \u202ertl שלום", "line\u2028sep", "\ufffd", strings.Repeat("é", 300), "<a&b>]]>",
		"12345678\x7f", "1234567\"12345678",
	} {
		for _, ascii := range []bool{false, true} {
			text := appendString(nil, s, ascii)
			var back string
			require.NoError(t, json.Unmarshal(text, &back), string(text))
			assert.Equal(t, s, back)
			if ascii {
				assert.Empty(t, strings.Trim(string(text), printable), "nothing but ASCII")
			}
		}
	}
	assert.Equal(t, "\"é🎉\x7f\"", string(AppendString(nil, "é🎉\x7f")))
	assert.Equal(t, `"\u00e9\ud83c\udf89\u007f"`, string(AppendASCII(nil, "é🎉\x7f")))
	assert.Equal(t, `"a\ufffdb\ufffd"`, string(AppendString(nil, "a\xffb\xc3")))
	assert.Equal(t, `"a\ufffdb\ufffd"`, string(AppendASCII(nil, "a\xffb\xc3")))
}

// printable are the characters of ASCII that may stand in JSON as they are.
var printable = func() string {
	var all strings.Builder
	for c := ' '; c < 0x7f; c++ {
		all.WriteRune(c)
	}
	return all.String()
}()

func FuzzString(f *testing.F) {
	f.Add("x\x00\xff\"<\U0010ffff\ufffe")
	f.Fuzz(func(t *testing.T, s string) {
		for _, ascii := range []bool{false, true} {
			var back string
			text := appendString(nil, s, ascii)
			require.True(t, utf8.Valid(text))
			require.NoError(t, json.Unmarshal(text, &back))
			require.Equal(t, strings.ToValidUTF8(s, "\ufffd") == s, back == s)
		}
	})
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]struct{ millis, ticks string }{
		"2026-01-22T12:00:00Z":           {"2026-01-22T12:00:00Z", "2026-01-22T12:00:00Z"},
		"2026-01-22T12:00:00.1Z":         {"2026-01-22T12:00:00.1Z", "2026-01-22T12:00:00.1Z"},
		"2026-01-22T12:00:00.001Z":       {"2026-01-22T12:00:00.001Z", "2026-01-22T12:00:00.001Z"},
		"2026-01-22T12:00:00.12Z":        {"2026-01-22T12:00:00.12Z", "2026-01-22T12:00:00.12Z"},
		"2026-01-22T12:00:00.0000001Z":   {"2026-01-22T12:00:00Z", "2026-01-22T12:00:00.0000001Z"},
		"2026-12-31T23:59:59.999999999Z": {"2026-12-31T23:59:59.999Z", "2026-12-31T23:59:59.9999999Z"},
		"2026-01-22T14:00:00.500+02:00":  {"2026-01-22T12:00:00.5Z", "2026-01-22T12:00:00.5Z"},
		"0001-01-01T00:00:00Z":           {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		assert.Equal(t, want.millis, string(AppendTime(nil, at, time.Millisecond, "Z")))
		assert.Equal(t, want.ticks, string(AppendTime(nil, at, 100, "Z")))
	}
	assert.Equal(t, "2026-01-22T12:00:00", string(AppendTime(nil, time.Date(2026, 1, 22, 12, 0, 0, 0, time.UTC), 100, "")))
}
