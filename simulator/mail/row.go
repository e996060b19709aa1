// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Row is what the trace shows of one message and one recipient, now and later.
// A nil string is a null on the wire, which services tell apart from an empty
// one.
type Row struct {
	// ID is the trace id (the "network message ID"), shared by all recipients
	// of a message.
	ID string `json:"id"`
	// MessageID is the Message-ID header. Senders choose it, so it repeats.
	MessageID *string `json:"messageId"`
	// Received is when the service accepted the message. It never moves. Order
	// and windows go by its millisecond, the finest that every service prints.
	Received time.Time `json:"received"`
	// Sender is the envelope sender, "<>" for bounces.
	Sender string `json:"sender"`
	// Recipient is the one recipient this row is about.
	Recipient string  `json:"recipient"`
	Subject   *string `json:"subject"`
	FromIP    *string `json:"fromIP"`
	ToIP      *string `json:"toIP"`
	// Size is in bytes. Microsoft's metadata declares Edm.Int32.
	Size int32 `json:"size"`
	// Incident names the scripted incident the row belongs to, if any.
	Incident Incident `json:"incident,omitempty"`
	// Timeline holds from when the row shows which status, oldest first. Before
	// the first entry nobody can see the row.
	Timeline []Change `json:"timeline"`
}

// Change is a status and the instant from which a row shows it.
type Change struct {
	At     time.Time `json:"at"`
	Status Status    `json:"status"`
}

// Status is where a message stands, written as Microsoft Graph writes it.
// Others are possible: the real list grows.
type Status string

// The statuses of the Microsoft Graph documentation of exchangeMessageTrace.
const (
	GettingStatus  Status = "gettingStatus"
	Pending        Status = "pending"
	Failed         Status = "failed"
	Delivered      Status = "delivered"
	Expanded       Status = "expanded"
	Quarantined    Status = "quarantined"
	FilteredAsSpam Status = "filteredAsSpam"
	Recalled       Status = "recalled"
)

// StatusAt returns the status the row shows at t, and false while it is not
// visible yet.
func (r *Row) StatusAt(t time.Time) (Status, bool) {
	for _, change := range slices.Backward(r.Timeline) {
		if !t.Before(change.At) {
			return change.Status, true
		}
	}
	return "", false
}

// Until returns the part of the timeline that lies at or before t: everything
// a reader that never blinked has seen of the row by then.
func (r *Row) Until(t time.Time) []Change {
	for i, c := range r.Timeline {
		if t.Before(c.At) {
			return r.Timeline[:i:i]
		}
	}
	return r.Timeline
}

// Incident names a scripted incident. The zero value is ordinary mail.
type Incident uint8

// The incidents a generator may script.
const (
	NoIncident Incident = iota
	// BulkMailing is one sender who mails many mailboxes within minutes.
	BulkMailing
	// LookAlike is a sender whose domain resembles the tenant's own.
	LookAlike
	// Forwarding is a mailbox that sends all it receives to an outside address.
	Forwarding
	// Takeover is an account of the tenant that somebody else mails hundreds of
	// people with.
	Takeover
	// Spoofing is a sender of the tenant's own domain from a foreign address.
	Spoofing
	// Exfiltration is a user who sends large messages to an address outside.
	Exfiltration
	// Removal is a message that is quarantined after it was delivered.
	Removal
	// Harvesting is a sender who tries addresses that do not exist.
	Harvesting
)

// Incidents are all kinds of incidents.
var Incidents = []Incident{
	BulkMailing, LookAlike, Forwarding, Takeover, Spoofing, Exfiltration, Removal, Harvesting,
}

var incidentNames = map[Incident]string{
	BulkMailing: "bulk", LookAlike: "lookalike", Forwarding: "forwarding", Takeover: "takeover", Spoofing: "spoofing",
	Exfiltration: "exfiltration", Removal: "removal", Harvesting: "harvesting",
}

// String returns the name used in the ledger, empty for ordinary mail.
func (i Incident) String() string { return incidentNames[i] }

// detectedBy are the rules of the findings connector that find each kind, whose
// names are understood as well. A takeover is bulk mail too.
var detectedBy = map[string]Incident{
	"bulk_mail": BulkMailing, "lookalike_domain": LookAlike, "auto_forward": Forwarding, "spoofed_domain": Spoofing,
	"removed_after_delivery": Removal, "failure_burst": Harvesting,
}

// ParseIncident returns the incident of a name, or of the rule that finds it.
func ParseIncident(name string) (Incident, error) {
	if i, known := detectedBy[name]; known {
		return i, nil
	}
	var names []string
	for _, i := range Incidents {
		if i.String() == name {
			return i, nil
		}
		names = append(names, i.String())
	}
	return NoIncident, fmt.Errorf("there is no incident %q; there are %s", name, strings.Join(names, ", "))
}

// MarshalText makes the name, not the number, appear in JSON.
func (i Incident) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText wrote; unknown names are ordinary mail.
func (i *Incident) UnmarshalText(text []byte) error {
	*i = NoIncident
	if known, err := ParseIncident(string(text)); err == nil {
		*i = known
	}
	return nil
}
