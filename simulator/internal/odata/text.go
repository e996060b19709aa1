// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package odata

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseTime reads a time in one of some layouts, with at most seven digits of a
// second.
func ParseTime(text string, layouts ...string) (time.Time, bool) {
	_, fraction, _ := strings.Cut(text, ".")
	if len(fraction)-len(strings.TrimLeft(fraction, "0123456789")) > 7 || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// AppendTime writes UTC with as many digits of a second as it takes, down to a
// resolution, and a zone behind it.
func AppendTime(dst []byte, t time.Time, resolution time.Duration, zone string) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), int(month))
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), hour)
	dst = appendTwo(append(dst, ':'), minute)
	dst = appendTwo(append(dst, ':'), second)
	if rest := t.Nanosecond() - t.Nanosecond()%int(resolution); rest > 0 {
		dst = append(dst, '.')
		for unit := int(time.Second / 10); rest > 0; unit /= 10 {
			dst = append(dst, byte('0'+rest/unit)) //nolint:gosec // one digit
			rest %= unit
		}
	}
	return append(dst, zone...)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}

const (
	ones  = 0x01_01_01_01_01_01_01_01
	highs = 0x80 * ones
)

// plain returns how many bytes at the beginning of a string stand for themselves,
// as far as they come in eights.
func plain(s string) (n int) {
	for ; n+8 <= len(s); n += 8 {
		t := s[n : n+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		// With the second bit flipped, the quotation mark comes right behind
		// the control characters.
		flipped, backslash := x^ones*2, x^ones*'\\'
		if ((flipped-ones*('"'^2+1))|(backslash-ones)|x)&highs != 0 {
			break
		}
	}
	return n
}

// AppendString writes a string as JSON. Text beyond ASCII stays as it is, except
// for broken UTF-8, which becomes the replacement character.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s, false) }

// AppendASCII is AppendString with all text beyond ASCII escaped.
func AppendASCII(dst []byte, s string) []byte { return appendString(dst, s, true) }

func appendString(dst []byte, s string, ascii bool) []byte {
	dst = append(dst, '"')
	from, i := 0, 0
	if !ascii {
		i = plain(s)
	}
	for i < len(s) {
		if c := s[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r < 0x7f || ascii || r == utf8.RuneError && size == 1 {
			dst = appendEscape(append(dst, s[from:i]...), r)
			from = i + size
		}
		i += size
	}
	return append(append(dst, s[from:]...), '"')
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

// appendUnit escapes one unit of UTF-16.
func appendUnit(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
