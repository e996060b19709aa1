// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

var dialect = source.Dialect{
	Properties:  properties,
	Received:    "receivedDateTime",
	Fingerprint: func(raw []byte) []byte { return raw },
	Rows:        []string{"value"},
	Link:        []string{"@odata.nextLink"},
	Names: source.Names{
		Sender:    "senderAddress",
		Recipient: "recipientAddress",
		Status:    "status",
		Omittable: map[source.Property]string{
			source.Subject:   "subject",
			source.MessageID: "messageId",
			source.FromIP:    "fromIP",
			source.ToIP:      "toIP",
			source.Size:      "size",
		},
	},
}

// properties assigns the properties of the resource type exchangeMessageTrace.
func properties(r *trace.Row, name []byte) (text *[]byte, number *trace.Number) {
	switch string(name) {
	case "id":
		return &r.ID, nil
	case "senderAddress":
		return &r.Sender, nil
	case "recipientAddress":
		return &r.Recipient, nil
	case "messageId":
		return &r.MessageID, nil
	case "subject":
		return &r.Subject, nil
	case "fromIP":
		return &r.FromIP, nil
	case "toIP":
		return &r.ToIP, nil
	case "status":
		return &r.Status, nil
	case "size":
		return nil, &r.Size
	}
	return nil, nil
}
