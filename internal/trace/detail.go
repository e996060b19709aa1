// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package trace

import "time"

// Detail is one event of what happened to a message on its way to one recipient.
type Detail struct {
	// At is when it happened, in UTC; zero if the service does not tell.
	At time.Time
	// Event names what happened, such as Receive or Fail, and Action what was done; it is mostly empty.
	Event, Action string
	// Text describes it. Of a failure it has the reply of the server that refused the message.
	Text string
	// Data is what else is known, as the service writes it, and Facts are what could be read of it.
	Data  string
	Facts []Fact
	// MessageID is the Message-ID header (RFC 5322).
	MessageID string
	// Raw is the JSON text of the event as received.
	Raw []byte
}

// Fact is a name and a value in the data of a Detail.
type Fact struct{ Name, Value string }

// Fact returns the value of the first fact of that name, empty if there is none.
func (d *Detail) Fact(name string) string {
	for _, fact := range d.Facts {
		if fact.Name == name {
			return fact.Value
		}
	}
	return ""
}
