// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package timeexpr_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/timeexpr"
)

// now is a Tuesday in UTC, 2026-03-31T10:45:50.7Z, and already Wednesday where it is given.
var now = time.Date(2026, time.April, 1, 1, 45, 50, 700_000_000, time.FixedZone("", 15*60*60))

func parse(tb testing.TB, text string) timeexpr.Expr {
	tb.Helper()
	e, err := timeexpr.Parse(text)
	require.NoError(tb, err)
	return e
}

func TestAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"now", "2026-03-31T10:45:50Z"},
		{"now@h", "2026-03-31T10:00:00Z"},
		// Offsets.
		{"-0s", "2026-03-31T10:45:50Z"},
		{"-30s", "2026-03-31T10:45:20Z"},
		{"+30s", "2026-03-31T10:46:20Z"},
		{"30s", "2026-03-31T10:46:20Z"},
		{"-007m", "2026-03-31T10:38:50Z"},
		{"-3h", "2026-03-31T07:45:50Z"},
		{"-36h", "2026-03-29T22:45:50Z"},
		{"+1d", "2026-04-01T10:45:50Z"},
		{"-2w", "2026-03-17T10:45:50Z"},
		{"-1y", "2025-03-31T10:45:50Z"},
		{"-1q", "2025-12-31T10:45:50Z"},
		// Months keep the day or take the last one.
		{"-1mon", "2026-02-28T23:59:59Z"},
		{"-25mon", "2024-02-29T23:59:59Z"},
		{"+1mon", "2026-04-30T23:59:59Z"},
		{"-2mon", "2026-01-31T10:45:50Z"},
		{"-3mon", "2025-12-31T10:45:50Z"},
		{"+2q", "2026-09-30T23:59:59Z"},
		// Snapping, after the offset.
		{"@s", "2026-03-31T10:45:50Z"},
		{"@m", "2026-03-31T10:45:00Z"},
		{"@h", "2026-03-31T10:00:00Z"},
		{"@d", "2026-03-31T00:00:00Z"},
		{"@mon", "2026-03-01T00:00:00Z"},
		{"@q", "2026-01-01T00:00:00Z"},
		{"@y", "2026-01-01T00:00:00Z"},
		{"-3h@h", "2026-03-31T07:00:00Z"},
		{"-2h@h", "2026-03-31T08:00:00Z"},
		{"-46m@h", "2026-03-31T09:00:00Z"},
		{"-1mon@mon", "2026-02-01T00:00:00Z"},
		{"-1q@q", "2025-10-01T00:00:00Z"},
		{"+8mon@q", "2026-10-01T00:00:00Z"},
		{"-4mon@y", "2025-01-01T00:00:00Z"},
		// It is Tuesday.
		{"@w", "2026-03-29T00:00:00Z"},
		{"@w0", "2026-03-29T00:00:00Z"},
		{"@w1", "2026-03-30T00:00:00Z"},
		{"@w2", "2026-03-31T00:00:00Z"},
		{"@w3", "2026-03-25T00:00:00Z"},
		{"@w6", "2026-03-28T00:00:00Z"},
		{"@w7", "2026-03-29T00:00:00Z"},
		{"-1w@w1", "2026-03-23T00:00:00Z"},
		{"-30d@w1", "2026-02-23T00:00:00Z"},
		// Names of units.
		{"-1sec@second", "2026-03-31T10:45:49Z"},
		{"-2minutes@min", "2026-03-31T10:43:00Z"},
		{"-2hrs@hour", "2026-03-31T08:00:00Z"},
		{"-1day@days", "2026-03-30T00:00:00Z"},
		{"-1week@weeks", "2026-03-22T00:00:00Z"},
		{"-1month@months", "2026-02-01T00:00:00Z"},
		{"-1quarter@qtr", "2025-10-01T00:00:00Z"},
		{"-2years@yr", "2024-01-01T00:00:00Z"},
		// The most that there may be.
		{"-3153600000s", "1926-04-25T10:45:50Z"},
		{"+100y", "2126-03-31T10:45:50Z"},
		{"-1200mon", "1926-03-31T10:45:50Z"},
	} {
		e := parse(t, tt.text)
		assert.Equal(t, tt.want, e.At(now).Format(time.RFC3339Nano), tt.text)
		assert.Equal(t, time.UTC, e.At(now).Location(), tt.text)
		assert.False(t, e.Absolute(), tt.text)
		assert.Equal(t, tt.text, e.String())
	}
}

func TestBoundsNeverMoveBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-1mon", "-1q", "-1y", "-1mon@d", "-1mon@mon", "-1q@q", "-1w@w1", "-3h@h", "now"} {
		e, before := parse(t, text), time.Time{}
		for at := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2026; at = at.Add(5 * time.Hour) {
			bound := e.At(at)
			assert.False(t, bound.Before(before), "%s at %s", text, at)
			before = bound
		}
	}
}

func TestLeapDay(t *testing.T) {
	t.Parallel()
	leapDay := time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"-1y": "2023-02-28T23:59:59Z", "+4y": "2028-02-29T12:00:00Z", "-1mon": "2024-01-29T12:00:00Z", "@mon": "2024-02-01T00:00:00Z",
	} {
		assert.Equal(t, want, parse(t, text).At(leapDay).Format(time.RFC3339), text)
	}
}

func TestAbsolute(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1720533360":                "2024-07-09T13:56:00Z",
		"1720533360.000":            "2024-07-09T13:56:00Z",
		"9999999999":                "2286-11-20T17:46:39Z",
		"2026-01-31T08:00:00Z":      "2026-01-31T08:00:00Z",
		"2026-01-31T08:00:00.000Z":  "2026-01-31T08:00:00Z",
		"2026-01-31T00:30:00+01:00": "2026-01-30T23:30:00Z",
		"0001-01-01T00:00:00Z":      "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z":      "9999-12-31T23:59:59Z",
	} {
		e := parse(t, text)
		assert.True(t, e.Absolute(), text)
		assert.Equal(t, want, e.At(now).Format(time.RFC3339Nano), text)
		assert.Equal(t, e.At(now), e.At(time.Time{}), text)
		assert.Equal(t, text, e.String())
	}
}

func TestZeroValueIsABoundThatIsNotSet(t *testing.T) {
	t.Parallel()
	var e timeexpr.Expr
	assert.False(t, e.Absolute())
	assert.Empty(t, e.String())
	assert.Equal(t, "2026-03-31T10:45:50Z", e.At(now).Format(time.RFC3339Nano))
	assert.NotEqual(t, e, parse(t, "now"))
	again := parse(t, "-3h@h")
	assert.Equal(t, parse(t, "-3h@h"), again)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const (
		useUnits = "use s, m, h, d, w, mon, q or y"
		useForms = "use a relative time such as -3h@h, seconds since 1970 such as 1720533360, or RFC 3339 such as 2026-01-31T08:00:00Z"
		zone     = "is no date and time of RFC 3339 with a zone"
	)
	for text, want := range map[string]string{
		"":                          `"" is no time; ` + useForms,
		" now":                      `" now" is no time; ` + useForms,
		"NOW":                       `is no time`,
		"yesterday":                 `is no time`,
		"-":                         `is no time`,
		"--3h":                      `is no time`,
		"-h":                        `is no time`,
		"-3h@h@d":                   `snaps to the unknown unit "h@d"`,
		"-3":                        `"-3" has no unit; ` + useUnits,
		"-3@h":                      `"-3@h" has no unit; ` + useUnits,
		"-3x":                       `"-3x" has the unknown unit "x"; ` + useUnits,
		"-3H":                       `has the unknown unit "H"`,
		"-3 h":                      `has the unknown unit " h"`,
		"-1.5h":                     `has the unknown unit ".5h"`,
		"-3h-1m":                    `has the unknown unit "h-1m"`,
		"-1w1":                      `has the unknown unit "w1"`,
		"@":                         `"@" snaps to the unknown unit ""; ` + useUnits + ", or w0 to w6 for Sunday to Saturday",
		"-3h@":                      `snaps to the unknown unit ""`,
		"@2h":                       `snaps to the unknown unit "2h"`,
		"@w8":                       `snaps to the unknown unit "w8"`,
		"@week1":                    `snaps to the unknown unit "week1"`,
		"-101y":                     `"-101y" is more than 100 years away`,
		"+1201mon":                  `is more than 100 years away`,
		"+401q":                     `is more than 100 years away`,
		"-3153600001s":              `is more than 100 years away`,
		"-9223372036854775808s":     `is more than 100 years away`,
		"-99999999999999999999999d": `is more than 100 years away`,
		"1720533360000":             `"1720533360000" has 13 digits, which are milliseconds; use seconds: 1720533360`,
		"1720533360000.5":           `use seconds: 1720533360`,
		"1720533360.5":              `"1720533360.5" has a fraction of a second; use whole seconds`,
		"300":                       `"300" has no unit and is not the 10 digits of seconds since 1970; ` + useForms,
		"0172053336":                `is not the 10 digits of seconds`,
		"17205333600":               `is not the 10 digits of seconds`,
		"1720533360.":               `has the unknown unit "."`,
		"-3153600000":               `has no unit`,
		"2026-01-31":                zone,
		"2026-01-31T08:00:00":       zone,
		"2026-01-31 08:00:00Z":      zone,
		"2026-02-30T08:00:00Z":      zone,
		"12026-01-31T08:00:00Z":     zone,
		"2026-01-31T08:00:00.5Z":    `has a fraction of a second; use whole seconds`,
		"0000-01-01T00:00:00Z":      `is, in UTC, not in the years 1 to 9999`,
		"0001-01-01T00:30:00+01:00": `is, in UTC, not in the years 1 to 9999`,
		"9999-12-31T23:30:00-01:00": `is, in UTC, not in the years 1 to 9999`,
	} {
		e, err := timeexpr.Parse(text)
		require.ErrorContains(t, err, want, text)
		assert.Equal(t, timeexpr.Expr{}, e, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "now", "now@h", "-3h@h", "+1d", "@w1", "-1mon@mon", "-1q@y", "-100y", "1720533360", "1720533360.0", "2026-01-31T08:00:00+01:00",
	} {
		f.Add(text, uint32(1_775_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, seconds uint32) {
		e, err := timeexpr.Parse(text)
		if err != nil {
			assert.Equal(t, timeexpr.Expr{}, e)
			return
		}
		assert.Equal(t, text, e.String())
		assert.Equal(t, e, parse(t, e.String()))
		when := time.Unix(int64(seconds), 999).UTC()
		got := e.At(when)
		assert.Equal(t, got, e.At(when))
		assert.Zero(t, got.Nanosecond())
		assert.True(t, 1 <= got.Year() && got.Year() <= 9999, got)
		if offset, _, found := strings.Cut(text, "@"); found {
			assert.False(t, got.After(parse(t, cmp.Or(offset, "now")).At(when)), "snapping goes back")
		}
	})
}
