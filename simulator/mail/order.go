// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

const millisPerHour = int64(time.Hour / time.Millisecond)

// Position is a place between two rows in reading order: newest first by the
// millisecond of receipt, then by recipient, then by trace id. The id makes it
// exact; by time and recipient alone, rows that share both would be lost at
// the edge of a page.
type Position struct {
	Received  time.Time
	Recipient string
	ID        string
}

// PositionOf returns the position just behind a row.
func PositionOf(row *Row) Position {
	return Position{Received: row.Received.Truncate(time.Millisecond), Recipient: row.Recipient, ID: row.ID}
}

// compareRows orders rows within an hour, which is the reading order reversed:
// mail arrives in ascending time, so new rows tend to go to the end.
func compareRows(a, b *Row) int {
	if c := cmp.Compare(a.Received.UnixMilli(), b.Received.UnixMilli()); c != 0 {
		return c
	}
	if c := cmp.Compare(b.Recipient, a.Recipient); c != 0 {
		return c
	}
	return cmp.Compare(b.ID, a.ID)
}

func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int { return compareRows(&a, &b) })
}

// beyond returns how many rows of an hour come after a position in reading
// order. They are the first ones of the slice.
func beyond(rows []Row, p *Position) int {
	edge := Row{Received: p.Received, Recipient: p.Recipient, ID: p.ID}
	return sort.Search(len(rows), func(i int) bool { return compareRows(&rows[i], &edge) >= 0 })
}

// between returns the rows of an hour received in [from, to] milliseconds.
func between(rows []Row, from, to int64) []Row {
	lo := sort.Search(len(rows), func(i int) bool { return rows[i].Received.UnixMilli() >= from })
	hi := sort.Search(len(rows), func(i int) bool { return rows[i].Received.UnixMilli() > to })
	if hi < lo {
		return nil
	}
	return rows[lo:hi]
}

// millis returns the first and last whole millisecond of a closed window.
func millis(start, end time.Time) (from, to int64) {
	from, to = start.UnixMilli(), end.UnixMilli()
	if start.After(time.UnixMilli(from)) {
		from++
	}
	return from, to
}

func hourOf(millis int64) int64 {
	n := millis / millisPerHour
	if millis%millisPerHour < 0 {
		n--
	}
	return n
}
