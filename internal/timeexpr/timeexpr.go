// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package timeexpr reads the bounds of a date range. A bound is one of
//
//	now                          the instant itself
//	[+|-]<n><unit>[@<unit>]      so much later or earlier, then back to the beginning of the unit: -3h@h, -1mon@mon, +1d
//	@<unit>                      back to the beginning of the unit: @d, @w1
//	<10 digits>                  seconds since 1970: 1720533360
//	<RFC 3339>                   2026-01-31T08:00:00Z, 2026-01-31T08:00:00+01:00
//
// The units are s, m, h, d, w, mon, q and y, each also with its usual longer names (sec, minutes, hr, day, …), in lower
// case. Without a sign, the time is later. All is reckoned in UTC, so that a day always has 24 hours.
//
// The offset comes first and the snapping second, and snapping only ever goes back. @w and @w0 snap to Sunday, @w1 to
// Monday and so on to @w6; @w7 is Sunday as well. Months, quarters and years keep the day of the month, or take the last
// second of a shorter month: on 31 March, -1mon is the end of February, so that no bound moves back as time goes on.
//
// Bounds are whole seconds. A fraction of a second other than zero is an error: dropping it would move the bound.
// The package is pure: it has no clock of its own.
package timeexpr

import "time"

// Expr is a bound of a date range. Exprs can be compared; the same text gives the same Expr. The zero value stands for a
// bound that is not set.
type Expr struct {
	text string

	// An absolute bound has only these: whether it is one, and its seconds since 1970.
	absolute bool
	epoch    int64

	// A relative bound has an offset, count times unit, and then snaps.
	count   int64
	unit    unit
	snap    unit
	weekday time.Weekday
}

// unit is a unit of time; the zero value is none.
type unit int

const (
	none unit = iota
	second
	minute
	hour
	day
	week
	month
	quarter
	year
)

const (
	oneDay  = 24 * time.Hour
	oneWeek = 7 * oneDay
)

// lengths are those of the units that always have the same.
var lengths = [...]time.Duration{second: time.Second, minute: time.Minute, hour: time.Hour, day: oneDay, week: oneWeek, year: 0}

// months are how many months the other units have.
var months = [...]int64{month: 1, quarter: 3, year: 12}

// Absolute reports whether the bound is the same instant whatever the time is.
func (e Expr) Absolute() bool {
	return e.absolute
}

// String returns the bound as it was written, and nothing for the zero value.
func (e Expr) String() string {
	return e.text
}

// At returns the instant of the bound at the given time, in UTC and whole seconds. A bound that is not set is that time.
func (e Expr) At(now time.Time) time.Time {
	if e.absolute {
		return time.Unix(e.epoch, 0).UTC()
	}
	return e.snapped(e.moved(now.UTC().Truncate(time.Second)))
}

// moved adds the offset.
func (e Expr) moved(t time.Time) time.Time {
	if months[e.unit] == 0 {
		return t.Add(time.Duration(e.count) * lengths[e.unit])
	}
	y, m, d := t.Date()
	m += time.Month(e.count * months[e.unit])
	// The last second of the month.
	last := time.Date(y, m+1, 1, 0, 0, -1, 0, time.UTC)
	if d > last.Day() {
		// Not the same time of its last day: the bound must not move back at the end of that day.
		return last
	}
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// snapped goes back to the beginning of the unit to snap to.
func (e Expr) snapped(t time.Time) time.Time {
	y, m, d := t.Date()
	switch e.snap {
	case none, second:
		return t
	case minute, hour:
		return t.Truncate(lengths[e.snap])
	case week:
		d -= (int(t.Weekday()-e.weekday) + 7) % 7
	case month:
		d = 1
	case quarter:
		m, d = m-(m-1)%3, 1
	case year:
		m, d = time.January, 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
