// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"unicode"
	"unicode/utf8"
)

// appendFolded appends text in lower case.
func appendFolded[T []byte | string](dst []byte, text T) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			for _, r := range string(text[i:]) {
				dst = utf8.AppendRune(dst, unicode.ToLower(r))
			}
			return dst
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
