// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/entra"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
)

const (
	host     = "https://reports.office365.com"
	endpoint = host + root + report
	resource = "https://outlook.office365.com"
)

var noon = time.Date(2026, 1, 22, 12, 0, 0, 0, time.UTC)

// anyToken accepts the token "good" and names others by what they are called.
type anyToken map[string]error

func (v anyToken) Verify(token, audience, role string, _ time.Time) error {
	if token == "good" && audience == resource && role == Role {
		return nil
	}
	if err, ok := v[token]; ok {
		return err
	}
	return entra.ErrMalformed
}

func newAPI(tb testing.TB, rows ...mail.Row) *API {
	tb.Helper()
	store := mail.NewStore(nil)
	require.NoError(tb, store.Add(rows...))
	return &API{Store: store, Audience: resource, Organization: "contoso.com", Verifier: anyToken{"role": entra.ErrRole, "expired": entra.ErrExpired}}
}

func newRequest(tb testing.TB, address, accept string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(tb, err)
	r.Header.Set("Authorization", "Bearer good")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

func serveAt(tb testing.TB, a *API, r *http.Request, now time.Time) (*exchange.Exchange, *httptest.ResponseRecorder) {
	tb.Helper()
	w := httptest.NewRecorder()
	x := &exchange.Exchange{Writer: w, Request: r, Now: now, ID: "request", ClientID: "client"}
	handle := a.Handler(r.URL.Path)
	require.NotNil(tb, handle, r.URL.Path)
	handle(x)
	return x, w
}

func serve(tb testing.TB, a *API, r *http.Request) (*exchange.Exchange, *httptest.ResponseRecorder) {
	tb.Helper()
	return serveAt(tb, a, r, noon)
}

// row is a row in JSON light.
type row struct {
	Received, RecipientAddress, Status, MessageTraceID string
	StartDate, EndDate                                 string
	Index                                              int
}

type lightPage struct {
	Metadata string `json:"odata.metadata"`
	Value    []row
	Next     string `json:"odata.nextLink"`
}

// ask reads a page in JSON light.
func ask(tb testing.TB, a *API, query string) lightPage {
	tb.Helper()
	_, w := serve(tb, a, newRequest(tb, endpoint+"?"+query, "application/json"))
	require.Equal(tb, http.StatusOK, w.Code, "%s: %s", query, w.Body)
	var p lightPage
	require.NoError(tb, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	return p
}

func ids(rows []row) []string {
	list := []string{}
	for _, r := range rows {
		list = append(list, r.MessageTraceID)
	}
	return list
}

// filter is a $filter option.
func filter(text string) string { return "$filter=" + url.QueryEscape(text) }

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(tb, err)
	return parsed
}

// What others have recorded of the service comes out as they recorded it.
func TestRecordedVerbosePage(t *testing.T) {
	want, err := os.ReadFile("../../../testdata/reporting-verbose-page.json")
	require.NoError(t, err)
	a := newAPI(t, mail.Row{
		ID: "47a1a53c-7e88-431e-7154-08da6e38dce4", MessageID: new("<baba5a49-dfd1-4ed2-8fc4-7291a03dd549@PR0P264MB1739.FRAP264.PROD.OUTLOOK.COM>"),
		Received: time.UnixMilli(1658751972952), Sender: "postmaster@contoso.com", Recipient: "azure-noreply@microsoft.com",
		Subject: new("Undeliverable: PIM: an account has the Privileged Role Administrator role"), Size: 132391,
		Timeline: []mail.Change{{At: time.UnixMilli(1658751972952), Status: mail.Failed}},
	}, mail.Row{
		ID: "3b4fc661-180d-4c2f-60c9-08da6e38dd10", MessageID: new("<3a273efc-cd65-4335-96ec-5f6934f0fb10@az.uksouth.production.microsoft.com>"),
		Received: time.UnixMilli(1658751973240), Sender: "azure-noreply@microsoft.com", Recipient: "foo.bar@contoso.com",
		Subject: new("PIM: an account has the Privileged Role Administrator role"), Size: 87680, ToIP: new(""), FromIP: new("1.1.1.1"),
		Timeline: []mail.Change{{At: time.UnixMilli(1658751973240), Status: mail.GettingStatus}},
	})
	a.Organization = "contoso.onmicrosoft.com"
	now := time.UnixMilli(1658752097628)
	x, w := serveAt(t, a, newRequest(t, endpoint+"?$format=Json", "application/json"), now)
	require.Equal(t, http.StatusOK, w.Code)
	assert.JSONEq(t, string(want), w.Body.String())
	assert.Equal(t, members(string(want)), members(w.Body.String()), "order of members")
	assert.Contains(t, w.Body.String(), `"\/Date(1658751973240)\/"`, "with escaped slashes")
	assert.Equal(t, "application/json;odata=verbose;charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, 2, x.Rows)
	assert.Equal(t, now.Add(-48*time.Hour), x.Start, "without a filter, the last 48 hours")
	assert.Equal(t, now, x.End)
}

func TestRecordedLightRow(t *testing.T) {
	text, err := os.ReadFile("../../../testdata/reporting-light-page.json")
	require.NoError(t, err)
	want := string(text[strings.LastIndex(string(text), "{"):])
	want = want[:strings.Index(want, "}")+1]
	received := at(t, "2022-09-05T18:10:13.4907658Z")
	a := newAPI(t, mail.Row{Received: received.Add(100)}, mail.Row{
		ID: "cf7a249a-5edd-4350-130a-08da8f69e0f6", MessageID: new("<a210cf91-4f2e-484c-8ada-3b27064ee5e3@az.uksouth.production.microsoft.com>"),
		Received: received, Sender: "azure-noreply@microsoft.com", Recipient: "linus@contoso.com",
		Subject: new("PIM: A privileged directory role was assigned outside of PIM"), Size: 87891, ToIP: new("216.160.83.56"), FromIP: new("81.2.69.144"),
	})
	_, w := serveAt(t, a, newRequest(t, endpoint, "application/json"), at(t, "2022-09-06T09:01:46.0369423Z"))
	require.Equal(t, http.StatusOK, w.Code)
	assert.True(t, strings.HasPrefix(w.Body.String(),
		`{"odata.metadata":"https://reports.office365.com/ecp/ReportingWebService/Reporting.svc/$metadata#MessageTrace","value":[{`))
	assert.True(t, strings.HasSuffix(w.Body.String(), ","+want+"]}"), w.Body.String())
	assert.Equal(t, "application/json;odata=minimalmetadata;streaming=true;charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "3.0;", w.Header().Get("DataServiceVersion"))
}

// members returns the names in a JSON text in their order.
func members(text string) (names []string) {
	decoder := json.NewDecoder(strings.NewReader(text))
	var open []bool // is it an object, and is a name next
	name := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return names
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open = append(open, token == json.Delim('{'))
			name = token == json.Delim('{')
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if name {
				names = append(names, fmt.Sprint(token))
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1]
	}
}

func TestFormats(t *testing.T) {
	const atomText, verboseText, lightText = "application/atom+xml;type=feed;charset=utf-8", "application/json;odata=verbose;charset=utf-8",
		"application/json;odata=minimalmetadata;streaming=true;charset=utf-8"
	for _, test := range []struct{ query, accept, want string }{
		{"", "", atomText},
		{"", "*/*", atomText},
		{"", "application/atom+xml,application/xml", atomText},
		{"", "text/html, */*;q=0.8", atomText},
		{"", "application/json", lightText},
		{"", "application/json;odata=light;q=0.9, */*;q=0.8", lightText},
		{"", "application/json;odata=verbose", verboseText},
		{"", "application/json;q=0.1, application/atom+xml", atomText},
		{"$format=Json", "", verboseText},
		{"$format=json", "application/json", verboseText},
		{"%24format=JSON", "application/atom+xml", verboseText},
		{"$format=Atom", "application/json", atomText},
		{"$format=xml", "", ""},
		{"", "text/html", ""},
		{"", "application/json;q=0", ""},
	} {
		_, w := serve(t, newAPI(t), newRequest(t, endpoint+"?"+test.query, test.accept))
		if test.want == "" {
			assert.Equal(t, http.StatusUnsupportedMediaType, w.Code, "%s %s", test.query, test.accept)
			continue
		}
		assert.Equal(t, test.want, w.Header().Get("Content-Type"), "%s %s", test.query, test.accept)
	}
}

func TestPaths(t *testing.T) {
	a := newAPI(t)
	for path, want := range map[string]int{
		"/ecp/reportingwebservice/reporting.svc/MessageTrace":  200,
		"/ecp/ReportingWebService/Reporting.svc/MessageTrace":  200,
		"/ECP/REPORTINGWEBSERVICE/REPORTING.SVC/messagetrace/": 200,
		"/ecp/reportingwebservice/reporting.svc":               404,
		"/ecp/reportingwebservice/reporting.svc/":              404,
		"/ecp/reportingwebservice/reporting.svc/MailTraffic":   404,
		"/ecp/reportingwebservice/reporting.svcx":              404,
	} {
		r := newRequest(t, host+path, "")
		_, w := serve(t, a, r)
		assert.Equal(t, want, w.Code, path)
		assert.Equal(t, want == 200, a.Look(&exchange.Exchange{Request: r, Now: noon}), path)
	}
	for _, path := range []string{"", "/", "/ecp", "/ecp/reportingwebservice/other.svc/MessageTrace", "/v1.0/x"} {
		assert.Nil(t, a.Handler(path), path)
	}
	r := newRequest(t, endpoint, "")
	r.Method = http.MethodPost
	_, w := serve(t, a, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, http.MethodGet, w.Header().Get("Allow"))
}

func TestLook(t *testing.T) {
	a := newAPI(t)
	look := func(query string) *exchange.Exchange {
		x := &exchange.Exchange{Request: newRequest(t, endpoint+"?"+query, ""), Now: noon}
		assert.True(t, a.Look(x))
		return x
	}
	x := look(filter("StartDate eq datetime'2026-01-22T10:00:00Z' and EndDate eq datetime'2026-01-22T11:00:00Z'") + "&$skiptoken=1")
	assert.Equal(t, noon.Add(-2*time.Hour), x.Start)
	assert.Equal(t, noon.Add(-time.Hour), x.End)
	assert.True(t, x.Continued)
	assert.True(t, look("$skiptoken=999999").Continued)
	x = look("$filter=nonsense")
	assert.False(t, x.Continued)
	assert.True(t, x.Start.IsZero())
}
