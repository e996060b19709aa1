// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Expressions beyond these are refused, which also keeps them from using up the
// stack. WCF Data Services have 100 each.
const (
	maxClauses = 100
	maxDepth   = 100
)

// parser reads a $filter expression into criteria: comparisons joined by "and".
// The real service has more of OData, which is of no use with a report whose
// window is an argument rather than a condition.
type parser struct {
	filter  string
	tokens  []token
	clauses int
	out     criteria
}

func parseFilter(filter string) (criteria, *failure) {
	tokens, e := lex(filter)
	if e != nil {
		return criteria{}, e
	}
	p := &parser{filter: filter, tokens: tokens}
	if e := p.expression(0); e != nil {
		return criteria{}, e
	}
	if rest := p.next(); rest.kind != endOfFilter {
		return criteria{}, p.syntaxError(rest)
	}
	return p.out, nil
}

func (p *parser) expression(depth int) *failure {
	if depth > maxDepth {
		return badRequest("Recursion limit reached.")
	}
	for {
		if e := p.condition(depth); e != nil {
			return e
		}
		if !p.accept("and") {
			return nil
		}
	}
}

func (p *parser) condition(depth int) *failure {
	if p.accept("(") {
		if e := p.expression(depth + 1); e != nil {
			return e
		}
		if !p.accept(")") {
			return badRequest("')' or ',' expected at position %d in '%s'.", p.peek().at, p.filter)
		}
		return nil
	}
	if p.clauses++; p.clauses > maxClauses {
		return badRequest("The node count limit of '%d' has been exceeded.", maxClauses)
	}
	name := p.next()
	kind, known := properties[name.text]
	switch {
	case name.kind != word:
		return p.syntaxError(name)
	case !known:
		return badRequest("No property '%s' exists in type '%s' at position %d.", name.text, entityType, name.at)
	}
	operator := p.next()
	if operator.kind != word || !slices.Contains([]string{"eq", "ne", "gt", "ge", "lt", "le"}, operator.text) {
		return p.syntaxError(operator)
	}
	value := p.next()
	c, e := p.comparison(kind, operator, value)
	if e != nil {
		return e
	}
	if name.text == "StartDate" || name.text == "EndDate" {
		return p.bound(name.text, operator, c)
	}
	c.property = name.text
	p.out.conditions = append(p.out.conditions, c)
	return nil
}

// bound takes one end of the window. It has the operator of equality, though it
// means a bound, since it is a parameter of the cmdlet behind the report: so
// Microsoft's documentation. The texts are made up.
func (p *parser) bound(name string, operator token, c condition) *failure {
	into := &p.out.start
	if name == "EndDate" {
		into = &p.out.end
	}
	switch {
	case operator.text != "eq" || c.null:
		return badRequest("The property '%s' can only be compared with a date by the operator 'eq'.", name)
	case *into != nil:
		return badRequest("The property '%s' is specified more than once.", name)
	}
	*into = &c.time
	return nil
}

// comparison reads the value that a property is compared with.
func (p *parser) comparison(kind propertyKind, operator, value token) (condition, *failure) {
	c := condition{operator: operator.text}
	mismatch := func(other string) *failure {
		return badRequest("Operator '%s' incompatible with operand types '%s' and '%s' at position %d.",
			operator.text, kind.systemType(), other, operator.at)
	}
	switch value.kind {
	case dated:
		at, ok := parseTime(value.text)
		if !ok {
			return c, badRequest("Unrecognized 'Edm.DateTime' literal 'datetime'%s'' at '%d' in '%s'.", value.text, value.at, p.filter)
		}
		if kind != dateProperty {
			return c, mismatch("System.DateTime")
		}
		c.time = at
	case guided:
		if kind != guidProperty {
			return c, mismatch("System.Guid")
		}
		c.text = value.text
	case quoted:
		if kind != textProperty {
			return c, mismatch("System.String")
		}
		c.text = value.text
	case word:
		if value.text == "null" && (operator.text == "eq" || operator.text == "ne") {
			c.null = true
			return c, nil
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(value.text, "L"), 10, 64)
		if err != nil {
			return c, p.syntaxError(value)
		}
		if kind != numberProperty {
			return c, mismatch("System.Int32")
		}
		c.number = n
	default:
		return c, p.syntaxError(value)
	}
	return c, nil
}

// parseTime reads what clients are known to send: with Z, without a zone, which
// means UTC, with an offset, and with seven digits of a second as .NET writes
// them. The + of an offset is a space if it was not encoded.
func parseTime(text string) (time.Time, bool) {
	text = strings.Replace(text, " ", "+", 1)
	_, fraction, _ := strings.Cut(text, ".")
	if len(fraction)-len(strings.TrimLeft(fraction, "0123456789")) > 7 || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.peek()
	if t.kind != endOfFilter {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) accept(text string) bool {
	if t := p.peek(); t.kind != word && t.kind != punctuation || t.text != text {
		return false
	}
	p.next()
	return true
}

func (p *parser) syntaxError(t token) *failure {
	if t.kind == endOfFilter {
		return badRequest("Expression expected at position %d in '%s'.", t.at, p.filter)
	}
	return badRequest("Syntax error at position %d in '%s'.", t.at, p.filter)
}
