// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

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

// echoes are the properties that merely repeat the query or say where in its result a row is.
var echoes = map[string]bool{"StartDate": true, "EndDate": true, "Index": true, "__metadata": true}

// withoutEchoes returns the text of a row without its echoes.
func withoutEchoes(raw []byte) []byte {
	var kept []byte
	dec := jsontext.NewDecoder(bytes.NewBuffer(bytes.Clone(raw)), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return raw
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return raw
		}
		echo := echoes[string(name[1:len(name)-1])]
		if !echo {
			kept = append(append(kept, name...), ':')
		}
		value, err := dec.ReadValue()
		if err != nil {
			return raw
		}
		if !echo {
			kept = append(append(kept, value...), ',')
		}
	}
	return kept
}

// decode reads a page in whatever format came back.
func decode(body []byte) (*source.Page, error) {
	if text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\uFEFF")), " \t\r\n"); len(text) > 0 && text[0] == '<' {
		converted, err := fromAtom(text)
		if err != nil {
			return nil, err
		}
		body = converted
	}
	return source.NewPage(body, dialect), nil
}
