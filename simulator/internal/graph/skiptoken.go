// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

// skiptoken is the cursor inside @odata.nextLink, base64 of JSON as seen in
// links of the real service: a place in the order, not a number of rows. EndDate
// and StartingRecipientAddress are those of the last row sent.
type skiptoken struct {
	StartDate                string
	EndDate                  string
	StartingRecipientAddress string
	ResultSize               string
	// LastID is the simulator's own. Time and recipient alone do not tell rows
	// apart that share both, and a simulator must not lose rows by accident.
	LastID string `json:"LastId,omitempty"`
}

const tokenTime = "2006-01-02T15:04:05.0000000Z"

// nextLink returns the URL of the page behind a row. It repeats the options of
// the request, as documented.
func (r *pageRequest) nextLink(address string, last *mail.Row) string {
	at := mail.PositionOf(last)
	text, err := json.Marshal(skiptoken{
		StartDate:                r.start.UTC().Format(tokenTime),
		EndDate:                  at.Received.UTC().Format(tokenTime),
		StartingRecipientAddress: at.Recipient,
		ResultSize:               strconv.Itoa(r.size),
		LastID:                   at.ID,
	})
	if err != nil {
		return "" // never: strings only
	}
	var link strings.Builder
	link.WriteString(address + "?")
	if r.filter != "" {
		link.WriteString("$filter=" + url.QueryEscape(r.filter) + "&")
	}
	if r.top != "" {
		link.WriteString("$top=" + url.QueryEscape(r.top) + "&")
	}
	link.WriteString("$skiptoken=" + url.QueryEscape(base64.RawStdEncoding.EncodeToString(text)))
	return link.String()
}

// resume continues behind the row that a token names. The token's window
// replaces that of the filter, which is how a broken token breaks a request.
func (r *pageRequest) resume(token string) *failure {
	token = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(token), "=")
	text, err := base64.RawStdEncoding.DecodeString(token)
	if err != nil {
		return badRequest("The skip token in the request is invalid.")
	}
	var t skiptoken
	if err := json.Unmarshal(text, &t); err != nil {
		return badRequest("The skip token in the request is invalid.")
	}
	start, ok := parseTime(t.StartDate)
	if !ok {
		return cannotConvert("StartDate", t.StartDate)
	}
	end, ok := parseTime(t.EndDate)
	if !ok {
		return cannotConvert("EndDate", t.EndDate)
	}
	if t.StartingRecipientAddress == "" && t.LastID == "" {
		return badRequest("|System.ArgumentException|Invalid starting recipient address")
	}
	if r.size, err = strconv.Atoi(t.ResultSize); err != nil {
		return cannotConvert("ResultSize", t.ResultSize)
	}
	if r.size < 1 || r.size > maxSize {
		return badRequest("ResultSize is invalid")
	}
	r.start, r.end = start, end
	r.after = &mail.Position{Received: end.Truncate(time.Millisecond), Recipient: t.StartingRecipientAddress, ID: t.LastID}
	return nil
}

// cannotConvert is the service's error about tokens whose values it has quoted
// twice.
func cannotConvert(parameter, value string) *failure {
	return badRequest("Cannot process argument transformation on parameter '%s'. Cannot convert value \"%s\".", parameter, value)
}
