// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"strconv"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	atomNamespace     = "http://www.w3.org/2005/Atom"
	dataNamespace     = "http://schemas.microsoft.com/ado/2007/08/dataservices"
	metadataNamespace = dataNamespace + "/metadata"
)

// appendAtom writes a feed. Its head is that of another report in Microsoft's
// documentation; the entries are as WCF Data Services write them, for nobody has
// published one of the message trace.
func appendAtom(dst []byte, p *page) []byte {
	updated := p.made.UTC().Format(time.RFC3339)
	dst = append(dst, `<?xml version="1.0" encoding="utf-8"?><feed xml:base="`...)
	dst = appendXML(dst, p.base)
	dst = append(dst, `" xmlns="`+atomNamespace+`" xmlns:d="`+dataNamespace+`" xmlns:m="`+metadataNamespace+`"><id>`...)
	dst = appendXML(dst, p.base+report)
	dst = append(dst, `</id><title type="text">`+report+`</title><updated>`...)
	dst = append(dst, updated...)
	dst = append(dst, `</updated>`...)
	if len(p.rows) == 0 { // RFC 4287 wants an author if no entry has one
		dst = append(dst, `<author><name /></author>`...)
	}
	dst = append(dst, `<link rel="self" title="`+report+`" href="`+report+`" />`...)
	head := append(appendXML([]byte(`<entry><id>`), p.base+report), '(')
	middle := []byte(`)</id><category term="` + entityType + `" scheme="` + dataNamespace + `/scheme" />` +
		`<link rel="edit" title="` + report + `" href="` + report + `(`)
	tail := []byte(`)" /><title /><updated>` + updated + `</updated><author><name /></author>` +
		`<content type="application/xml"><m:properties>`)
	tail = appendText(tail, "Organization", &p.organization)
	window := append(appendTime([]byte(`<d:StartDate m:type="Edm.DateTime">`), p.start, "Z"), `</d:StartDate>`...)
	window = append(appendTime(append(window, `<d:EndDate m:type="Edm.DateTime">`...), p.end, "Z"),
		`</d:EndDate><d:Index m:type="Edm.Int32">`...)
	for i := range p.rows {
		index := int64(p.first + i)
		dst = strconv.AppendInt(append(dst, head...), index, 10)
		dst = strconv.AppendInt(append(dst, middle...), index, 10)
		dst = append(dst, tail...)
		dst = appendProperties(dst, &p.rows[i])
		dst = strconv.AppendInt(append(dst, window...), index, 10)
		dst = append(dst, `</d:Index></m:properties></content></entry>`...)
	}
	if p.next != "" {
		dst = append(dst, `<link rel="next" href="`...)
		dst = append(appendXML(dst, p.next), `" />`...)
	}
	return append(dst, `</feed>`...)
}

// appendProperties writes what differs from row to row.
func appendProperties(dst []byte, s *mail.Sighting) []byte {
	row := s.Row
	dst = appendText(dst, "MessageId", row.MessageID)
	dst = append(dst, `<d:Received m:type="Edm.DateTime">`...)
	dst = appendTime(dst, row.Received, "")
	dst = append(dst, `</d:Received>`...)
	dst = appendText(dst, "SenderAddress", &row.Sender)
	dst = appendText(dst, "RecipientAddress", &row.Recipient)
	dst = appendText(dst, "Subject", row.Subject)
	dst = append(dst, `<d:Status>`...)
	dst = appendStatus(dst, s.Status, appendXML)
	dst = append(dst, `</d:Status>`...)
	dst = appendText(dst, "ToIP", address(row.ToIP))
	dst = appendText(dst, "FromIP", address(row.FromIP))
	dst = append(dst, `<d:Size m:type="Edm.Int32">`...)
	dst = strconv.AppendInt(dst, int64(row.Size), 10)
	dst = append(dst, `</d:Size><d:MessageTraceId m:type="Edm.Guid">`...)
	dst = appendXML(dst, row.ID)
	return append(dst, `</d:MessageTraceId>`...)
}

// appendText writes a property. Space at either end is marked as meant, as WCF
// Data Services do.
func appendText(dst []byte, name string, s *string) []byte {
	dst = append(append(dst, "<d:"...), name...)
	if s == nil {
		return append(dst, ` m:null="true" />`...)
	}
	if n := len(*s); n > 0 && (space((*s)[0]) || space((*s)[n-1])) {
		dst = append(dst, ` xml:space="preserve"`...)
	}
	dst = appendXML(append(dst, '>'), *s)
	dst = append(append(dst, "</d:"...), name...)
	return append(dst, '>')
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
