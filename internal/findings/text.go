// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// sentence formats one, with separators in large numbers, on one line: senders choose what their addresses contain.
func sentence(format string, args ...any) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, message.NewPrinter(language.English).Sprintf(format, args...))
}

// number is a number of things.
func number(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return sentence("%d %ss", n, thing)
}

// span is a time in words, never less than it is.
func span(seconds uint32) string {
	minutes := (int64(seconds) + 59) / 60
	switch {
	case seconds < 60:
		return number(int64(max(seconds, 1)), "second")
	case minutes < 120:
		return number(minutes, "minute")
	case minutes < 48*60:
		return number((minutes+59)/60, "hour")
	}
	return number((minutes+24*60-1)/(24*60), "day")
}

// within is the length of the window in words, nothing where that is no time.
func (w *window) within() string {
	if w.end == w.start {
		return ""
	}
	return " within " + span(w.end-w.start)
}

// size is a number of bytes in words.
func size(bytes int64) string {
	switch {
	case bytes < 10_000:
		return number(bytes, "byte")
	case bytes < 10_000_000:
		return sentence("%d KB", bytes/1000)
	}
	return sentence("%d MB", bytes/1_000_000)
}

func wereDelivered(n int64) string {
	switch n {
	case 0:
		return "none was delivered"
	case 1:
		return "1 was delivered"
	}
	return sentence("%d were delivered", n)
}

// or joins words.
func or(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// clampSize is a size that fits an entry.
func clampSize(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }
