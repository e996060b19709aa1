// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/mail"
	"github.com/o365messagetrace/o365messagetrace/simulator/traffic"
)

// feed is a page in Atom, by its namespaces.
type feed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Base    string      `xml:"http://www.w3.org/XML/1998/namespace base,attr"`
	ID      string      `xml:"http://www.w3.org/2005/Atom id"`
	Title   string      `xml:"http://www.w3.org/2005/Atom title"`
	Updated string      `xml:"http://www.w3.org/2005/Atom updated"`
	Author  *struct{}   `xml:"http://www.w3.org/2005/Atom author"`
	Links   []feedLink  `xml:"http://www.w3.org/2005/Atom link"`
	Entries []feedEntry `xml:"http://www.w3.org/2005/Atom entry"`
}

type feedLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type feedEntry struct {
	ID       string   `xml:"http://www.w3.org/2005/Atom id"`
	Updated  string   `xml:"http://www.w3.org/2005/Atom updated"`
	Link     feedLink `xml:"http://www.w3.org/2005/Atom link"`
	Category struct {
		Term   string `xml:"term,attr"`
		Scheme string `xml:"scheme,attr"`
	} `xml:"http://www.w3.org/2005/Atom category"`
	Content struct {
		Type       string `xml:"type,attr"`
		Properties struct {
			List []feedProperty `xml:",any"`
		} `xml:"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata properties"`
	} `xml:"http://www.w3.org/2005/Atom content"`
}

type feedProperty struct {
	XMLName xml.Name
	Type    string `xml:"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata type,attr"`
	Null    string `xml:"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata null,attr"`
	Space   string `xml:"http://www.w3.org/XML/1998/namespace space,attr"`
	Text    string `xml:",chardata"`
}

func (e *feedEntry) value(name string) string {
	for _, p := range e.Content.Properties.List {
		if p.XMLName.Local == name {
			return p.Text
		}
	}
	return ""
}

func TestAtom(t *testing.T) {
	received := at(t, "2022-09-05T18:10:13.4907658Z")
	a := newAPI(t, mail.Row{
		ID: "cf7a249a-5edd-4350-130a-08da8f69e0f6", Received: received, Sender: "<>", Recipient: "linus@contoso.com",
		Subject: new(` 1 < 2 & "x" > 🎉 `), Size: 87891, ToIP: new(""), FromIP: new("81.2.69.144"),
		Timeline: []mail.Change{{At: received, Status: mail.FilteredAsSpam}},
	})
	_, w := serveAt(t, a, newRequest(t, endpoint, ""), at(t, "2022-09-06T09:01:46.0369423Z"))
	require.Equal(t, http.StatusOK, w.Code)
	var f feed
	require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &f), w.Body.String())
	const base = "https://reports.office365.com/ecp/ReportingWebService/Reporting.svc/"
	assert.Equal(t, base, f.Base)
	assert.Equal(t, base+"MessageTrace", f.ID)
	assert.Equal(t, "MessageTrace", f.Title)
	assert.Equal(t, "2022-09-06T09:01:46Z", f.Updated)
	assert.Nil(t, f.Author)
	assert.Equal(t, []feedLink{{"self", "MessageTrace"}}, f.Links)
	require.Len(t, f.Entries, 1)
	e := f.Entries[0]
	assert.Equal(t, base+"MessageTrace(0)", e.ID)
	assert.Equal(t, feedLink{"edit", "MessageTrace(0)"}, e.Link)
	assert.Equal(t, "TenantReporting.MessageTrace", e.Category.Term)
	assert.Equal(t, "http://schemas.microsoft.com/ado/2007/08/dataservices/scheme", e.Category.Scheme)
	assert.Equal(t, "application/xml", e.Content.Type)
	name := func(local string) xml.Name { return xml.Name{Space: dataNamespace, Local: local} }
	assert.Equal(t, []feedProperty{
		{XMLName: name("Organization"), Text: "contoso.com"},
		{XMLName: name("MessageId"), Null: "true"},
		{XMLName: name("Received"), Type: "Edm.DateTime", Text: "2022-09-05T18:10:13.4907658"},
		{XMLName: name("SenderAddress"), Text: "<>"},
		{XMLName: name("RecipientAddress"), Text: "linus@contoso.com"},
		{XMLName: name("Subject"), Space: "preserve", Text: ` 1 < 2 & "x" > 🎉 `},
		{XMLName: name("Status"), Text: "FilteredAsSpam"},
		{XMLName: name("ToIP"), Null: "true"},
		{XMLName: name("FromIP"), Text: "81.2.69.144"},
		{XMLName: name("Size"), Type: "Edm.Int32", Text: "87891"},
		{XMLName: name("MessageTraceId"), Type: "Edm.Guid", Text: "cf7a249a-5edd-4350-130a-08da8f69e0f6"},
		{XMLName: name("StartDate"), Type: "Edm.DateTime", Text: "2022-09-04T09:01:46.0369423Z"},
		{XMLName: name("EndDate"), Type: "Edm.DateTime", Text: "2022-09-06T09:01:46.0369423Z"},
		{XMLName: name("Index"), Type: "Edm.Int32", Text: "0"},
	}, e.Content.Properties.List)
	assert.Contains(t, w.Body.String(), `<d:MessageId m:null="true" />`)

	_, w = serve(t, newAPI(t), newRequest(t, endpoint, ""))
	require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &f))
	assert.NotNil(t, f.Author)
}

// Rows of a made-up tenant say the same in all three formats, but for the digits
// that verbose JSON has no room for.
func TestFormatsAgree(t *testing.T) {
	generator, err := traffic.New(traffic.Config{RowsPerDay: 50_000, From: noon.Add(-time.Hour), Delays: traffic.NoDelays()})
	require.NoError(t, err)
	a := newAPI(t)
	a.Store = mail.NewStore(generator)
	body := func(query, accept string) []byte {
		_, w := serve(t, a, newRequest(t, endpoint+"?$top=2000&"+query, accept))
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.Bytes()
	}
	var light struct{ Value []map[string]any }
	require.NoError(t, json.Unmarshal(body("", "application/json"), &light))
	var verbose struct {
		D struct{ Results []map[string]any }
	}
	require.NoError(t, json.Unmarshal(body("$format=Json", ""), &verbose))
	var atom feed
	require.NoError(t, xml.Unmarshal(body("", ""), &atom))
	require.Greater(t, len(light.Value), 1500)
	require.Len(t, verbose.D.Results, len(light.Value))
	require.Len(t, atom.Entries, len(light.Value))
	for i, want := range light.Value {
		got := verbose.D.Results[i]
		received, err := time.Parse("2006-01-02T15:04:05", want["Received"].(string))
		require.NoError(t, err)
		for _, p := range atom.Entries[i].Content.Properties.List {
			switch value := want[p.XMLName.Local].(type) {
			case nil:
				assert.Equal(t, "true", p.Null)
			case float64:
				assert.JSONEq(t, p.Text, string(must(json.Marshal(value))))
			case string: // XML cannot say all that JSON can
				assert.Equal(t, strings.Map(func(r rune) rune {
					if r < ' ' && !strings.ContainsRune("\t\r\n", r) {
						return '\ufffd'
					}
					return r
				}, value), p.Text)
			}
		}
		delete(got, "__metadata")
		assert.Equal(t, string(appendMillis(nil, received)), `"`+strings.ReplaceAll(got["Received"].(string), "/", `\/`)+`"`)
		for _, name := range []string{"Received", "StartDate", "EndDate"} {
			delete(got, name)
			delete(want, name)
		}
		assert.Equal(t, want, got)
	}
}

func must(text []byte, _ error) []byte { return text }

func TestTextSurvivesXML(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "plain": "plain", `<a&b> "c" 'd'`: `<a&b> "c" 'd'`, "]]>": "]]>", "a\tb\nc\rd": "a\tb\nc\rd",
		"🎉 שלום": "🎉 שלום", "a\x00b\x1b": "a\ufffdb\ufffd", "\uffff\ufffe": "\ufffd\ufffd", "a\xffb\xc3": "a\ufffdb\ufffd", "\ufffd": "\ufffd",
	} {
		var back struct {
			Text string `xml:",chardata"`
		}
		text := append(appendXML([]byte("<x>"), s), "</x>"...)
		require.NoError(t, xml.Unmarshal(text, &back), string(text))
		assert.Equal(t, want, back.Text)
	}
}

func FuzzXML(f *testing.F) {
	f.Add("x\x00\xff\"<\U0010ffff\ufffe")
	f.Fuzz(func(t *testing.T, s string) {
		text := append(appendXML([]byte("<x>"), s), "</x>"...)
		require.True(t, utf8.Valid(text))
		require.NoError(t, xml.Unmarshal(text, new(struct{})))
	})
}

func TestMillis(t *testing.T) {
	assert.Equal(t, `"\/Date(-1)\/"`, string(appendMillis(nil, time.UnixMilli(-1))))
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header            { return d.header }
func (d *discard) WriteHeader(int)                { clear(d.header) }
func (d *discard) Write(text []byte) (int, error) { return len(text), nil }

// From the request to the last byte.
func BenchmarkPage(b *testing.B) {
	generator, err := traffic.New(traffic.Config{RowsPerDay: 200_000, From: noon.Add(-24 * time.Hour), Delays: traffic.NoDelays()})
	require.NoError(b, err)
	a := newAPI(b)
	a.Store = mail.NewStore(generator)
	for _, format := range []struct{ name, query, accept string }{
		{"light", "", "application/json"},
		{"verbose", "$format=Json", ""},
		{"atom", "", ""},
		{"light,hundredth", "$skiptoken=197999", "application/json"},
	} {
		b.Run(format.name, func(b *testing.B) {
			r := newRequest(b, endpoint+"?"+format.query, format.accept)
			handle, sink := a.Handler(r.URL.Path), &discard{header: make(http.Header)}
			rows := 0
			b.ReportAllocs()
			for b.Loop() {
				x := &exchange.Exchange{Writer: sink, Request: r, Now: noon}
				handle(x)
				rows += x.Rows
			}
			require.NotZero(b, rows)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}
