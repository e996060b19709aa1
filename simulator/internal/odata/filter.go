// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package odata

import (
	"slices"
	"strings"
)

// Services refuse filters beyond these limits, which also keeps them from using up
// the stack.
const (
	maxClauses = 100
	maxDepth   = 100
)

// Filter is a $filter expression that is being read.
type Filter struct {
	dialect *Dialect
	text    string
	tokens  []Token // the last one is the end
	clauses int
	clause  Clause
}

// Clause reads one condition, which begins with a name. A negated one stands
// behind "not".
type Clause func(f *Filter, name Token, negated bool) error

// ReadFilter reads a filter and calls clause for each of its conditions.
func (d *Dialect) ReadFilter(text string, clause Clause) error {
	tokens, err := d.lex(text)
	if err != nil {
		return err
	}
	f := &Filter{dialect: d, text: text, tokens: tokens, clause: clause}
	if err := f.expression(false, 0); err != nil {
		return err
	}
	if rest := f.Next(); rest.Kind != End {
		return f.Unexpected(rest)
	}
	return nil
}

// expression reads conditions up to the end or a closing parenthesis.
func (f *Filter) expression(negated bool, depth int) error {
	if depth > maxDepth {
		return f.fail(f.dialect.Texts.TooNested, f.peek(), maxDepth)
	}
	for {
		if err := f.condition(negated, depth); err != nil {
			return err
		}
		if !slices.ContainsFunc(f.dialect.Joins, f.Accept) {
			return nil
		}
	}
}

func (f *Filter) condition(negated bool, depth int) error {
	for f.dialect.Not && f.Accept("not") {
		negated = true
	}
	if f.Accept("(") {
		if err := f.expression(negated, depth+1); err != nil {
			return err
		}
		if text := f.dialect.Texts.MissingParenthesis; text != "" && f.peek().Text != ")" {
			return f.fail(text, f.peek(), 0)
		}
		return f.Expect(")")
	}
	if f.clauses++; f.clauses > maxClauses {
		return f.fail(f.dialect.Texts.TooManyClauses, f.peek(), maxClauses)
	}
	name := f.Next()
	if name.Kind != Word {
		return f.Unexpected(name)
	}
	return f.clause(f, name, negated)
}

// Operator reads a comparison operator, or one of some others.
func (f *Filter) Operator(others ...string) (Token, error) {
	t := f.Next()
	if t.Kind != Word || !slices.Contains(append(others, "eq", "ne", "gt", "ge", "lt", "le"), t.Text) {
		return t, f.Unexpected(t)
	}
	return t, nil
}

// Next returns the next token and moves on, but not beyond the end.
func (f *Filter) Next() Token {
	t := f.peek()
	if t.Kind != End {
		f.tokens = f.tokens[1:]
	}
	return t
}

func (f *Filter) peek() Token { return f.tokens[0] }

// Accept moves on if the next token is a certain word or sign, and reports whether
// it did.
func (f *Filter) Accept(text string) bool {
	t := f.peek()
	if t.Kind != Word && t.Kind != Sign || t.Text != text {
		return false
	}
	f.Next()
	return true
}

// Expect is Accept for what must come.
func (f *Filter) Expect(text string) error {
	if !f.Accept(text) {
		return f.Unexpected(f.peek())
	}
	return nil
}

// Unexpected is the error for a token that cannot stand where it does.
func (f *Filter) Unexpected(t Token) error {
	if t.Kind == End {
		return f.fail(f.dialect.Texts.UnexpectedEnd, t, 0)
	}
	return f.fail(f.dialect.Texts.Unexpected, t, 0)
}

// Errorf returns a text about a token as an error, with its placeholders filled in.
func (f *Filter) Errorf(t Token, text string) error { return f.fail(text, t, 0) }

func (f *Filter) fail(text string, t Token, limit int) error {
	return failure(text, t.Text, t.At, f.text, limit)
}

// Token is a piece of a filter.
type Token struct {
	Kind Kind
	Text string // of a literal: what is between the quotes
	At   int    // where it begins
}

// Kind is the kind of a token.
type Kind int

// Kinds of tokens.
const (
	End    Kind = iota
	Word        // a name, an operator, a number, a date without quotes
	String      // 'a string', with quotes doubled inside
	Date        // datetime'…'
	GUID        // guid'…'
	Sign        // one of ( ) ,
)

// lex cuts a filter into tokens.
func (d *Dialect) lex(filter string) ([]Token, error) {
	var tokens []Token
	for i := 0; i < len(filter); {
		t := Token{At: i}
		switch c := filter[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case strings.IndexByte("(),", c) >= 0:
			t.Kind, t.Text = Sign, filter[i:i+1]
			i++
		case c == '\'':
			text, length, ok := unquote(filter[i:])
			if !ok {
				return nil, failure(d.Texts.UnterminatedString, "", len(filter), filter, 0)
			}
			t.Kind, t.Text = String, text
			i += length
		default:
			t.Kind, t.Text = Word, filter[i:]
			if length := strings.IndexAny(t.Text, " \t(),'"); length >= 0 {
				t.Text = t.Text[:length]
			}
			i += len(t.Text)
			if len(d.Literals) == 0 || i == len(filter) || filter[i] != '\'' {
				break
			}
			kind, known := d.Literals[strings.ToLower(t.Text)]
			text, length, ok := unquote(filter[i:])
			if !known || !ok {
				return nil, failure(d.Texts.Unexpected, t.Text, t.At, filter, 0)
			}
			t.Kind, t.Text = kind, text
			i += length
		}
		tokens = append(tokens, t)
	}
	return append(tokens, Token{At: len(filter)}), nil
}

// unquote reads a string literal from the beginning of text, and returns how long
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
