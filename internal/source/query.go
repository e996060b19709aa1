// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"slices"
	"strings"
)

// Query is what a receiver asks a service for beside the window.
type Query struct {
	// PageSize is the most rows that a page is asked to have.
	PageSize int
	// Filter has the service leave out rows.
	Filter Filter
	// Omit are the properties that are cut out of the rows' text before anybody else sees it.
	Omit []Property
}

// Most asks a page to have as many rows as the service allows, whatever is configured.
const Most = -1

// Size returns how many rows to ask a page to have: pageSize, unless that is 0 or more than q allows, or most for Most.
func (q Query) Size(pageSize, most int) int {
	switch pageSize {
	case Most:
		return most
	case 0:
		return q.PageSize
	}
	return min(pageSize, q.PageSize)
}

// Filter has the service leave out all rows but those with these values. An empty value leaves out nothing.
type Filter struct {
	Sender, Recipient, Status, FromIP, ToIP string
}

// Property is a property of a row, by a name that does not depend on the service.
type Property string

// The properties that can be cut out of rows.
const (
	Subject   Property = "subject"
	MessageID Property = "message_id"
	FromIP    Property = "from_ip"
	ToIP      Property = "to_ip"
	Size      Property = "size"
)

// Names are the names of a dialect's properties that a query can be about.
type Names struct {
	Sender, Recipient, Status string
	Omittable                 map[Property]string
}

// Clause is the part of an OData filter that follows the window; it is empty without a filter.
func (f Filter) Clause(names Names) string {
	var clause strings.Builder
	for _, term := range []struct{ name, value string }{
		{names.Sender, f.Sender},
		{names.Recipient, f.Recipient},
		{names.Status, f.Status},
		{names.Omittable[FromIP], f.FromIP},
		{names.Omittable[ToIP], f.ToIP},
	} {
		if term.value != "" {
			// OData doubles a quote within a text (OData URL conventions, section 5.1.1.6.1).
			clause.WriteString(" and " + term.name + " eq '" + strings.ReplaceAll(term.value, "'", "''") + "'")
		}
	}
	return clause.String()
}

// Without returns the dialect with pages that cut the properties out of the text of rows.
func (d Dialect) Without(omit []Property) Dialect {
	d.omit = nil
	for _, property := range omit {
		d.omit = append(d.omit, d.Names.Omittable[property])
	}
	return d
}

// redact returns a function that cuts properties out of the JSON text of a row, nil if there are none to cut out.
func (d Dialect) redact() func(text []byte) []byte {
	if len(d.omit) == 0 {
		return nil
	}
	return func(text []byte) []byte {
		return Cut(text, func(name string) bool { return slices.Contains(d.omit, name) })
	}
}

// Cut returns a JSON object without some of its members. Anything that is no object stays as it is.
func Cut(object []byte, cut func(name string) bool) []byte {
	w := NewWalker(object, Dialect{})
	if w.Object() != nil {
		return object
	}
	kept := []byte("{")
	for {
		name, ok, err := w.member()
		if err == nil && !ok {
			return append(kept, '}')
		}
		value, errValue := w.Value()
		if err != nil || errValue != nil {
			return object
		}
		w.unquoted = w.unquoted[:0]
		if cut(string(w.text(name))) {
			continue
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(append(append(kept, name...), ':'), value...)
	}
}
