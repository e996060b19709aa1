// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package findings

import "time"

// Observation is what one record holds about one message and one recipient. Texts are not kept unless they are copied.
type Observation struct {
	// Tenant is the tenant as configured; it may be empty.
	Tenant string
	// Message is the network message ID, which all recipients of a message share.
	Message string
	// Sender and Recipient are the envelope addresses, "<>" for the null sender.
	Sender, Recipient string
	Subject           string
	// Source is the IP address that the message came from, empty where it is not known.
	Source string
	// Size is the size of the message in bytes.
	Size int64
	// Status and Previous are the status and the one before it, spelled as Microsoft Graph spells them.
	Status, Previous string
	// Direction is the direction of the message as the receiver sees it. It is used where there are no local domains.
	Direction string
	// Received is the time of the mail, Observed when this status of it was seen.
	Received, Observed time.Time
}

// Severity is how much a finding matters.
type Severity int

// The severities, those of log records.
const (
	Info Severity = iota
	Warn
	Error
)

// raised is the next higher severity.
func (s Severity) raised() Severity { return min(s+1, Error) }

// MaxMessages and MaxRecipients are the most message IDs and recipients that a finding names.
const (
	MaxMessages   = 10
	MaxRecipients = 5
)

// Finding is something that a rule has found.
type Finding struct {
	// UID is 32 hexadecimal digits, the same whenever and in whatever order the same mail is read.
	UID string
	// Tenant is the tenant of the mail.
	Tenant string
	// Rule is the name of the rule.
	Rule string
	// Key is the sender, domain or mailbox that the finding is about.
	Key string
	// Text is one sentence with the figures.
	Text string
	// Technique is the MITRE ATT&CK technique.
	Technique string
	Severity  Severity
	// Time is the time of the mail with which the threshold was crossed.
	Time time.Time
	// Count is what was counted, Threshold what it takes.
	Count, Threshold int64
	// Start and End are the times of the first and the last mail in the window.
	Start, End time.Time
	// Messages are some of the network message IDs, Recipients some of the recipients.
	Messages, Recipients []string
}
