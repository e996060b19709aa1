// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"strconv"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// bytesPerRow is about what a row takes, to allocate a page at once.
const bytesPerRow = 420

// unknownStatus stands for statuses that were added after the first release,
// unless the client asks for them.
const unknownStatus mail.Status = "unknownFutureValue"

// appendPage renders a page. Tests read millions of rows, so this appends
// instead of reflecting.
func appendPage(dst []byte, context, next string, page []mail.Sighting, allStatuses bool) []byte {
	dst = append(dst, '{')
	dst = appendMember(dst, "@odata.context", context)
	if next != "" {
		dst = append(dst, ',')
		dst = appendMember(dst, "@odata.nextLink", next)
	}
	dst = append(dst, `,"value":[`...)
	for i := range page {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, &page[i], allStatuses)
	}
	return append(dst, "]}"...)
}

// appendRow renders a row, its members in the order of the documentation.
func appendRow(dst []byte, s *mail.Sighting, allStatuses bool) []byte {
	row, status := s.Row, s.Status
	if !allStatuses && !firstRelease(status) {
		status = unknownStatus
	}
	dst = append(dst, `{"id":`...)
	dst = odata.AppendString(dst, row.ID)
	dst = append(dst, `,"senderAddress":`...)
	dst = odata.AppendString(dst, row.Sender)
	dst = append(dst, `,"recipientAddress":`...)
	dst = odata.AppendString(dst, row.Recipient)
	dst = append(dst, `,"messageId":`...)
	dst = appendNullable(dst, row.MessageID)
	dst = append(dst, `,"receivedDateTime":"`...)
	dst = odata.AppendTime(dst, row.Received, time.Millisecond, "Z")
	dst = append(dst, `","subject":`...)
	dst = appendNullable(dst, row.Subject)
	dst = append(dst, `,"size":`...)
	dst = strconv.AppendInt(dst, int64(row.Size), 10)
	dst = append(dst, `,"fromIP":`...)
	dst = appendNullable(dst, row.FromIP)
	dst = append(dst, `,"toIP":`...)
	dst = appendNullable(dst, row.ToIP)
	dst = append(dst, `,"status":`...)
	dst = odata.AppendString(dst, string(status))
	return append(dst, '}')
}

// firstRelease reports whether a status comes before unknownFutureValue in
// Microsoft's metadata.
func firstRelease(s mail.Status) bool {
	switch s {
	case mail.GettingStatus, mail.Pending, mail.Failed, mail.Delivered, mail.Expanded, mail.Quarantined, mail.FilteredAsSpam:
		return true
	default:
		return false
	}
}

func appendMember(dst []byte, name, value string) []byte {
	dst = odata.AppendString(dst, name)
	dst = append(dst, ':')
	return odata.AppendString(dst, value)
}

func appendNullable(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return odata.AppendString(dst, *s)
}
