// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package timeexpr

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxYears is the greatest offset, in years. It is far beyond what any service keeps, and far from overflowing.
const maxYears = 100

// unitNames are the names of the units, the first of each as the errors write it.
var unitNames = map[unit][]string{
	second:  {"s", "sec", "secs", "second", "seconds"},
	minute:  {"m", "min", "mins", "minute", "minutes"},
	hour:    {"h", "hr", "hrs", "hour", "hours"},
	day:     {"d", "day", "days"},
	week:    {"w", "wk", "wks", "week", "weeks"},
	month:   {"mon", "mons", "month", "months"},
	quarter: {"q", "qtr", "qtrs", "quarter", "quarters"},
	year:    {"y", "yr", "yrs", "year", "years"},
}

var units = func() map[string]unit {
	all := map[string]unit{}
	for u, names := range unitNames {
		for _, name := range names {
			all[name] = u
		}
	}
	return all
}()

// ShortUnit returns the short name of a unit, such as m for min and minutes.
func ShortUnit(name string) (short string, known bool) {
	u, known := units[name]
	if !known {
		return "", false
	}
	return unitNames[u][0], true
}

const (
	useUnits = "use s, m, h, d, w, mon, q or y"
	useForms = "use a relative time such as -3h@h, seconds since 1970 such as 1720533360, or RFC 3339 such as 2026-01-31T08:00:00Z"
)

var (
	date     = regexp.MustCompile(`^\d+-\d+-\d+`)
	number   = regexp.MustCompile(`^(\d+)(?:\.(\d+))?$`)
	relative = regexp.MustCompile(`^(?:now|([+-]?)(\d+)([^@]*))?(?:@(.*))?$`)
)

// Parse reads a bound. Its errors begin with the text, quoted, and end with what to write instead.
func Parse(text string) (Expr, error) {
	if date.MatchString(text) {
		return parseDate(text)
	}
	if match := number.FindStringSubmatch(text); match != nil {
		return parseEpoch(text, match[1], match[2])
	}
	if match := relative.FindStringSubmatch(text); match != nil && text != "" {
		return parseRelative(text, match)
	}
	return Expr{}, fmt.Errorf("%q is no time; %s", text, useForms)
}

func parseDate(text string) (Expr, error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return Expr{}, fmt.Errorf("%q is no date and time of RFC 3339 with a zone; write it like 2026-01-31T08:00:00Z or "+
			"2026-01-31T08:00:00+01:00", text)
	}
	t = t.UTC()
	if t.Nanosecond() != 0 {
		return Expr{}, fmt.Errorf("%q has a fraction of a second; use whole seconds", text)
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return Expr{}, fmt.Errorf("%q is, in UTC, not in the years 1 to 9999", text)
	}
	return Expr{text: text, absolute: true, epoch: t.Unix()}, nil
}

func parseEpoch(text, whole, fraction string) (Expr, error) {
	switch {
	case len(whole) == 13:
		return Expr{}, fmt.Errorf("%q has 13 digits, which are milliseconds; use seconds: %s", text, whole[:10])
	case len(whole) != 10 || whole[0] == '0':
		return Expr{}, fmt.Errorf("%q has no unit and is not the 10 digits of seconds since 1970; %s", text, useForms)
	case strings.Trim(fraction, "0") != "":
		return Expr{}, fmt.Errorf("%q has a fraction of a second; use whole seconds", text)
	}
	epoch, err := strconv.ParseInt(whole, 10, 64)
	return Expr{text: text, absolute: true, epoch: epoch}, err
}

// parseRelative reads what matches relative: sign, number, unit, and what to snap to.
func parseRelative(text string, match []string) (Expr, error) {
	e := Expr{text: text}
	sign, digits, name, snap := match[1], match[2], match[3], match[4]
	if digits != "" {
		unit, ok := units[name]
		switch {
		case name == "":
			return Expr{}, fmt.Errorf("%q has no unit; %s", text, useUnits)
		case !ok:
			return Expr{}, fmt.Errorf("%q has the unknown unit %q; %s", text, name, useUnits)
		}
		count, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || count > most(unit) {
			return Expr{}, fmt.Errorf("%q is more than %d years away", text, maxYears)
		}
		if sign == "-" {
			count = -count
		}
		e.count, e.unit = count, unit
	}
	if !strings.Contains(text, "@") {
		return e, nil
	}
	if len(snap) == 2 && snap[0] == 'w' && '0' <= snap[1] && snap[1] <= '7' {
		e.snap, e.weekday = week, time.Weekday(snap[1]-'0')%7
		return e, nil
	}
	unit, ok := units[snap]
	if !ok {
		return Expr{}, fmt.Errorf("%q snaps to the unknown unit %q; %s, or w0 to w6 for Sunday to Saturday", text, snap, useUnits)
	}
	e.snap = unit
	return e, nil
}

// most is how many of a unit an offset may have.
func most(u unit) int64 {
	if months[u] > 0 {
		return maxYears * 12 / months[u]
	}
	return int64(maxYears * 365 * oneDay / lengths[u])
}
