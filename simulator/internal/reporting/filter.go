// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// dialect is that of WCF Data Services, with their texts: comparisons joined by
// "and". The real service has more of OData, which is of no use with a report whose
// window is an argument rather than a condition.
var dialect = &odata.Dialect{
	Options:  slices.Concat([]string{"$filter", "$top", "$skip", "$skiptoken", "$format"}, missing),
	Strict:   true,
	Joins:    []string{"and"},
	Literals: map[string]odata.Kind{"datetime": odata.Date, "guid": odata.GUID},
	Texts: odata.Texts{
		BadEncoding:        "Bad Request - Error in query syntax.",
		RepeatedOption:     "Query parameter '{text}' is specified, but it should be specified exactly once.",
		UnknownOption:      "The query parameter '{text}' begins with a system-reserved '$' character but is not recognized.",
		UnterminatedString: "Unterminated string literal at position {at} in '{filter}'.",
		Unexpected:         "Syntax error at position {at} in '{filter}'.",
		UnexpectedEnd:      "Expression expected at position {at} in '{filter}'.",
		MissingParenthesis: "')' or ',' expected at position {at} in '{filter}'.",
		TooManyClauses:     "The node count limit of '{limit}' has been exceeded.",
		TooNested:          "Recursion limit reached.",
	},
}

// missing are options that the real service has. No collector of mail needs them.
var missing = []string{"$select", "$orderby", "$inlinecount", "$expand"}

func parseFilter(filter string) (criteria, *failure) {
	var c criteria
	if err := dialect.ReadFilter(filter, c.read); err != nil {
		return criteria{}, badRequest("%s", err)
	}
	return c, nil
}

// read reads a condition.
func (c *criteria) read(f *odata.Filter, name odata.Token, _ bool) error {
	kind, known := properties[name.Text]
	if !known {
		return odata.Errorf("No property '%s' exists in type '%s' at position %d.", name.Text, entityType, name.At)
	}
	operator, err := f.Operator()
	if err != nil {
		return err
	}
	found, err := comparison(f, kind, operator)
	switch {
	case err != nil:
		return err
	case name.Text == "StartDate":
		return found.bound(name.Text, &c.start)
	case name.Text == "EndDate":
		return found.bound(name.Text, &c.end)
	}
	found.property = name.Text
	c.conditions = append(c.conditions, found)
	return nil
}

// bound takes one end of the window. It has the operator of equality, though it
// means a bound, since it is a parameter of the cmdlet behind the report: so
// Microsoft's documentation. The texts are made up.
func (c *condition) bound(name string, into **time.Time) error {
	switch {
	case c.operator != "eq" || c.null:
		return odata.Errorf("The property '%s' can only be compared with a date by the operator 'eq'.", name)
	case *into != nil:
		return odata.Errorf("The property '%s' is specified more than once.", name)
	}
	*into = &c.time
	return nil
}

// comparison reads the value that a property is compared with.
func comparison(f *odata.Filter, kind propertyKind, operator odata.Token) (condition, error) {
	c := condition{operator: operator.Text}
	value := f.Next()
	other := textProperty
	switch value.Kind {
	case odata.Date:
		at, ok := parseTime(value.Text)
		if !ok {
			return c, f.Errorf(value, "Unrecognized 'Edm.DateTime' literal 'datetime'{text}'' at '{at}' in '{filter}'.")
		}
		other, c.time = dateProperty, at
	case odata.GUID:
		other, c.text = guidProperty, value.Text
	case odata.String:
		c.text = value.Text
	case odata.Word:
		if value.Text == "null" && (operator.Text == "eq" || operator.Text == "ne") {
			c.null = true
			return c, nil
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(value.Text, "L"), 10, 64)
		if err != nil {
			return c, f.Unexpected(value)
		}
		other, c.number = numberProperty, n
	default:
		return c, f.Unexpected(value)
	}
	if kind != other {
		return c, odata.Errorf("Operator '%s' incompatible with operand types '%s' and '%s' at position %d.",
			operator.Text, kind.systemType(), other.systemType(), operator.At)
	}
	return c, nil
}

// parseTime reads what clients are known to send: with Z, without a zone, which
// means UTC, with an offset, and with seven digits of a second as .NET writes
// them. The + of an offset is a space if it was not encoded.
func parseTime(text string) (time.Time, bool) {
	return odata.ParseTime(strings.Replace(text, " ", "+", 1),
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04")
}
