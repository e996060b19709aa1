// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"encoding/xml"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// Delivery is a message and one of its recipients, whose details are asked for.
type Delivery struct {
	ID, Recipient string
	Received      time.Time
	// Now is the present by the service's clock.
	Now time.Time
}

// Details is what happened to the message of a row on its way to its recipient, as far as the service tells: nothing at
// first, and more later.
type Details struct {
	Events []trace.Detail
	// Arrived is when the answer was complete, and Size its size in bytes, after decompression.
	Arrived time.Time
	Size    int
}

const (
	// maxEvents is the most events that are read of an answer. Messages have about ten.
	maxEvents = 1000
	// maxFacts is the most facts that are read of an event. Events have about twenty.
	maxFacts = 200
)

// ReadDetails reads a page whose rows are events. Decode reads the JSON text of one, apart from its time. Further pages are not
// asked for: no message has that many events.
func ReadDetails(page *Page, decode func(text []byte, d *trace.Detail) error) (*Details, error) {
	defer page.Done()
	details := &Details{Arrived: page.Arrived, Size: page.Size}
	for row, err := range page.Rows {
		switch {
		case err != nil:
			return nil, err
		case len(details.Events) == maxEvents:
			return details, nil
		case row.Malformed:
			continue
		}
		event := trace.Detail{At: row.Received, Raw: bytes.Clone(row.Raw)}
		if page.Redact != nil {
			event.Raw = page.Redact(event.Raw)
		}
		// What is an object, but no event, is of no use to anybody.
		if decode(event.Raw, &event) != nil || event.Event == "" {
			continue
		}
		event.Facts = factsOf(event.Data)
		details.Events = append(details.Events, event)
	}
	return details, nil
}

// factsOf reads the XML that Exchange writes: <root><MEP Name="SCL" Integer="8"/>…</root>, with the value in an attribute that
// is named after its type. It returns nothing for anything else, and what could be read of XML that is cut off.
func factsOf(data string) (facts []trace.Fact) {
	decoder := xml.NewDecoder(strings.NewReader(data))
	for len(facts) < maxFacts {
		token, err := decoder.Token()
		if err != nil {
			return facts
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "MEP" {
			continue
		}
		var fact trace.Fact
		for _, attribute := range element.Attr {
			if attribute.Name.Local == "Name" {
				fact.Name = attribute.Value
			} else {
				fact.Value = attribute.Value
			}
		}
		if fact.Name != "" {
			facts = append(facts, fact)
		}
	}
	return facts
}
