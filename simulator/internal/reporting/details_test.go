// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	traceID = "cf7a249a-5edd-4350-130a-08da8f69e0f6"
	details = host + root + detailReport + "?"
	ofRow   = "MessageTraceId eq guid'" + traceID + "' and RecipientAddress eq 'o''neil@contoso.com'"
)

func rowWithDetails() mail.Row {
	return mail.Row{ID: traceID, Recipient: "o'neil@contoso.com", Sender: "a@contoso.com", Received: noon.Add(-time.Hour + 123_456_700)}
}

func TestDetails(t *testing.T) {
	a := newAPI(t, rowWithDetails())
	_, w := serve(t, a, newRequest(t, details+filter(ofRow), "application/json"))
	require.Equal(t, http.StatusOK, w.Code)
	var page struct {
		Metadata string           `json:"odata.metadata"`
		Value    []map[string]any `json:"value"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	assert.Equal(t, host+written+"$metadata#MessageTraceDetail", page.Metadata)
	require.NotEmpty(t, page.Value)
	assert.Equal(t, map[string]any{
		"Organization": "contoso.com", "MessageId": nil, "MessageTraceId": traceID, "Date": "2026-01-22T11:00:00.1234567", "Event": "Receive",
		"Action": "", "Detail": "Message received by: EXCH01.contoso.com", "SenderAddress": "a@contoso.com",
		"RecipientAddress": "o'neil@contoso.com", "StartDate": nil, "EndDate": nil, "Index": 0.0,
		"Data": `<root><MEP Name="ServerHostName" String="EXCH01"/><MEP Name="ClientIP" String=""/><MEP Name="SequenceNumber" Long="0"/></root>`,
	}, page.Value[0])

	_, w = serve(t, a, newRequest(t, details+filter(ofRow)+"&$format=json", ""))
	assert.Contains(t, w.Body.String(), `{"d":{"results":[{"__metadata":{"id":"`)
	assert.Contains(t, w.Body.String(), `"Date":"\/Date(1769079600123)\/"`)
	_, w = serve(t, a, newRequest(t, details+filter(ofRow), ""))
	assert.Contains(t, w.Body.String(), `<d:Date m:type="Edm.DateTime">2026-01-22T11:00:00.1234567</d:Date><d:Event>Receive</d:Event>`)
}

func TestDetailsNeedARowAndItsTime(t *testing.T) {
	old := rowWithDetails()
	old.Received = noon.Add(-72 * time.Hour)
	a := newAPI(t, old)
	for where, want := range map[string]string{
		"MessageTraceId eq guid'" + traceID + "'":   "",
		"RecipientAddress eq 'o''neil@contoso.com'": "",
		ofRow: "nothing",
		ofRow + " and StartDate eq datetime'2026-01-19T11:59:00Z' and EndDate eq datetime'2026-01-22T12:00:00Z'": "Receive",
		ofRow + " and StartDate eq datetime'2026-01-19T12:01:00Z' and EndDate eq datetime'2026-01-22T12:00:00Z'": "nothing",
		ofRow + " and StartDate eq datetime'2025-12-19T12:01:00Z' and EndDate eq datetime'2026-01-22T12:00:00Z'": "",
	} {
		_, w := serve(t, a, newRequest(t, details+filter(where), "application/json"))
		assert.Equal(t, want == "", w.Code == http.StatusBadRequest, where)
		if want == "nothing" {
			assert.Contains(t, w.Body.String(), `"value":[]`, where)
		} else {
			assert.Contains(t, w.Body.String(), want, where)
		}
	}
	r := newRequest(t, details+filter(ofRow), "")
	r.Method = http.MethodPost
	_, w := serve(t, a, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	_, w = serve(t, a, newRequest(t, details+filter(ofRow)+"&$format=xml", ""))
	assert.Equal(t, http.StatusUnsupportedMediaType, w.Code)
}
