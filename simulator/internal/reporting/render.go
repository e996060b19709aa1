// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"strconv"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// page is what goes into an answer.
type page struct {
	base         string // of addresses, as the service writes itself
	organization string
	rows         []mail.Sighting
	first        int       // number of the first row in the whole result
	start, end   time.Time // the window, which comes back with every row
	next         string
	made         time.Time
}

const entityType = "TenantReporting.MessageTrace"

// property writes the value of a text that may be null.
type property func(dst []byte, s string) []byte

func nullable(dst []byte, s *string, write property) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return write(dst, *s)
}

// address is an IP address. Where Graph has an empty one, for mail that came in,
// this service has null: so all recorded rows.
func address(s *string) *string {
	if s != nil && *s == "" {
		return nil
	}
	return s
}

// appendStatus writes a status in Pascal case; Graph has it in camel case.
func appendStatus(dst []byte, status mail.Status, write property) []byte {
	from := len(dst)
	dst = write(dst, string(status))
	for i := from; i < len(dst); i++ {
		if c := dst[i]; c >= 'a' && c <= 'z' {
			dst[i] -= 'a' - 'A'
			break
		} else if c != '"' {
			break
		}
	}
	return dst
}

// appendLight writes JSON light, which is what public fixtures of it have.
func appendLight(dst []byte, p *page) []byte {
	dst = append(dst, `{"odata.metadata":`...)
	dst = odata.AppendASCII(dst, p.base+"$metadata#"+report)
	dst = append(dst, `,"value":[`...)
	window := append(appendTime([]byte(`,"StartDate":"`), p.start, "Z"), `","EndDate":"`...)
	window = append(appendTime(window, p.end, "Z"), `","Index":`...)
	for i := range p.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		row := p.rows[i].Row
		dst = append(dst, `{"Organization":`...)
		dst = odata.AppendASCII(dst, p.organization)
		dst = append(dst, `,"MessageId":`...)
		dst = nullable(dst, row.MessageID, odata.AppendASCII)
		dst = append(dst, `,"Received":"`...)
		dst = appendTime(dst, row.Received, "") // no zone, up to seven digits
		dst = append(dst, '"')
		dst = appendMiddle(dst, &p.rows[i])
		dst = append(dst, window...)
		dst = append(strconv.AppendInt(dst, int64(p.first+i), 10), '}')
	}
	dst = append(dst, ']')
	if p.next != "" {
		dst = odata.AppendASCII(append(dst, `,"odata.nextLink":`...), p.next)
	}
	return append(dst, '}')
}

// appendVerbose writes verbose JSON, which knows of time in milliseconds only.
func appendVerbose(dst []byte, p *page) []byte {
	dst = append(dst, `{"d":{"results":[`...)
	address := odata.AppendASCII(nil, p.base+report+"(")
	address = address[:len(address)-1]
	window := append(appendMillis([]byte(`,"StartDate":`), p.start), `,"EndDate":`...)
	window = append(appendMillis(window, p.end), `,"Index":`...)
	for i := range p.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		row, index := p.rows[i].Row, int64(p.first+i)
		dst = append(append(dst, `{"__metadata":{"id":`...), address...)
		dst = append(append(strconv.AppendInt(dst, index, 10), `)","uri":`...), address...)
		dst = append(strconv.AppendInt(dst, index, 10), `)","type":"`+entityType+`"},"Organization":`...)
		dst = odata.AppendASCII(dst, p.organization)
		dst = append(dst, `,"MessageId":`...)
		dst = nullable(dst, row.MessageID, odata.AppendASCII)
		dst = append(dst, `,"Received":`...)
		dst = appendMillis(dst, row.Received)
		dst = appendMiddle(dst, &p.rows[i])
		dst = append(dst, window...)
		dst = append(strconv.AppendInt(dst, index, 10), '}')
	}
	dst = append(dst, ']')
	if p.next != "" {
		dst = odata.AppendASCII(append(dst, `,"__next":`...), p.next)
	}
	return append(dst, "}}"...)
}

// appendMiddle writes the members that look the same in both kinds of JSON.
func appendMiddle(dst []byte, s *mail.Sighting) []byte {
	row := s.Row
	dst = append(dst, `,"SenderAddress":`...)
	dst = odata.AppendASCII(dst, row.Sender)
	dst = append(dst, `,"RecipientAddress":`...)
	dst = odata.AppendASCII(dst, row.Recipient)
	dst = append(dst, `,"Subject":`...)
	dst = nullable(dst, row.Subject, odata.AppendASCII)
	dst = append(dst, `,"Status":`...)
	dst = appendStatus(dst, s.Status, odata.AppendASCII)
	dst = append(dst, `,"ToIP":`...)
	dst = nullable(dst, address(row.ToIP), odata.AppendASCII)
	dst = append(dst, `,"FromIP":`...)
	dst = nullable(dst, address(row.FromIP), odata.AppendASCII)
	dst = append(dst, `,"Size":`...)
	dst = strconv.AppendInt(dst, int64(row.Size), 10)
	dst = append(dst, `,"MessageTraceId":`...)
	return odata.AppendASCII(dst, row.ID)
}

// appendMillis writes a date of verbose JSON.
func appendMillis(dst []byte, t time.Time) []byte {
	dst = append(dst, `"\/Date(`...)
	dst = strconv.AppendInt(dst, t.UnixMilli(), 10)
	return append(dst, `)\/"`...)
}
