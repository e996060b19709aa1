// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const traceID = "7e3b2b2e-1b5e-4b17-80cc-2af6c1d9a3b1"

func deliveredTo(recipient string, received time.Time) mail.Row {
	return mail.Row{ID: traceID, MessageID: new("<1@contoso.com>"), Recipient: recipient, Received: received}
}

// detailsPath is the path under which the details of a recipient are asked for.
func detailsPath(recipient string) string {
	return endpoint + "/" + traceID + "/getDetailsByRecipient(recipientAddress='" + recipient + "')"
}

func TestDetails(t *testing.T) {
	long := noon.Add(-24 * time.Hour)
	rows := []mail.Row{
		deliveredTo("o'neil@contoso.com", long), deliveredTo("a+b/c@contoso.com", long), deliveredTo("jürgen@contoso.com", long),
		deliveredTo("forgotten@contoso.com", noon.AddDate(0, 0, -91)),
	}
	a := newAPI(t, rows...)
	for address, want := range map[string]bool{
		detailsPath("o''neil@contoso.com"):                                            true,
		detailsPath("O%27%27NEIL%40contoso.com"):                                      true,
		detailsPath("a%2Bb%2Fc@contoso.com"):                                          true,
		detailsPath("a+b/c@contoso.com"):                                              true,
		detailsPath("j%C3%BCrgen@contoso.com"):                                        true,
		detailsPath("nobody@contoso.com"):                                             false,
		detailsPath("forgotten@contoso.com"):                                          false,
		endpoint + "/x/GETDETAILSBYRECIPIENT(recipientaddress='o''neil@contoso.com')": false,
	} {
		r := request(t, address)
		x, w := serve(t, a, r)
		require.Equal(t, http.StatusOK, w.Code, address)
		p := decode(t, w)
		assert.Equal(t, host+"/v1.0/$metadata#Collection(microsoft.graph.exchangeMessageTraceDetail)", p.Context)
		assert.Equal(t, want, len(p.Value) > 0, address)
		assert.Len(t, p.Value, x.Rows)
		assert.True(t, a.Look(&exchange.Exchange{Request: r, Now: noon}), address)
	}
	_, w := serve(t, a, request(t, detailsPath("o''neil@contoso.com")))
	first := decode(t, w).Value[0]
	assert.Equal(t, map[string]any{
		"id": traceID, "messageId": "<1@contoso.com>", "dateTime": "2026-01-21T12:00:00Z", "event": "Receive", "action": "",
		"description": "Message received by: EXCH01.contoso.com",
		"data":        `<root><MEP Name="ServerHostName" String="EXCH01"/><MEP Name="ClientIP" String=""/><MEP Name="SequenceNumber" Long="0"/></root>`,
	}, first)
}

func TestWhatDoesNotAskForDetails(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{
		"/", "/" + traceID, "/" + traceID + "/getDetails()", "/x/getDetailsByRecipient(recipientAddress='a'b')",
		"/x/getDetailsByRecipient(recipientAddress=')", "/x/getDetailsByRecipient(recipientAddress='a'",
	} {
		r := request(t, host+"/v1.0"+resourcePath)
		r.URL = &url.URL{Scheme: "https", Host: r.URL.Host, Path: "/v1.0" + resourcePath + path}
		_, w := serve(t, a, r)
		assert.Equal(t, http.StatusBadRequest, w.Code, path)
		assert.False(t, a.Look(&exchange.Exchange{Request: r, Now: noon}), path)
	}
	r := request(t, detailsPath("a@contoso.com"))
	r.Method = http.MethodPost
	_, w := serve(t, a, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestTheQuotaOfDetails(t *testing.T) {
	for name, own := range map[string]*Quota{"shared": nil, "separate": {Limit: 1, Interval: time.Minute}} {
		a := newAPI(t)
		a.Quota, a.DetailsQuota = &Quota{Limit: 1, Interval: time.Minute}, own
		_, w := serve(t, a, request(t, detailsPath("a@contoso.com")))
		assert.Equal(t, http.StatusOK, w.Code)
		_, w = serve(t, a, request(t, endpoint))
		assert.Equal(t, own != nil, w.Code == http.StatusOK, name)
		_, w = serve(t, a, request(t, detailsPath("a@contoso.com")))
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
	}
}
