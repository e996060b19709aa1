// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"slices"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// criteria is what a filter comes down to: one value per property.
type criteria struct {
	start, end *time.Time

	equal       map[string]string
	subject     string // "", contains, startswith, endswith
	subjectText string
}

// filterable are the properties that can be compared for equality, by the
// Microsoft Graph documentation of exchangeMessageTrace.
func filterable(name string) bool {
	return slices.Contains([]string{
		"fromIP", "id", "messageId", "recipientAddress", "senderAddress", "status", "toIP",
	}, name)
}

func isProperty(name string) bool {
	return filterable(name) || slices.Contains([]string{"receivedDateTime", "size", "subject"}, name)
}

// set takes a comparison. A later one for the same property replaces it.
func (c *criteria) set(name, operator string, value odata.Token) error {
	if name == "receivedDateTime" {
		return c.bound(operator, value)
	}
	if !filterable(name) {
		return odata.Errorf("The property '%s' cannot be used in the $filter query option.", name)
	}
	if value.Kind != odata.String {
		// OData takes a bare word for a property.
		return noSuchProperty(value.Text)
	}
	if operator != "eq" {
		return odata.Errorf("The operator '%s' is not supported for the property '%s'.", operator, name)
	}
	if name == "status" && !isStatus(value.Text) {
		return odata.Errorf("The string '%s' is not a valid enumeration type constant.", value.Text)
	}
	if c.equal == nil {
		c.equal = make(map[string]string)
	}
	c.equal[name] = value.Text
	return nil
}

// bound takes one end of the window. Both "ge" and "le" are inclusive, and
// nothing else is accepted: so the documentation, and so the service.
func (c *criteria) bound(operator string, value odata.Token) error {
	if value.Kind != odata.Word {
		return odata.Errorf("A binary operator with incompatible types was detected. Found operand types " +
			"'Edm.DateTimeOffset' and 'Edm.String' for operator kind 'GreaterThanOrEqual'.")
	}
	at, ok := parseTime(value.Text)
	if !ok {
		return odata.Errorf("'%s' is not a valid Edm.DateTimeOffset.", value.Text)
	}
	switch operator {
	case "ge":
		c.start = &at
	case "le":
		c.end = &at
	default:
		return odata.Errorf("The operator '%s' is not supported for the property 'receivedDateTime'.", operator)
	}
	return nil
}

// parseTime reads a date as OData writes it, with a zone.
func parseTime(text string) (time.Time, bool) {
	return odata.ParseTime(text, time.RFC3339, "2006-01-02T15:04Z07:00")
}

func isStatus(text string) bool {
	return slices.Contains([]mail.Status{
		mail.GettingStatus, mail.Pending, mail.Failed, mail.Delivered, mail.Expanded, mail.Quarantined,
		mail.FilteredAsSpam, mail.Recalled, unknownStatus,
	}, mail.Status(text))
}

// match returns what picks rows, or nil if all will do.
func (c *criteria) match() func(*mail.Row, mail.Status) bool {
	if len(c.equal) == 0 && c.subject == "" {
		return nil
	}
	return func(row *mail.Row, status mail.Status) bool {
		for name, value := range c.equal {
			if !matches(row, status, name, value) {
				return false
			}
		}
		return c.subject == "" || c.matchesSubject(row.Subject)
	}
}

func matches(row *mail.Row, status mail.Status, name, value string) bool {
	switch name {
	case "senderAddress":
		return matchesAddress(row.Sender, value)
	case "recipientAddress":
		return matchesAddress(row.Recipient, value)
	case "status":
		return string(status) == value
	case "id":
		return strings.EqualFold(row.ID, value)
	case "messageId":
		return row.MessageID != nil && *row.MessageID == value
	case "fromIP":
		return row.FromIP != nil && strings.EqualFold(*row.FromIP, value)
	default: // toIP
		return row.ToIP != nil && strings.EqualFold(*row.ToIP, value)
	}
}

// matchesAddress compares without case; "*@contoso.com" stands for a domain.
func matchesAddress(address, value string) bool {
	if domain, ok := strings.CutPrefix(value, "*@"); ok {
		return strings.EqualFold(address[strings.LastIndexByte(address, '@')+1:], domain)
	}
	return strings.EqualFold(address, value)
}

func (c *criteria) matchesSubject(subject *string) bool {
	if subject == nil {
		return false
	}
	text, part := strings.ToLower(*subject), strings.ToLower(c.subjectText)
	switch c.subject {
	case "startswith":
		return strings.HasPrefix(text, part)
	case "endswith":
		return strings.HasSuffix(text, part)
	default:
		return strings.Contains(text, part)
	}
}
