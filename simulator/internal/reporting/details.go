// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"net/http"
	"strconv"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// detailReport is the report of what has happened to a message on its way to a
// recipient. What is known of it, public code shows that reads it.
const detailReport = "MessageTraceDetail"

const detailType = "TenantReporting." + detailReport

// cell is a property of an event. Without a text it is null.
type cell struct {
	name string
	text *string
	// at is the date of a property that is one.
	at *time.Time
	// number is set for the Index alone.
	number *int
}

// events answers the details of one row, in whatever format is asked for. Both
// who and what are needed, as for the cmdlet behind it; the text is made up.
func (a *API) events(x *exchange.Exchange) {
	if x.Request.Method != http.MethodGet {
		x.Writer.Header().Set("Allow", http.MethodGet)
		refuse(x, wrongMethod())
		return
	}
	ask, e := parseRequest(x.Request.URL.RawQuery, x.Clock())
	if e != nil {
		refuse(x, e)
		return
	}
	how, e := formatOf(ask.format, x.Request.Header)
	if e != nil {
		refuse(x, e)
		return
	}
	id, recipient := ask.where.equal("MessageTraceId"), ask.where.equal("RecipientAddress")
	if id == "" || recipient == "" {
		refuse(x, badRequest("The filter must compare MessageTraceId and RecipientAddress with a value."))
		return
	}
	var rows [][]cell
	if row, found := a.Store.Find(id, recipient); found && !row.Received.Before(ask.start) && !row.Received.After(ask.end) {
		for i, event := range row.Details(x.Now) {
			rows = append(rows, a.cells(&row, &event, i))
		}
	}
	x.Start, x.End, x.Rows = ask.start, ask.end, len(rows)
	x.Writer.Header().Set("DataServiceVersion", how.version())
	x.Send(http.StatusOK, how.contentType(), how.renderDetails(x.BaseURL()+written, rows, x.Clock()))
}

// equal returns the value that a text must have, empty if it may have any.
func (c *criteria) equal(property string) string {
	for i := range c.conditions {
		if c.conditions[i].property == property && c.conditions[i].operator == "eq" {
			return c.conditions[i].text
		}
	}
	return ""
}

// cells are the properties of an event. The service leaves StartDate and EndDate
// empty here, says public code.
func (a *API) cells(row *mail.Row, e *mail.Event, index int) []cell {
	return []cell{
		{name: "Organization", text: &a.Organization},
		{name: "MessageId", text: row.MessageID},
		{name: "MessageTraceId", text: &row.ID},
		{name: "Date", at: &e.At},
		{name: "Event", text: &e.Event},
		{name: "Action", text: &e.Action},
		{name: "Detail", text: &e.Text},
		{name: "Data", text: &e.Data},
		{name: "SenderAddress", text: &row.Sender},
		{name: "RecipientAddress", text: &row.Recipient},
		{name: "StartDate"},
		{name: "EndDate"},
		{name: "Index", number: &index},
	}
}

func (f format) renderDetails(base string, rows [][]cell, now time.Time) []byte {
	switch f {
	case light:
		text := odata.AppendASCII([]byte(`{"odata.metadata":`), base+"$metadata#"+detailReport)
		return append(appendDetails(append(text, `,"value":[`...), rows, appendLightDate, nil), "]}"...)
	case verbose:
		head := func(dst []byte, i int) []byte {
			address := base + detailReport + "(" + strconv.Itoa(i) + ")"
			dst = odata.AppendASCII(append(dst, `"__metadata":{"id":`...), address)
			dst = odata.AppendASCII(append(dst, `,"uri":`...), address)
			return append(dst, `,"type":"`+detailType+`"},`...)
		}
		return append(appendDetails([]byte(`{"d":{"results":[`), rows, appendMillis, head), "]}}"...)
	default:
		return appendDetailsAtom(base, rows, now)
	}
}

func appendLightDate(dst []byte, at time.Time) []byte {
	return append(appendTime(append(dst, '"'), at, ""), '"')
}

func appendDetails(dst []byte, rows [][]cell, date func([]byte, time.Time) []byte, head func([]byte, int) []byte) []byte {
	for i, row := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if head != nil {
			dst = head(dst, i)
		}
		for j, c := range row {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(odata.AppendASCII(dst, c.name), ':')
			switch {
			case c.at != nil:
				dst = date(dst, *c.at)
			case c.number != nil:
				dst = strconv.AppendInt(dst, int64(*c.number), 10)
			default:
				dst = nullable(dst, c.text, odata.AppendASCII)
			}
		}
		dst = append(dst, '}')
	}
	return dst
}

func appendDetailsAtom(base string, rows [][]cell, now time.Time) []byte {
	updated := now.UTC().Format(time.RFC3339)
	dst := appendXML([]byte(`<?xml version="1.0" encoding="utf-8"?><feed xml:base="`), base)
	dst = append(dst, `" xmlns="`+atomNamespace+`" xmlns:d="`+dataNamespace+`" xmlns:m="`+metadataNamespace+`"><id>`...)
	dst = append(appendXML(dst, base+detailReport), `</id><title type="text">`+detailReport+`</title><updated>`+updated+`</updated>`...)
	for i, row := range rows {
		dst = append(appendXML(append(dst, `<entry><id>`...), base+detailReport+"("+strconv.Itoa(i)+")"), `</id>`...)
		dst = append(dst, `<title /><updated>`+updated+`</updated><author><name /></author><content type="application/xml"><m:properties>`...)
		for _, c := range row {
			switch {
			case c.at != nil:
				dst = append(dst, "<d:"+c.name+` m:type="Edm.DateTime">`...)
				dst = append(appendTime(dst, *c.at, ""), "</d:"+c.name+">"...)
			case c.number != nil:
				dst = append(dst, "<d:"+c.name+` m:type="Edm.Int32">`+strconv.Itoa(*c.number)+"</d:"+c.name+">"...)
			default:
				dst = appendText(dst, c.name, c.text)
			}
		}
		dst = append(dst, `</m:properties></content></entry>`...)
	}
	return append(dst, `</feed>`...)
}
