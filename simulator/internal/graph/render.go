// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"time"
	"unicode/utf8"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// bytesPerRow is about what a row takes, to allocate a page at once.
const bytesPerRow = 420

// unknownStatus stands for statuses that were added after the first release,
// unless the client asks for them.
const unknownStatus mail.Status = "unknownFutureValue"

// appendPage renders a page. Tests read millions of rows, so this appends
// instead of reflecting.
func appendPage(dst []byte, context, next string, page []mail.Sighting, allStatuses bool) []byte {
	dst = append(dst, '{')
	dst = appendMember(dst, "@odata.context", context)
	if next != "" {
		dst = append(dst, ',')
		dst = appendMember(dst, "@odata.nextLink", next)
	}
	dst = append(dst, `,"value":[`...)
	for i := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, &page[i], allStatuses)
	}
	return append(dst, "]}"...)
}

// appendRow renders a row, its members in the order of the documentation.
func appendRow(dst []byte, s *mail.Sighting, allStatuses bool) []byte {
	row, status := s.Row, s.Status
	if !allStatuses && !firstRelease(status) {
		status = unknownStatus
	}
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, row.ID)
	dst = append(dst, `,"senderAddress":`...)
	dst = appendString(dst, row.Sender)
	dst = append(dst, `,"recipientAddress":`...)
	dst = appendString(dst, row.Recipient)
	dst = append(dst, `,"messageId":`...)
	dst = appendNullable(dst, row.MessageID)
	dst = append(dst, `,"receivedDateTime":"`...)
	dst = appendTime(dst, row.Received)
	dst = append(dst, `","subject":`...)
	dst = appendNullable(dst, row.Subject)
	dst = append(dst, `,"size":`...)
	dst = appendInt(dst, int(row.Size), 1)
	dst = append(dst, `,"fromIP":`...)
	dst = appendNullable(dst, row.FromIP)
	dst = append(dst, `,"toIP":`...)
	dst = appendNullable(dst, row.ToIP)
	dst = append(dst, `,"status":`...)
	dst = appendString(dst, string(status))
	return append(dst, '}')
}

// firstRelease reports whether a status comes before unknownFutureValue in
// Microsoft's metadata.
func firstRelease(s mail.Status) bool {
	switch s {
	case mail.GettingStatus, mail.Pending, mail.Failed, mail.Delivered, mail.Expanded, mail.Quarantined, mail.FilteredAsSpam:
		return true
	default:
		return false
	}
}

func appendMember(dst []byte, name, value string) []byte {
	dst = appendString(dst, name)
	dst = append(dst, ':')
	return appendString(dst, value)
}

func appendNullable(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return appendString(dst, *s)
}

const (
	ones  = 0x01_01_01_01_01_01_01_01
	highs = 0x80 * ones
)

// plain returns how many bytes at the beginning of a string stand for
// themselves, as far as they come in eights.
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

// appendString quotes a string. Text beyond ASCII stays as it is, except for
// broken UTF-8, which becomes the replacement character.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := plain(s); i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), `\ufffd`...)
				from = i + 1
			}
			i += size
			continue
		}
		dst = appendEscape(append(dst, s[from:i]...), c)
		i++
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
		const digits = "0123456789abcdef"
		return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
}

// appendTime renders UTC with as many digits of a second as it takes, three at
// most.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append(appendInt(dst, year, 4), '-')
	dst = append(appendTwo(dst, int(month)), '-')
	dst = append(appendTwo(dst, day), 'T')
	dst = append(appendTwo(dst, hour), ':')
	dst = append(appendTwo(dst, minute), ':')
	dst = appendTwo(dst, second)
	if ms := t.Nanosecond() / int(time.Millisecond); ms > 0 {
		dst = append(dst, '.')
		dst = appendInt(dst, ms, 3)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'Z')
}

// appendTwo renders a number of two digits.
func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10)) //nolint:gosec // two digits
}

// appendInt renders a number with at least so many digits.
func appendInt(dst []byte, n, digits int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	var text [20]byte
	i := len(text)
	for ; n > 0 || digits > 0; digits-- {
		i--
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, text[i:]...)
}
