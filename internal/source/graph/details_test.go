// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// documented is the example of Microsoft's documentation of getDetailsByRecipient, with data as it has been seen in a tenant.
const documented = `{
  "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(microsoft.graph.exchangeMessageTraceDetail)",
  "value": [
    {"id": "7e3b2b2e-1b5e-4b17-80cc-2af6c1d9a3b1", "messageId": "<d9683b4c@contoso.com>", "dateTime": "2025-06-13T10:30:05Z",
     "event": "Receive", "action": "", "description": "Message received by: MN2PR00MB0670.namprd00.prod.outlook.com",
     "data": "<root><MEP Name=\"ServerHostName\" String=\"MN2PR00MB0670\"/></root>"},
    {"id": "7e3b2b2e-1b5e-4b17-80cc-2af6c1d9a3b1", "messageId": "<d9683b4c@contoso.com>", "dateTime": "2025-06-13T10:30:10.123Z",
     "event": "Deliver", "action": null, "description": "The message was successfully delivered.", "data": null}
  ]
}`

func TestDetails(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	g := &fakeGetter{response: &transport.Response{Body: []byte(documented), ContentType: "application/json", Arrived: at}}
	got, err := newTestClient(t, g).Details(t.Context(), source.Delivery{ID: "7e3b2b2e", Recipient: "robert@contoso.com"})
	require.NoError(t, err)
	assert.Equal(t, testEndpoint+"/7e3b2b2e/getDetailsByRecipient(recipientAddress='robert%40contoso.com')", g.url)
	assert.Equal(t, trace.Details, g.lane)
	assert.Equal(t, at, got.Arrived)
	assert.Equal(t, len(documented), got.Size)
	require.Len(t, got.Events, 2)
	first, second := got.Events[0], got.Events[1]
	assert.Contains(t, string(first.Raw), `"event": "Receive"`)
	first.Raw = nil
	assert.Equal(t, trace.Detail{
		At: time.Date(2025, 6, 13, 10, 30, 5, 0, time.UTC), Event: "Receive", MessageID: "<d9683b4c@contoso.com>",
		Text:  "Message received by: MN2PR00MB0670.namprd00.prod.outlook.com",
		Data:  `<root><MEP Name="ServerHostName" String="MN2PR00MB0670"/></root>`,
		Facts: []trace.Fact{{Name: "ServerHostName", Value: "MN2PR00MB0670"}},
	}, first)
	assert.Equal(t, "Deliver", second.Event)
	assert.Equal(t, 123*time.Millisecond, second.At.Sub(second.At.Truncate(time.Second)))
	assert.Empty(t, second.Facts)
}

// What is sent is what the server reads as the address, and nothing of it ends the text, the path or the segment.
func TestAddressesInThePath(t *testing.T) {
	t.Parallel()
	for recipient, want := range map[string]string{
		"o'neil@contoso.com":    "o%27%27neil%40contoso.com",
		"a+b@contoso.com":       "a%2Bb%40contoso.com",
		"a/b@contoso.com":       "a%2Fb%40contoso.com",
		"jürgen@contoso.com":    "j%C3%BCrgen%40contoso.com",
		"a?b#c%20 d@contoso":    "a%3Fb%23c%2520%20d%40contoso",
		"');drop@contoso.com":   "%27%27%29%3Bdrop%40contoso.com",
		`"a b\"c"@contoso.com`:  "%22a%20b%5C%22c%22%40contoso.com",
		"=?utf-8?Q?x?=@contoso": "%3D%3Futf-8%3FQ%3Fx%3F%3D%40contoso",
	} {
		g := &fakeGetter{response: &transport.Response{Body: []byte(`{"value":[]}`)}}
		got, err := newTestClient(t, g).Details(t.Context(), source.Delivery{ID: "1", Recipient: recipient})
		require.NoError(t, err)
		assert.Empty(t, got.Events)
		assert.Equal(t, testEndpoint+"/1/getDetailsByRecipient(recipientAddress='"+want+"')", g.url)
		sent, err := url.Parse(g.url)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(sent.Path, "='"+strings.ReplaceAll(recipient, "'", "''")+"')"), sent.Path)
	}
}

func TestDamagedDetails(t *testing.T) {
	t.Parallel()
	g := &fakeGetter{response: &transport.Response{Body: []byte(`{"value":[{"event":"Rec`), ContentType: "application/json"}}
	_, err := newTestClient(t, g).Details(t.Context(), source.Delivery{ID: "1", Recipient: "a@contoso.com"})
	var damaged *transport.Error
	require.ErrorAs(t, err, &damaged)
	assert.True(t, damaged.Damaged)

	g = &fakeGetter{err: assert.AnError}
	_, err = newTestClient(t, g).Details(t.Context(), source.Delivery{ID: "1", Recipient: "a@contoso.com"})
	assert.ErrorIs(t, err, assert.AnError)
}
