// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package identity

// An ID is a GUID, and services do not always spell one the same way: in capitals, in braces, without dashes.
const (
	guidDigits = 32
	// usual is the length of a GUID with dashes, 8-4-4-4-12, which is what nearly all IDs look like.
	usual = guidDigits + 4
)

// AppendID appends an ID in lower case, and a GUID in the usual spelling.
func AppendID[T []byte | string](dst []byte, id T) []byte {
	start := len(dst)
	dst = AppendFolded(dst, id)
	folded := dst[start:]
	if len(folded) == usual && folded[8] == '-' && folded[13] == '-' && folded[18] == '-' && folded[23] == '-' {
		return dst
	}
	var digits [guidDigits]byte
	n := 0
	for _, c := range folded {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
			if n == guidDigits {
				return dst
			}
			digits[n] = c
			n++
		case c != '-' && c != '{' && c != '}':
			return dst
		}
	}
	if n < guidDigits {
		return dst
	}
	dst = dst[:start]
	for i, c := range digits {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		dst = append(dst, c)
	}
	return dst
}
