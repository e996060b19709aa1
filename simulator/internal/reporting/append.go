// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"time"
	"unicode/utf8"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// appendXML escapes text for an element or an attribute. What XML 1.0 cannot express
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

// appendTime writes UTC with up to seven digits of a second. Rows have no zone,
// windows have one.
func appendTime(dst []byte, t time.Time, zone string) []byte {
	return odata.AppendTime(dst, t, 100*time.Nanosecond, zone)
}
