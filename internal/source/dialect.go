// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import "github.com/o365messagetrace/o365messagetrace/internal/trace"

// Properties finds where the properties of a dialect's rows belong: it returns the text that holds the property of that
// name, or the number, or neither.
type Properties func(r *trace.Row, name []byte) (text *[]byte, number *trace.Number)

// Dialect is what differs between the rows of one service and another's.
type Dialect struct {
	// Properties assigns the properties of a row.
	Properties Properties
	// Received is the name of the property with the received time.
	Received string
	// Fingerprint returns the part of a row's text that does not merely echo the query.
	Fingerprint func(raw []byte) []byte
	// Rows are the names that the array of rows goes by in a page, and Link those of the link to the next page.
	Rows, Link []string
	// Envelope is the name of a member that may hold all of the page; empty if there is none.
	Envelope string
	// Names are the names of the properties that a query can be about.
	Names Names

	// omit are the names of the properties that are cut out of the text of rows.
	omit []string
}
