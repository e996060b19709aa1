// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import "strings"

// token is a piece of a $filter expression.
type token struct {
	kind tokenKind
	text string // of a string: unquoted
}

type tokenKind int

const (
	endOfFilter tokenKind = iota
	word                  // a name, an operator, a number, a date
	quoted                // 'a string', with quotes doubled inside
	punctuation           // one of ( ) ,
)

// lex cuts an expression into tokens.
func lex(filter string) ([]token, *failure) {
	var tokens []token
	for i := 0; i < len(filter); {
		switch c := filter[i]; {
		case c == ' ' || c == '\t':
			i++
		case strings.IndexByte("(),", c) >= 0:
			tokens = append(tokens, token{punctuation, filter[i : i+1]})
			i++
		case c == '\'':
			text, length, ok := unquote(filter[i:])
			if !ok {
				return nil, badRequest("Invalid filter clause: There is an unterminated string literal at position %d in '%s'.",
					len(filter), filter)
			}
			tokens = append(tokens, token{quoted, text})
			i += length
		default:
			length := strings.IndexAny(filter[i:], " \t(),'")
			if length < 0 {
				length = len(filter) - i
			}
			tokens = append(tokens, token{word, filter[i : i+length]})
			i += length
		}
	}
	return tokens, nil
}

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
