// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"net/url"
	"strings"
)

// ErrNoLink is a link that cannot be followed. It does not repeat the link, which carries addresses.
var ErrNoLink = fmt.Errorf("%w: the link to the next page is no URL", ErrShape)

// Follow returns the URL that a link of a page at endpoint leads to. The link is followed as sent: bytes that are illegal
// in a URL are escaped, nothing else. Whether it may be followed is for the transport to decide.
func Follow(endpoint *url.URL, link string) (*url.URL, error) {
	u, err := url.Parse(escapeIllegal(link))
	if err != nil {
		return nil, ErrNoLink
	}
	return endpoint.ResolveReference(u), nil
}

// escapeIllegal escapes the bytes that cannot be in a URL (RFC 3986, section 2): services put filters into links with
// spaces and letters beyond ASCII as they are.
func escapeIllegal(link string) string {
	var escaped []byte
	done := 0
	for i := range len(link) {
		if !legal(link, i) {
			escaped = fmt.Appendf(append(escaped, link[done:i]...), "%%%02X", link[i])
			done = i + 1
		}
	}
	if done == 0 {
		return link
	}
	return string(append(escaped, link[done:]...))
}

// legal reports whether the byte at i may stay as it is. A percent sign has to begin an escape.
func legal(link string, i int) bool {
	switch c := link[i]; {
	case c == '%':
		return len(link)-i > 2 && isHex(link[i+1]) && isHex(link[i+2])
	case c <= ' ', c > '~':
		return false
	default:
		return !strings.ContainsRune("\"<>\\^`{|}", rune(c))
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
