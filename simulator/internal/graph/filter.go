// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// dialect reads as much as the real service accepts, which is more than it
// understands.
var dialect = &odata.Dialect{
	// Some of these have no effect.
	Options: []string{
		"$filter", "$top", "$skiptoken", "$select", "$orderby", "$count", "$skip", "$search", "$expand", "$format",
	},
	Joins: []string{"and", "or"},
	Not:   true,
	Texts: odata.Texts{
		BadEncoding:        "The query specified in the URI is not valid. {text}",
		RepeatedOption:     "Query option '{text}' was specified more than once, but it must be specified at most once.",
		UnknownOption:      "The query parameter '{text}' is not supported.",
		UnterminatedString: "There is an unterminated string literal at position {at} in '{filter}'.",
		Unexpected:         "Syntax error at '{text}'.",
		UnexpectedEnd:      "Expression expected, but the filter ends.",
		TooManyClauses:     "The node count limit of '{limit}' has been exceeded.",
		TooNested:          "The recursion limit of '{limit}' has been exceeded.",
	},
}

// parseFilter reads a $filter expression. All conditions are joined by "and",
// whatever stands between them; those under "not", and "ne" and "in", have no
// effect; and of several for the same property only the last one counts.
func parseFilter(filter string) (criteria, *failure) {
	var c criteria
	if err := dialect.ReadFilter(filter, c.read); err != nil {
		return criteria{}, badRequest("Invalid filter clause: %s", err)
	}
	return c, nil
}

// read reads a condition.
func (c *criteria) read(f *odata.Filter, name odata.Token, negated bool) error {
	if f.Accept("(") {
		return c.function(f, name.Text, negated)
	}
	return c.comparison(f, name.Text, negated)
}

// function reads "contains(subject, 'x')" behind its parenthesis.
func (c *criteria) function(f *odata.Filter, name string, negated bool) error {
	name = strings.ToLower(name)
	if !slices.Contains([]string{"contains", "startswith", "endswith"}, name) {
		return odata.Errorf("An unknown function with name '%s' was found.", name)
	}
	property := f.Next()
	switch {
	case property.Kind != odata.Word:
		return f.Unexpected(property)
	case !isProperty(property.Text):
		return noSuchProperty(property.Text)
	}
	if err := f.Expect(","); err != nil {
		return err
	}
	value := f.Next()
	if value.Kind != odata.String {
		return f.Unexpected(value)
	}
	if err := f.Expect(")"); err != nil {
		return err
	}
	// On anything but the subject these are accepted and do nothing.
	if property.Text == "subject" && !negated {
		c.subject, c.subjectText = name, value.Text
	}
	return nil
}

// comparison reads "<operator> <value>" behind the name of a property.
func (c *criteria) comparison(f *odata.Filter, name string, negated bool) error {
	if !isProperty(name) {
		return noSuchProperty(name)
	}
	operator, err := f.Operator("in")
	switch {
	case err != nil:
		return err
	case operator.Text == "in":
		return skipList(f)
	}
	value := f.Next()
	switch {
	case !isValue(value):
		return f.Unexpected(value)
	case operator.Text == "ne" || negated:
		return nil
	}
	return c.set(name, operator.Text, value)
}

// skipList reads the values behind "in", which have no effect.
func skipList(f *odata.Filter) error {
	if err := f.Expect("("); err != nil {
		return err
	}
	for {
		if value := f.Next(); !isValue(value) {
			return f.Unexpected(value)
		}
		if !f.Accept(",") {
			return f.Expect(")")
		}
	}
}

func isValue(t odata.Token) bool { return t.Kind == odata.Word || t.Kind == odata.String }

func noSuchProperty(name string) error {
	return odata.Errorf("Could not find a property named '%s' on type 'microsoft.graph.exchangeMessageTrace'.", name)
}
