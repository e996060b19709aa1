// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/identity"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/trace"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const report = "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace"

var ten = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// fake answers every request with the next body, or with an error.
type fake struct {
	answers []any
	asked   []*url.URL
	headers []http.Header
}

func (f *fake) Get(_ context.Context, _ trace.Lane, u *url.URL, header http.Header) (*transport.Response, error) {
	f.asked, f.headers = append(f.asked, u), append(f.headers, header)
	answer := f.answers[0]
	f.answers = f.answers[1:]
	if err, ok := answer.(error); ok {
		return nil, err
	}
	return &transport.Response{Body: []byte(answer.(string)), ContentType: "application/json", Arrived: ten}, nil
}

func newClient(t *testing.T, pageSize int, answers ...any) (*Client, *fake) {
	u, err := url.Parse(report)
	require.NoError(t, err)
	f := &fake{answers: answers}
	return NewClient(f, u, source.Query{PageSize: pageSize}), f
}

// walk returns copies of the rows of a page.
func walk(t *testing.T, page *source.Page) (rows []trace.Row) {
	t.Helper()
	for row, err := range page.Rows {
		require.NoError(t, err)
		copied := *row
		copied.ID, copied.Recipient = append([]byte(nil), row.ID...), append([]byte(nil), row.Recipient...)
		rows = append(rows, copied)
	}
	return rows
}

func window() trace.Window { return trace.Window{Start: ten.Add(-time.Hour), End: ten} }

func TestQuery(t *testing.T) {
	for _, tt := range []struct {
		name     string
		window   trace.Window
		pageSize int
		query    string
	}{
		{"one second wider on each side", window(), 2000, "$filter=StartDate eq datetime'2026-11-22T08:59:59Z' and EndDate eq datetime'2026-11-22T10:00:01Z'"},
		{
			"in whole seconds",
			trace.Window{Start: ten.Add(-1500 * time.Millisecond), End: ten.Add(-time.Millisecond)},
			2000,
			"$filter=StartDate eq datetime'2026-11-22T09:59:57Z' and EndDate eq datetime'2026-11-22T10:00:01Z'",
		},
		{"with short pages", window(), 500, "$filter=StartDate eq datetime'2026-11-22T08:59:59Z' and EndDate eq datetime'2026-11-22T10:00:01Z'&$top=500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, f := newClient(t, tt.pageSize, `{"value":[]}`)
			page, err := c.First(t.Context(), trace.Live, tt.window, 0)
			require.NoError(t, err)
			assert.Empty(t, walk(t, page))
			query, err := url.PathUnescape(f.asked[0].RawQuery)
			require.NoError(t, err)
			assert.Equal(t, tt.query, query)
			assert.Equal(t, "application/json", f.headers[0].Get("Accept"))
		})
	}
}

func TestLinks(t *testing.T) {
	const relative = `"../../reportingwebservice/reporting.svc/MessageTrace?$filter=x&$skiptoken=1999"`
	for _, tt := range []struct {
		name     string
		page     string
		pageSize int
		next     string
	}{
		{"JSON light", `{"value":[{"Index":1999}],"odata.nextLink":` + relative + `}`, 2000, report + "?$filter=x&$skiptoken=1999"},
		{"verbose JSON", `{"d":{"results":[{"Index":1999}],"__next":` + relative + `}}`, 2000, report + "?$filter=x&$skiptoken=1999"},
		{"the first version of OData", `{"d":[{"Index":1}]}`, 2000, ""},
		{
			"Atom", `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><link rel="next" href="MessageTrace?$skiptoken=7&amp;a=b"/></feed>`,
			2000, "https://reports.office365.com/ecp/reportingwebservice/reporting.svc/MessageTrace?$skiptoken=7&a=b",
		},
		{"a format is kept", `{"value":[],"odata.nextLink":"MessageTrace?$format=Json&$skiptoken=1"}`, 2000, report + "?$format=Json&$skiptoken=1"},
		{
			"spaces in a link", `{"value":[],"odata.nextLink":"MessageTrace?$filter=Subject eq 'Jürgen%2B'&$skiptoken=1"}`,
			2000, report + "?$filter=Subject%20eq%20'J%C3%BCrgen%2B'&$skiptoken=1",
		},
		{"none on the last page", `{"value":[{"Index":3}]}`, 2000, ""},
		{
			"none on a full page of the size asked for", `{"value":[{"Index":6},{"Index":7}]}`, 2,
			report + "?$filter=StartDate%20eq%20datetime%272026-11-22T08%3A59%3A59Z%27%20and%20EndDate%20eq%20datetime%272026-11-22T10%3A00%3A01Z%27&$top=2&$skiptoken=7",
		},
		{"none on a short page", `{"value":[{"Index":6}]}`, 2, ""},
		{"a null one", `{"value":null,"odata.nextLink":null}`, 2000, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, f := newClient(t, tt.pageSize, tt.page, `{"value":[]}`)
			page, err := c.First(t.Context(), trace.Live, window(), 0)
			require.NoError(t, err)
			walk(t, page)
			link := page.Next()
			if tt.next == "" {
				assert.Empty(t, link)
				return
			}
			_, err = c.Next(t.Context(), trace.Live, link)
			require.NoError(t, err)
			assert.Equal(t, tt.next, f.asked[1].String())
		})
	}
}

func TestADeadLinkIsReplacedByTheIndexOfTheLastRow(t *testing.T) {
	dead := &transport.Error{Status: http.StatusBadRequest}
	c, f := newClient(t, 2000, `{"value":[{"Index":41}],"odata.nextLink":"MessageTrace?dead"}`, dead, `{"value":[]}`)
	page, err := c.First(t.Context(), trace.Live, window(), 0)
	require.NoError(t, err)
	walk(t, page)
	_, err = c.Next(t.Context(), trace.Live, page.Next())
	require.NoError(t, err)
	assert.Contains(t, f.asked[2].RawQuery, "&$skiptoken=41")
}

func TestPublishedPages(t *testing.T) {
	for _, tt := range []struct {
		file     string
		id       string
		received time.Time
		status   trace.Status
		size     int64
	}{
		{"light", "a6f62809-5cda-4454-0962-08dab38940d6", time.Date(2022, 10, 21, 17, 25, 30, 600688200, time.UTC), trace.Delivered, 22704},
		{"verbose", "3b4fc661-180d-4c2f-60c9-08da6e38dd10", time.UnixMilli(1658751973240).UTC(), trace.GettingStatus, 87680},
	} {
		t.Run(tt.file, func(t *testing.T) {
			body, err := os.ReadFile("../../../testdata/reporting-" + tt.file + "-page.json")
			require.NoError(t, err)
			c, _ := newClient(t, 2000, string(body))
			page, err := c.First(t.Context(), trace.Live, window(), 0)
			require.NoError(t, err)
			rows := walk(t, page)
			require.Len(t, rows, 2)
			assert.Equal(t, tt.id, string(rows[0].ID))
			assert.Equal(t, tt.received, rows[0].Received)
			assert.Equal(t, tt.status, trace.ParseStatus(rows[0].Status))
			assert.Equal(t, trace.Number{Value: tt.size, Valid: true}, rows[0].Size)
			assert.Empty(t, rows[0].ToIP)
		})
	}
}

func TestAtomRowsEqualJSONRows(t *testing.T) {
	const entry = `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"
xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><entry><id>x</id><content type="application/xml"><m:properties>
<d:Organization>contoso.com</d:Organization><d:MessageId m:null="true" /><d:Received m:type="Edm.DateTime">2022-09-05T18:10:13.4907658</d:Received>
<d:Subject>Ünï &lt;"q"&gt;</d:Subject><d:Size m:type="Edm.Int32">87891</d:Size><d:RecipientAddress>linus@contoso.com</d:RecipientAddress>
<d:MessageTraceId m:type="Edm.Guid">cf7a249a-5edd-4350-130a-08da8f69e0f6</d:MessageTraceId><d:Index m:type="Edm.Int32">0</d:Index>
</m:properties></content></entry></feed>`
	const same = `{"value":[{"Organization":"contoso.com","MessageId":null,"Received":"2022-09-05T18:10:13.4907658","Subject":"Ünï <\"q\">",` +
		`"Size":87891,"RecipientAddress":"linus@contoso.com","MessageTraceId":"cf7a249a-5edd-4350-130a-08da8f69e0f6","Index":0}]}`
	var bodies []string
	for _, body := range []string{entry, same} {
		c, _ := newClient(t, 2000, body)
		page, err := c.First(t.Context(), trace.Live, window(), 0)
		require.NoError(t, err)
		rows := walk(t, page)
		require.Len(t, rows, 1)
		assert.Equal(t, time.Date(2022, 9, 5, 18, 10, 13, 490765800, time.UTC), rows[0].Received)
		bodies = append(bodies, string(rows[0].Raw))
	}
	assert.JSONEq(t, bodies[1], bodies[0])
}

func TestARowWithoutRecipientIsKnownByWhatDoesNotEchoTheQuery(t *testing.T) {
	key := func(row string) trace.Key {
		c, _ := newClient(t, 2000, `{"value":[`+row+`]}`)
		page, err := c.First(t.Context(), trace.Live, window(), 0)
		require.NoError(t, err)
		return identity.Secret{}.KeyOf(&walk(t, page)[0])
	}
	first := key(`{"__metadata":{"id":"1"},"MessageTraceId":"1","StartDate":"a","EndDate":"b","Index":1}`)
	assert.Equal(t, first, key(`{"__metadata":{"id":"2"},"MessageTraceId":"1","StartDate":"c","EndDate":"d","Index":2}`))
	assert.NotEqual(t, first, key(`{"MessageTraceId":"2"}`))
}

func TestWhatIsNoPage(t *testing.T) {
	for _, body := range []string{
		"", "{", "[]", `{"d":{}}`, `{"d":{"results":1}}`, "<html><title>Sign in</title></html>", "<feed", `<feed xmlns="http://www.w3.org/2005/Atom">`,
	} {
		c, _ := newClient(t, 2000, body)
		page, err := c.First(t.Context(), trace.Live, window(), 0)
		if err == nil {
			for _, e := range page.Rows {
				err = e
			}
		}
		var damaged *transport.Error
		require.ErrorAs(t, err, &damaged)
		assert.True(t, damaged.Damaged, "%s: %v", body, err)
	}
}

func TestErrorsAsRecorded(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("../../../testdata/service/F43-rws-error-object.json")
	require.NoError(t, err)
	_, message := Service{}.Explain(body)
	assert.Equal(t, "Der Typ hat keine Eigenschaft dieses Namens.", message)

	recorded, err := os.ReadFile("../../../testdata/service/F42-v1-retired.http")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(recorded)), nil)
	require.NoError(t, err)
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	_, message = Service{}.Explain(body)
	assert.Equal(t, "This report has been retired. Use the new message trace.", message)
	assert.Contains(t, Service{}.Advise(&transport.Error{Status: resp.StatusCode, Message: message}).Hint, "set api to graph")
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	role := &claims.Set{Roles: []string{"ReportingWebService.Read.All"}}
	for _, c := range []struct {
		e     transport.Error
		parts []string
	}{
		{transport.Error{Status: 401}, []string{"ReportingWebService.Read.All", "Global Reader", "authentication.basic"}},
		{transport.Error{Status: 403}, []string{"ReportingWebService.Read.All", "Global Reader"}},
		{transport.Error{Status: 403, Claims: role}, []string{"the token has the application permission ReportingWebService.Read.All: give", "Global Reader"}},
		{transport.Error{Status: 401, Claims: &claims.Set{}}, []string{"the token has no roles; it lacks ReportingWebService.Read.All: grant", "Exchange Online", "Global Reader"}},
		{transport.Error{Status: 404}, []string{"endpoint", "set api to graph"}},
		{transport.Error{Status: 410}, []string{"endpoint", "set api to graph"}},
		{transport.Error{Status: 400}, []string{"endpoint"}},
		{transport.Error{Status: 429}, []string{"poll_interval"}},
		{transport.Error{Status: 502}, []string{"Service health"}},
		{transport.Error{Status: 407}, []string{"NTLM"}},
		{transport.Error{Status: 401, Code: "OrganizationFromTenantGuidNotFound"}, []string{"tenant_id", "licence of Exchange Online"}},
		{transport.Error{Status: 403, Message: "This service is deprecated."}, []string{"set api to graph"}},
		{transport.Error{Status: 500, Message: "Use Get-MessageTraceV2."}, []string{"set api to graph"}},
		{transport.Error{Status: 400, Message: "Please move to V2 of the API"}, []string{"set api to graph"}},
		{transport.Error{Status: 410, Message: "The resource is no longer available."}, []string{"set api to graph"}},
	} {
		hint := Service{}.Advise(&c.e).Hint
		for _, part := range c.parts {
			assert.Contains(t, hint, part, "%+v", c.e)
		}
	}
	assert.Empty(t, Service{}.Advise(&transport.Error{Status: 400, Message: "Invalid data type, version 2."}))
}

// In China a link names the report alone.
func TestAPageOfChina(t *testing.T) {
	t.Parallel()
	const report = "https://partner.outlook.cn/ecp/reportingwebservice/reporting.svc/MessageTrace"
	body, err := os.ReadFile("../../../testdata/service/F48-china-rws.json")
	require.NoError(t, err)
	endpoint, err := url.Parse(report)
	require.NoError(t, err)
	f := &fake{answers: []any{string(body), `{"value":[]}`}}
	c := NewClient(f, endpoint, source.Query{PageSize: 2000})
	page, err := c.First(t.Context(), trace.Live, window(), 0)
	require.NoError(t, err)
	rows := walk(t, page)
	require.Len(t, rows, 1)
	assert.Equal(t, "bob1@fabrikam.example", string(rows[0].Recipient))
	_, err = c.Next(t.Context(), trace.Live, page.Next())
	require.NoError(t, err)
	assert.Equal(t, report+"?$skiptoken=1999&$top=2000&$format=json", f.asked[1].String())
}
