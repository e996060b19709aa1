// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// layouts of received times. Go accepts a fraction of any length after the seconds without being told. The Reporting Web
// Service leaves the zone out in JSON light and means UTC (observed in published responses).
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05"}

// Years in which a pdata timestamp, nanoseconds since 1970 in 64 bits, can be.
const minYear, maxYear = 1970, 2261

// MaxTime is the latest received time that a row can have. The earliest one is the beginning of 1970.
var MaxTime = time.Date(maxYear+1, time.January, 1, 0, 0, 0, -1, time.UTC)

// ParseTime reads a received time as either service writes it: RFC 3339 with or without zone and with 0 to 9 fraction
// digits, or /Date(ms)/ with an optional offset, which does not move the instant. The answer is false for anything else
// and for years in which a pdata timestamp cannot be.
func ParseTime(text []byte) (time.Time, bool) {
	if t, ok := parseUTC(text); ok {
		return t, true
	}
	t, ok := parseTime(text)
	t = t.UTC()
	if !ok || t.Year() < minYear || t.Year() > maxYear {
		return time.Time{}, false
	}
	return t, true
}

func parseTime(text []byte) (time.Time, bool) {
	if rest, ok := bytes.CutPrefix(text, []byte("/Date(")); ok {
		return parseTicks(rest)
	}
	// RFC 3339 has T and Z in either case, package time does not.
	upper := string(bytes.ToUpper(text))
	for _, layout := range layouts {
		if t, err := time.Parse(layout, upper); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseUTC reads what nearly all times look like, 2006-01-02T15:04:05.9999999Z with 0 to 9 fraction digits. Each row has
// one, and time.Parse takes several times as long.
func parseUTC(text []byte) (time.Time, bool) {
	if len(text) < MinuteLength || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}
	year, month, day := decimal(text[0:4]), decimal(text[5:7]), decimal(text[8:10])
	hour, minute := decimal(text[11:13]), decimal(text[14:16])
	rest, ok := ParseSeconds(text[MinuteLength:])
	// What is no number is negative. The last days of a month are left to time.Parse, which knows how many there are.
	if !ok || year < minYear || year > maxYear || month < 1 || month > 12 || day < 1 || day > 28 ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return time.Time{}, false
	}
	minutes := int64(days(year, month, day))*24*60 + int64(hour)*60 + int64(minute)
	return time.Unix(minutes*60, int64(rest)).UTC(), true
}

// MinuteLength is the length of a time as far as its minutes, 2006-01-02T15:04:, behind which ParseSeconds goes on.
const MinuteLength = len("2006-01-02T15:04:")

// ParseSeconds reads the end of a time in UTC, 05.9999999Z with 0 to 9 fraction digits.
func ParseSeconds(text []byte) (time.Duration, bool) {
	n := len(text) - 1
	if n < 2 || text[n] != 'Z' {
		return 0, false
	}
	second, fraction := decimal(text[:2]), 0
	if n > 2 {
		digits := n - 3
		if text[2] != '.' || digits == 0 || digits > 9 {
			return 0, false
		}
		for fraction = decimal(text[3:n]); digits < 9; digits++ {
			fraction *= 10
		}
	}
	return time.Duration(second)*time.Second + time.Duration(fraction), second >= 0 && second <= 59 && fraction >= 0
}

// days counts the days since 1970 in the Gregorian calendar. A year begins in March here, so that a leap day is its last.
func days(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 719_469
}

// decimal reads digits; it is negative if there is anything else among them.
func decimal(digits []byte) (n int) {
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return -1
		}
		n = 10*n + int(c)
	}
	return n
}

// ticks matches what follows "/Date(": milliseconds since 1970 and an optional offset.
var ticks = regexp.MustCompile(`^(-?\d+)([+-]\d{4})?\)/$`)

func parseTicks(text []byte) (time.Time, bool) {
	match := ticks.FindSubmatch(text)
	if match == nil {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(string(match[1]), 10, 64)
	return time.UnixMilli(ms), err == nil
}
