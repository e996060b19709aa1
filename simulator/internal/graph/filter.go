// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"
	"strings"
)

// OData refuses expressions beyond these, which also keeps them from using up
// the stack.
const (
	maxClauses = 100
	maxDepth   = 100
)

// parser reads a $filter expression into criteria.
//
// It understands as much as the real service does, which is less than it
// accepts: all conditions are joined by "and", whatever stands between them;
// those under "not", and "ne" and "in", have no effect; and of several for the
// same property only the last one counts.
type parser struct {
	tokens  []token
	clauses int
	out     criteria
}

func parseFilter(filter string) (criteria, *failure) {
	tokens, e := lex(filter)
	if e != nil {
		return criteria{}, e
	}
	p := &parser{tokens: tokens}
	if e := p.expression(false, 0); e != nil {
		return criteria{}, e
	}
	if rest := p.peek(); rest.kind != endOfFilter {
		return criteria{}, syntaxError(rest)
	}
	return p.out, nil
}

// expression reads conditions up to the end or a closing parenthesis.
func (p *parser) expression(ignored bool, depth int) *failure {
	if depth > maxDepth {
		return badRequest("Invalid filter clause: The recursion limit of '%d' has been exceeded.", maxDepth)
	}
	for {
		if e := p.condition(ignored, depth); e != nil {
			return e
		}
		if !p.accept("and") && !p.accept("or") {
			return nil
		}
	}
}

func (p *parser) condition(ignored bool, depth int) *failure {
	for p.accept("not") {
		ignored = true
	}
	if p.accept("(") {
		if e := p.expression(ignored, depth+1); e != nil {
			return e
		}
		return p.expect(")")
	}
	if p.clauses++; p.clauses > maxClauses {
		return badRequest("Invalid filter clause: The node count limit of '%d' has been exceeded.", maxClauses)
	}
	name := p.next()
	if name.kind != word {
		return syntaxError(name)
	}
	if p.accept("(") {
		return p.function(name.text, ignored)
	}
	return p.comparison(name.text, ignored)
}

// function reads "contains(subject, 'x')" behind its parenthesis.
func (p *parser) function(name string, ignored bool) *failure {
	name = strings.ToLower(name)
	if !slices.Contains([]string{"contains", "startswith", "endswith"}, name) {
		return badRequest("Invalid filter clause: An unknown function with name '%s' was found.", name)
	}
	property, e := p.property()
	if e != nil {
		return e
	}
	if e := p.expect(","); e != nil {
		return e
	}
	value := p.next()
	if value.kind != quoted {
		return syntaxError(value)
	}
	if e := p.expect(")"); e != nil {
		return e
	}
	// On anything but the subject these are accepted and do nothing.
	if property == "subject" && !ignored {
		p.out.subject, p.out.subjectText = name, value.text
	}
	return nil
}

// comparison reads "<operator> <value>" behind the name of a property.
func (p *parser) comparison(name string, ignored bool) *failure {
	if !isProperty(name) {
		return noSuchProperty(name)
	}
	operator := p.next()
	if operator.kind != word {
		return syntaxError(operator)
	}
	if operator.text == "in" {
		return p.list()
	}
	if !slices.Contains([]string{"eq", "ne", "ge", "le", "gt", "lt"}, operator.text) {
		return syntaxError(operator)
	}
	value := p.next()
	if value.kind != word && value.kind != quoted {
		return syntaxError(value)
	}
	if operator.text == "ne" || ignored {
		return nil
	}
	return p.out.set(name, operator.text, value)
}

// list reads the values behind "in", which have no effect.
func (p *parser) list() *failure {
	if e := p.expect("("); e != nil {
		return e
	}
	for {
		if value := p.next(); value.kind != word && value.kind != quoted {
			return syntaxError(value)
		}
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}

func (p *parser) property() (string, *failure) {
	name := p.next()
	if name.kind != word {
		return "", syntaxError(name)
	}
	if !isProperty(name.text) {
		return "", noSuchProperty(name.text)
	}
	return name.text, nil
}

func (p *parser) peek() token {
	if len(p.tokens) == 0 {
		return token{}
	}
	return p.tokens[0]
}

func (p *parser) next() token {
	t := p.peek()
	if t.kind != endOfFilter {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) accept(text string) bool {
	t := p.peek()
	if t.kind == quoted || t.kind == endOfFilter || t.text != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) *failure {
	if !p.accept(text) {
		return syntaxError(p.peek())
	}
	return nil
}

func syntaxError(t token) *failure {
	if t.kind == endOfFilter {
		return badRequest("Invalid filter clause: Expression expected, but the filter ends.")
	}
	return badRequest("Invalid filter clause: Syntax error at '%s'.", t.text)
}

func noSuchProperty(name string) *failure {
	return badRequest("Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.exchangeMessageTrace'.", name)
}
