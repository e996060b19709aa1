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

// ParseTime reads a received time as either service writes it: RFC 3339 with or without zone and with 0 to 9 fraction
// digits, or /Date(ms)/ with an optional offset, which does not move the instant. The answer is false for anything else
// and for years in which a pdata timestamp, nanoseconds since 1970 in 64 bits, cannot be.
func ParseTime(text []byte) (time.Time, bool) {
	t, ok := parseTime(text)
	t = t.UTC()
	if !ok || t.Year() < 1970 || t.Year() > 2261 {
		return time.Time{}, false
	}
	return t, true
}

func parseTime(text []byte) (time.Time, bool) {
	if rest, ok := bytes.CutPrefix(text, []byte("/Date(")); ok {
		return parseTicks(rest)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(text)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
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
