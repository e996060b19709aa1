// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// AllStaff returns the rows of one message to all mailboxes of a domain: they share
// everything but the recipient, down to the instant of receipt. Each is visible and
// delivered from then on. The same arguments give the same message.
func AllStaff(domain string, received time.Time, recipients int) []mail.Row {
	row := mail.Row{
		ID:        fmt.Sprintf("a1157aff-%04x-4000-8000-%012x", recipients&0xffff, received.UnixMilli()&0xffff_ffff_ffff),
		MessageID: new(fmt.Sprintf("<all-staff.%d@%s>", received.UnixMilli(), domain)),
		Received:  received,
		Sender:    "ceo.office@" + domain,
		Subject:   new("To all staff"),
		FromIP:    new("203.0.113.7"),
		ToIP:      new(""),
		Size:      40_960,
		Timeline:  []mail.Change{{At: received, Status: mail.Delivered}},
	}
	rows := make([]mail.Row, recipients)
	for i := range rows {
		rows[i] = row
		rows[i].Recipient = fmt.Sprintf("staff.%06d@%s", i, domain)
	}
	return rows
}
