// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package timeexpr

import "time"

// middle is a day away from the ends of week, month, quarter and year.
var middle = time.Date(2025, time.May, 14, 0, 0, 0, 0, time.UTC)

// Uncovered returns how much of each hour no window reads, on average, if one is read from start to end at every multiple
// of interval since midnight. An end in the future is now, as at every reading. The interval divides an hour.
//
// It is exact for bounds that snap to weeks or less and have no offset in months, quarters or years. Others are judged as
// in the middle of a month. A bound that is absolute leaves nothing uncovered, nor does an interval that is not positive.
func Uncovered(start, end Expr, interval time.Duration) time.Duration {
	if interval <= 0 || start.Absolute() || end.Absolute() {
		return 0
	}
	// After this time the windows repeat, shifted by it. So they are laid on a circle of this length.
	period := oneDay
	if start.snap == week || end.snap == week {
		period = oneWeek
	}
	circle := int64(period / time.Second)
	// change is how many more windows cover the second that begins there than the one before it.
	change := make([]int, circle+1)
	for since := time.Duration(0); since < period; since += interval {
		tick := middle.Add(since)
		from, to := start.At(tick).Unix(), min(end.At(tick).Unix(), tick.Unix())
		if to <= from {
			continue
		}
		if to-from >= circle {
			return 0
		}
		first := (from - middle.Unix()) % circle
		if first < 0 {
			first += circle
		}
		last := first + to - from
		change[first]++
		if last > circle {
			last -= circle
			change[0]++
		}
		change[last]--
	}

	windows, uncovered := 0, time.Duration(0)
	for _, more := range change[:circle] {
		windows += more
		if windows == 0 {
			uncovered += time.Second
		}
	}
	return uncovered / (period / time.Hour)
}
