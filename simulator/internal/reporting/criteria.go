// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"cmp"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// criteria is what a filter comes down to.
type criteria struct {
	start, end *time.Time
	conditions []condition // all of which must hold
}

// condition compares a property with a value of its type.
type condition struct {
	property, operator string
	null               bool
	text               string
	number             int64
	time               time.Time
}

type propertyKind int

const (
	textProperty propertyKind = iota
	dateProperty
	numberProperty
	guidProperty
)

// systemType is how WCF Data Services call it in errors.
func (k propertyKind) systemType() string {
	return [...]string{
		textProperty: "System.String", dateProperty: "System.DateTime", numberProperty: "System.Int32", guidProperty: "System.Guid",
	}[k]
}

// properties are those of a row, by Microsoft's documentation of the report and,
// for Index, by recorded answers. Size and Index are numbers in verbose JSON,
// which an Edm.Int64 would not be.
var properties = map[string]propertyKind{
	"Organization": textProperty, "MessageId": textProperty, "SenderAddress": textProperty, "RecipientAddress": textProperty,
	"Subject": textProperty, "Status": textProperty, "ToIP": textProperty, "FromIP": textProperty,
	"Received": dateProperty, "StartDate": dateProperty, "EndDate": dateProperty,
	"Size": numberProperty, "MessageTraceId": guidProperty,
}

// match returns what picks rows of an organization, or nil if all will do.
func (c *criteria) match(organization string) func(*mail.Row, mail.Status) bool {
	if len(c.conditions) == 0 {
		return nil
	}
	return func(row *mail.Row, status mail.Status) bool {
		for i := range c.conditions {
			if !c.conditions[i].holds(organization, row, status) {
				return false
			}
		}
		return true
	}
}

func (c *condition) holds(organization string, row *mail.Row, status mail.Status) bool {
	switch c.property {
	case "Organization":
		return c.compare(&organization, true)
	case "MessageId":
		return c.compare(row.MessageID, false)
	case "SenderAddress":
		return c.address(&row.Sender)
	case "RecipientAddress":
		return c.address(&row.Recipient)
	case "Subject":
		return c.compare(row.Subject, false)
	case "Status":
		return c.compare((*string)(&status), true)
	case "ToIP":
		return c.compare(address(row.ToIP), true)
	case "FromIP":
		return c.compare(address(row.FromIP), true)
	case "MessageTraceId":
		return c.compare(&row.ID, true)
	case "Received":
		return c.ordered(row.Received.Truncate(100 * time.Nanosecond).Compare(c.time))
	default: // Size
		return c.ordered(cmp.Compare(int64(row.Size), c.number))
	}
}

// address compares without case; "*@contoso.com" stands for a domain, as in the
// cmdlet.
func (c *condition) address(s *string) bool {
	if domain, ok := strings.CutPrefix(c.text, "*@"); ok && c.operator == "eq" {
		return strings.EqualFold((*s)[strings.LastIndexByte(*s, '@')+1:], domain)
	}
	return c.compare(s, true)
}

func (c *condition) compare(s *string, fold bool) bool {
	if c.null || s == nil {
		equal := c.null && s == nil
		return equal && c.operator == "eq" || !equal && c.operator == "ne"
	}
	have, want := *s, c.text
	if fold {
		have, want = strings.ToLower(have), strings.ToLower(want)
	}
	return c.ordered(cmp.Compare(have, want))
}

func (c *condition) ordered(sign int) bool {
	if c.null {
		return c.operator == "ne"
	}
	switch c.operator {
	case "eq":
		return sign == 0
	case "ne":
		return sign != 0
	case "gt":
		return sign > 0
	case "ge":
		return sign >= 0
	case "lt":
		return sign < 0
	default:
		return sign <= 0
	}
}
