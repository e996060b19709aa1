// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"bytes"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

// dialect reads JSON light and verbose JSON alike: an array under value, or under d, or under results in d.
var dialect = source.Dialect{
	Properties:  properties,
	Received:    "Received",
	Fingerprint: withoutEchoes,
	Rows:        []string{"value", "results"},
	Link:        []string{"odata.nextLink", "__next"},
	Envelope:    "d",
	Names: source.Names{
		Sender:    "SenderAddress",
		Recipient: "RecipientAddress",
		Status:    "Status",
		Omittable: map[source.Property]string{
			source.Subject:   "Subject",
			source.MessageID: "MessageId",
			source.FromIP:    "FromIP",
			source.ToIP:      "ToIP",
			source.Size:      "Size",
		},
	},
}

// properties assigns the properties of the entity type TenantReporting.MessageTrace.
func properties(r *trace.Row, name []byte) (text *[]byte, number *trace.Number) {
	switch string(name) {
	case "Organization":
		return &r.Organization, nil
	case "MessageId":
		return &r.MessageID, nil
	case "SenderAddress":
		return &r.Sender, nil
	case "RecipientAddress":
		return &r.Recipient, nil
	case "Subject":
		return &r.Subject, nil
	case "Status":
		return &r.Status, nil
	case "ToIP":
		return &r.ToIP, nil
	case "FromIP":
		return &r.FromIP, nil
	case "Size":
		return nil, &r.Size
	case "MessageTraceId":
		return &r.ID, nil
	case "Index":
		return nil, &r.Index
	}
	return nil, nil
}

// echoes are the properties that merely repeat the query or give a row's place in its result.
var echoes = map[string]bool{"StartDate": true, "EndDate": true, "Index": true, "__metadata": true}

// withoutEchoes returns the text of a row without its echoes.
func withoutEchoes(raw []byte) []byte {
	return source.Cut(raw, func(name string) bool { return echoes[name] })
}

// decode reads a page in whatever format came back.
func decode(body []byte, dialect source.Dialect, asked int) *source.Page {
	if text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\uFEFF")), " \t\r\n"); len(text) > 0 && text[0] == '<' {
		return fromAtom(text, dialect, asked)
	}
	return source.NewPage(body, dialect, asked)
}
