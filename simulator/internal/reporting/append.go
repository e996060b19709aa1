// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendJSON quotes a string. All but ASCII is escaped, as the JSON writer of WCF
// Data Services does. Broken UTF-8 becomes the replacement character.
func appendJSON(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		if c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			dst = appendUnit(appendUnit(dst, high), low)
		} else {
			dst = appendUnit(dst, r)
		}
		i += size
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return appendUnit(dst, rune(c))
	}
}

// appendUnit escapes one unit of UTF-16.
func appendUnit(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendXML escapes text for an element or an attribute. What XML 1.0 cannot say
// becomes the replacement character, and a carriage return, which parsers would
// turn into a line feed, a reference.
func appendXML(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '<' && c != '>' && c != '&' && c != '"' {
			i++
			continue
		}
		text, size := "", 1
		switch {
		case c == '<':
			text = "&lt;"
		case c == '>':
			text = "&gt;"
		case c == '&':
			text = "&amp;"
		case c == '"':
			text = "&quot;"
		case c == '\r':
			text = "&#xD;"
		case c == '\n' || c == '\t':
			i++
			continue
		case c < ' ':
			text = "\ufffd"
		default:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != 0xfffe && r != 0xffff && (r != utf8.RuneError || size > 1) {
				i += size
				continue
			}
			text = "\ufffd"
		}
		dst = append(append(dst, s[from:i]...), text...)
		i += size
		from = i
	}
	return append(dst, s[from:]...)
}

// appendTime writes UTC with as many digits of a second as it takes, up to seven.
// Rows have no zone, windows have one.
func appendTime(dst []byte, t time.Time, zone string) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), int(month))
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), hour)
	dst = appendTwo(append(dst, ':'), minute)
	dst = appendTwo(append(dst, ':'), second)
	if ticks := t.Nanosecond() / 100; ticks > 0 {
		dst = append(dst, '.')
		for unit := 1_000_000; ticks > 0; unit /= 10 {
			dst = append(dst, byte('0'+ticks/unit%10))
			ticks %= unit
		}
	}
	return append(dst, zone...)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}
