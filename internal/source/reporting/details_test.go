// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
)

const (
	lightEvents = `{"odata.metadata":"https://reports.office365.com/x","value":[{"Organization":"contoso.com","MessageId":"<1@contoso.com>",` +
		`"MessageTraceId":"cf7a249a-5edd-4350-130a-08da8f69e0f6","Date":"2026-11-22T09:59:58.1234567","Event":"Fail","Action":"",` +
		`"Detail":"Reason: [{LED=554 5.2.2 mailbox full};{MSG=};{FQDN=};{IP=};{LRT=}]","Data":"<root><MEP Name=\"SCL\" Integer=\"1\"/></root>",` +
		`"SenderAddress":"a@contoso.com","RecipientAddress":"b@contoso.com","StartDate":"2026-11-22T09:00:00Z","EndDate":"2026-11-22T10:00:00Z","Index":0}]}`
	verboseEvents = `{"d":{"results":[{"__metadata":{"id":"x"},"Date":"\/Date(1795341598123)\/","Event":"Fail","Action":null,` +
		`"Detail":"mailbox full","Data":null,"Index":0}]}}`
	atomEvents = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" ` +
		`xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><entry><content type="application/xml"><m:properties>` +
		`<d:Date m:type="Edm.DateTime">2026-11-22T09:59:58</d:Date><d:Event>Fail</d:Event><d:Action m:null="true"/>` +
		`<d:Detail>mailbox full</d:Detail><d:Data>&lt;root&gt;&lt;MEP Name="SCL" Integer="1"/&gt;&lt;/root&gt;</d:Data></m:properties></content></entry></feed>`
)

func TestDetails(t *testing.T) {
	c, f := newClient(t, MaxPageSize, lightEvents)
	c.endpoint = DetailsEndpoint(c.endpoint)
	got, err := c.Details(t.Context(), source.Delivery{
		ID: "cf7a249a-5edd-4350-130a-08da8f69e0f6", Recipient: "o'neil+x/y@contoso.com", Received: ten.Add(-48 * time.Hour), Now: ten,
	})
	require.NoError(t, err)
	asked := f.asked[0]
	assert.Equal(t, report+"Detail", "https://"+asked.Host+asked.Path)
	filter, err := url.QueryUnescape(asked.RawQuery)
	require.NoError(t, err)
	assert.Equal(t, "$filter=MessageTraceId eq guid'cf7a249a-5edd-4350-130a-08da8f69e0f6' and RecipientAddress eq 'o''neil+x/y@contoso.com' "+
		"and StartDate eq datetime'2026-11-20T09:59:00Z' and EndDate eq datetime'2026-11-22T10:00:00Z'", filter)
	assert.Contains(t, asked.RawQuery, "%2Bx%2Fy%40contoso.com")
	require.Len(t, got.Events, 1)
	event := got.Events[0]
	assert.JSONEq(t, `{"Organization":"contoso.com","MessageId":"<1@contoso.com>","MessageTraceId":"cf7a249a-5edd-4350-130a-08da8f69e0f6",
		"Date":"2026-11-22T09:59:58.1234567","Event":"Fail","Action":"","Detail":"Reason: [{LED=554 5.2.2 mailbox full};{MSG=};{FQDN=};{IP=};{LRT=}]",
		"Data":"<root><MEP Name=\"SCL\" Integer=\"1\"/></root>","SenderAddress":"a@contoso.com","RecipientAddress":"b@contoso.com"}`,
		string(event.Raw), "what echoes the query is cut out")
	event.Raw = nil
	assert.Equal(t, trace.Detail{
		At: time.Date(2026, 11, 22, 9, 59, 58, 123456700, time.UTC), Event: "Fail", MessageID: "<1@contoso.com>",
		Text:  "Reason: [{LED=554 5.2.2 mailbox full};{MSG=};{FQDN=};{IP=};{LRT=}]",
		Data:  `<root><MEP Name="SCL" Integer="1"/></root>`,
		Facts: []trace.Fact{{Name: "SCL", Value: "1"}},
	}, event)
}

func TestDetailsInTheOtherFormats(t *testing.T) {
	for name, body := range map[string]string{"verbose JSON": verboseEvents, "Atom": atomEvents} {
		t.Run(name, func(t *testing.T) {
			c, _ := newClient(t, MaxPageSize, body)
			got, err := c.Details(t.Context(), source.Delivery{ID: "1", Recipient: "b@contoso.com", Received: ten, Now: ten})
			require.NoError(t, err)
			require.Len(t, got.Events, 1)
			assert.Equal(t, "Fail", got.Events[0].Event)
			assert.Equal(t, "mailbox full", got.Events[0].Text)
			assert.Equal(t, ten.Add(-2*time.Second), got.Events[0].At.Truncate(time.Second))
		})
	}
}

func TestTheSearchForDetailsIsNoLongerThanAllowed(t *testing.T) {
	c, f := newClient(t, MaxPageSize, `{"value":[]}`)
	_, err := c.Details(t.Context(), source.Delivery{ID: "1", Recipient: "b@contoso.com", Received: ten.Add(-20 * 24 * time.Hour), Now: ten})
	require.NoError(t, err)
	filter, err := url.QueryUnescape(f.asked[0].RawQuery)
	require.NoError(t, err)
	assert.Contains(t, filter, "StartDate eq datetime'2026-11-02T09:59:00Z' and EndDate eq datetime'2026-11-12T09:59:00Z'")
}

func TestDamagedDetails(t *testing.T) {
	c, _ := newClient(t, MaxPageSize, `{"value":[{"Event":"Rec`, assert.AnError)
	_, err := c.Details(t.Context(), source.Delivery{ID: "1", Recipient: "b@contoso.com", Received: ten, Now: ten})
	require.ErrorContains(t, err, "unexpected EOF")
	_, err = c.Details(t.Context(), source.Delivery{ID: "1", Recipient: "b@contoso.com", Received: ten, Now: ten})
	assert.ErrorIs(t, err, assert.AnError)
}

func TestDetailsEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		report:                           report + "Detail",
		"https://proxy.example/a%2Fb/mt": "https://proxy.example/a%2Fb/mtDetail",
	} {
		u, err := url.Parse(endpoint)
		require.NoError(t, err)
		assert.Equal(t, want, DetailsEndpoint(u).String())
		assert.Equal(t, endpoint, u.String(), "the endpoint itself stays")
	}
}
