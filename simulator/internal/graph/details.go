// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/http"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	functionStart = "getDetailsByRecipient(recipientAddress='"
	functionEnd   = "')"
)

// detailsOf reads a path that asks for the details of a row. Names of functions
// and parameters do not mind their case, as paths do not.
func detailsOf(path string) (id, recipient string, ok bool) {
	if len(path) <= len(resourcePath) || !strings.EqualFold(path[:len(resourcePath)+1], resourcePath+"/") {
		return "", "", false
	}
	id, function, _ := strings.Cut(path[len(resourcePath)+1:], "/")
	if len(function) < len(functionStart)+len(functionEnd) || !strings.EqualFold(function[:len(functionStart)], functionStart) {
		return "", "", false
	}
	quoted, ok := strings.CutSuffix(function[len(functionStart):], functionEnd)
	// A quote inside is written twice; one alone would end the text.
	recipient = strings.ReplaceAll(quoted, "''", "'")
	return id, recipient, ok && !strings.Contains(strings.ReplaceAll(quoted, "''", ""), "'")
}

// details answers what has happened to a message on its way to a recipient. Of
// what it does not know, and of what it keeps no longer, there is nothing: so it
// is of the cmdlet behind it.
func (a *API) details(x *exchange.Exchange, id, recipient string) {
	if x.Request.Method != http.MethodGet {
		x.Writer.Header().Set("Allow", http.MethodGet)
		refuse(x, wrongMethod(x.Request.Method))
		return
	}
	var events []mail.Event
	row, found := a.Store.Find(id, recipient)
	if found && row.Received.After(x.Now.AddDate(0, 0, -maxAgeDays)) {
		events = row.Details(x.Now)
	}
	x.Rows = len(events)
	root, _, _ := strings.Cut(strings.TrimPrefix(x.Request.URL.Path, "/"), "/")
	context := x.BaseURL() + "/" + root + "/$metadata#Collection(microsoft.graph.exchangeMessageTraceDetail)"
	text := appendMember([]byte("{"), "@odata.context", context)
	text = append(text, `,"value":[`...)
	for i := range events {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendEvent(text, &row, &events[i])
	}
	x.JSON(http.StatusOK, append(text, "]}"...))
}

// appendEvent renders an event, its members in the order of the documentation.
func appendEvent(dst []byte, row *mail.Row, e *mail.Event) []byte {
	dst = append(appendMember(append(dst, '{'), "id", row.ID), `,"messageId":`...)
	dst = append(appendNullable(dst, row.MessageID), `,"dateTime":"`...)
	dst = append(odata.AppendTime(dst, e.At, time.Millisecond, "Z"), `",`...)
	for _, member := range []struct{ name, value string }{
		{"event", e.Event}, {"action", e.Action}, {"description", e.Text},
	} {
		dst = append(appendMember(dst, member.name, member.value), ',')
	}
	return append(appendMember(dst, "data", e.Data), '}')
}
