// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

const (
	ones  = 0x01_01_01_01_01_01_01_01
	highs = 0x80 * ones
)

// toLower returns r in lower case, unless that is ASCII and r is not: the Kelvin sign and the I with a dot would make an
// address look like another one.
func toLower(r rune) rune {
	if lower := unicode.ToLower(r); r < utf8.RuneSelf || lower >= utf8.RuneSelf {
		return lower
	}
	return r
}

// AppendFolded appends text in lower case.
func AppendFolded[T []byte | string](dst []byte, text T) []byte {
	start := len(dst)
	dst = append(dst, text...)
	added := dst[start:]
	i := 0
	for ; i+8 <= len(added); i += 8 {
		// Eight letters at a time, as long as they are ASCII.
		x := binary.LittleEndian.Uint64(added[i:])
		if x&highs != 0 {
			break
		}
		upper := (x + ones*(0x80-'A')) &^ (x + ones*(0x80-'Z'-1)) & highs
		binary.LittleEndian.PutUint64(added[i:], x|upper>>2)
	}
	for ; i < len(added); i++ {
		c := added[i]
		if c >= utf8.RuneSelf {
			dst = dst[:start+i]
			for _, r := range string(text[i:]) {
				dst = utf8.AppendRune(dst, toLower(r))
			}
			return dst
		}
		if 'A' <= c && c <= 'Z' {
			added[i] = c + 'a' - 'A'
		}
	}
	return dst
}
