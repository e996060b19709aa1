// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import "strings"

// token is a piece of a $filter expression.
type token struct {
	kind tokenKind
	text string // of a string: unquoted
	at   int    // where it begins
}

type tokenKind int

const (
	endOfFilter tokenKind = iota
	word                  // a name, an operator, a number
	quoted                // 'a string', with quotes doubled inside
	dated                 // datetime'…'
	guided                // guid'…'
	punctuation           // one of ( ) ,
)

// lex cuts an expression into tokens. Texts of errors here and in the parser are
// those of WCF Data Services.
func lex(filter string) ([]token, *failure) {
	var tokens []token
	for i := 0; i < len(filter); {
		c := filter[i]
		if c == ' ' || c == '\t' {
			i++
			continue
		}
		t := token{at: i}
		switch {
		case strings.IndexByte("(),", c) >= 0:
			t.kind, t.text = punctuation, filter[i:i+1]
			i++
		case c == '\'':
			text, length, ok := unquote(filter[i:])
			if !ok {
				return nil, badRequest("Unterminated string literal at position %d in '%s'.", len(filter), filter)
			}
			t.kind, t.text = quoted, text
			i += length
		default:
			length := strings.IndexAny(filter[i:], " \t(),'")
			if length < 0 {
				length = len(filter) - i
			}
			t.kind, t.text = word, filter[i:i+length]
			i += length
			if i == len(filter) || filter[i] != '\'' {
				break
			}
			kind, ok := prefixes[strings.ToLower(t.text)]
			text, more, closed := unquote(filter[i:])
			if !ok || !closed {
				return nil, badRequest("Syntax error at position %d in '%s'.", t.at, filter)
			}
			t.kind, t.text = kind, text
			i += more
		}
		tokens = append(tokens, t)
	}
	return append(tokens, token{at: len(filter)}), nil
}

// prefixes mark the types of literals that have quotes.
var prefixes = map[string]tokenKind{"datetime": dated, "guid": guided}

// unquote reads a string literal from the beginning of text, and says how long
// it is there. A quote inside is written twice.
func unquote(text string) (value string, length int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return b.String(), i + 1, true
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, false
}
