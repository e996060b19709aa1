// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

func at(nanoseconds int) time.Time {
	return time.Date(2026, time.January, 21, 14, 12, 34, nanoseconds, time.UTC)
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-21T14:12:34Z":            at(0),
		"2026-01-21T14:12:34.1Z":          at(100_000_000),
		"2026-01-21T14:12:34.12Z":         at(120_000_000),
		"2026-01-21T14:12:34.123Z":        at(123_000_000),
		"2026-01-21T14:12:34.1234Z":       at(123_400_000),
		"2026-01-21T14:12:34.12345Z":      at(123_450_000),
		"2026-01-21T14:12:34.123456Z":     at(123_456_000),
		"2026-01-21T14:12:34.1234567Z":    at(123_456_700),
		"2026-01-21T14:12:34.12345678Z":   at(123_456_780),
		"2026-01-21T14:12:34.123456789Z":  at(123_456_789),
		"2026-01-21T14:12:34":             at(0),
		"2026-01-21T14:12:34.5":           at(500_000_000),
		"2026-01-21T14:12:34.1234567":     at(123_456_700),
		"2026-01-21T14:12:34.123456789":   at(123_456_789),
		"2026-01-21T15:12:34+01:00":       at(0),
		"2026-01-21t14:12:34z":            at(0),
		"2026-01-21t14:12:34.5":           at(500_000_000),
		"2026-01-21T14:12:34.1234567890Z": at(123_456_789),
		"2026-01-21T06:42:34.25-07:30":    at(250_000_000),
		"2026-01-22T04:12:34+14:00":       at(0),
		"2026-01-21T14:12:34+00:00":       at(0),
		"/Date(1769004754000)/":           at(0),
		"/Date(1769004754123)/":           at(123_000_000),
		"/Date(1769004754123+0200)/":      at(123_000_000),
		"/Date(1769004754123-0730)/":      at(123_000_000),
		"/Date(1769004754123+0000)/":      at(123_000_000),
		"/Date(0)/":                       time.Unix(0, 0).UTC(),
		"1970-01-01T00:00:00Z":            time.Unix(0, 0).UTC(),
		"1969-12-31T23:00:00-01:00":       time.Unix(0, 0).UTC(),
		"2000-02-29T00:00:00Z":            time.Date(2000, time.February, 29, 0, 0, 0, 0, time.UTC),
		"2261-12-31T23:59:59.999999999Z":  time.Date(2261, time.December, 31, 23, 59, 59, 999_999_999, time.UTC),
		"2262-01-01T00:59:59+01:00":       time.Date(2261, time.December, 31, 23, 59, 59, 0, time.UTC),
		"/Date(9214646399999)/":           time.Date(2261, time.December, 31, 23, 59, 59, 999_000_000, time.UTC),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, ok := trace.ParseTime([]byte(text))
			assert.True(t, ok)
			assert.Equal(t, want, got)
		})
	}
}

func TestParseTimeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"",
		" ",
		"null",
		"today",
		"1769004754",
		"2026-01-21",
		"2026-01-21 14:12:34Z",
		"2026-01-21T14:12Z",
		"2026-01-21T14:12:34Z ",
		" 2026-01-21T14:12:34Z",
		"2026-01-21T14:12:34.Z",
		"2026-01-21T14:12:34+0100",
		"2026-02-30T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-01-21T24:00:00Z",
		"2026-01-21T14:60:00Z",
		"2026-01-21T14:12:61Z",
		"２０２６-01-21T14:12:34Z",
		// Out of what nanoseconds since 1970 can say.
		"1969-12-31T23:59:59.999999999Z",
		"1970-01-01T00:00:00+00:01",
		"0001-01-01T00:00:00Z",
		"0001-01-01T00:00:00",
		"2262-01-01T00:00:00Z",
		"2261-12-31T23:30:00-01:00",
		"9999-12-31T23:59:59.9999999Z",
		"/Date(-1)/",
		"/Date(-62135596800000)/",
		"/Date(9214646400000)/",
		"/Date(253402300799999)/",
		"/Date(9223372036854775807)/",
		"/Date(-9223372036854775808)/",
		"/Date(9223372036854775808)/",
		"/Date()/",
		"/Date(+)/",
		"/Date(1769004754000",
		"/Date(1769004754000)",
		"/Date(1769004754000)/ ",
		"/Date(1769004754000.5)/",
		"/Date(1769004754000+02)/",
		"/Date(1769004754000+zulu)/",
		"/Date(1769004754000-)/",
		"/Date(1769-0047-54000)/",
		"Date(1769004754000)",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, ok := trace.ParseTime([]byte(text))
			assert.False(t, ok)
			assert.Zero(t, got)
		})
	}
}

// Not parallel: it moves the machine to other time zones.
func TestParseTimeDoesNotDependOnTheMachine(t *testing.T) {
	home := time.Local
	t.Cleanup(func() { time.Local = home })
	for _, hours := range []int{-12, 0, 14} {
		time.Local = time.FixedZone("elsewhere", hours*3600)
		t.Run(fmt.Sprintf("UTC%+d", hours), func(t *testing.T) {
			for _, text := range []string{"/Date(0)/", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00"} {
				got, ok := trace.ParseTime([]byte(text))
				assert.True(t, ok, text)
				assert.Equal(t, time.Unix(0, 0).UTC(), got, text)
			}
			_, ok := trace.ParseTime([]byte("/Date(9214646400000)/"))
			assert.False(t, ok, "2262 in UTC, whatever the year is here")
		})
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{
		"2026-01-21T14:12:34Z", "2026-01-21T14:12:34.1234567", "2026-01-21T15:12:34.5+01:00", "1970-01-01T00:00:00+14:00",
		"2261-12-31T23:59:59-14:00", "/Date(1769004754123)/", "/Date(-1)/", "/Date(1769004754123+0200)/", "/Date(", "", "T",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := trace.ParseTime(text)
		if !ok {
			assert.Zero(t, got)
			return
		}
		assert.Equal(t, time.UTC, got.Location())
		assert.GreaterOrEqual(t, got.Year(), 1970)
		assert.LessOrEqual(t, got.Year(), 2261)
		assert.Equal(t, got, time.Unix(0, got.UnixNano()).UTC(), "the time must survive as nanoseconds since 1970")
		again, ok := trace.ParseTime([]byte(got.Format(time.RFC3339Nano)))
		assert.True(t, ok)
		assert.Equal(t, got, again)
	})
}

// Most times are read without time.Parse. They must come out the same.
func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for day := time.Date(1970, time.January, 1, 23, 59, 58, 1, time.UTC); day.Year() < 2262; day = day.Add(7*24*time.Hour + 12*time.Hour + 61*time.Second + 987654321) {
		for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000Z07:00", time.RFC3339Nano} {
			text := day.Format(layout)
			want, err := time.Parse(time.RFC3339, text)
			require.NoError(t, err)
			got, ok := trace.ParseTime([]byte(text))
			require.True(t, ok, text)
			require.Equal(t, want, got, text)
		}
	}
}
