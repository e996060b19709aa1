// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
)

// feed begins an Atom feed.
const feed = `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" ` +
	`xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">`

// entry is an entry of a feed, with what the service writes around the properties of a row.
func entry(properties string) string {
	return `<entry><id>https://reports.office365.com/MessageTrace(0)</id><title /><author><name /></author>` +
		`<link rel="edit" title="MessageTrace" href="MessageTrace(0)" /><content type="application/xml"><m:properties>` + properties +
		`</m:properties></content></entry>`
}

// texts are the texts of the rows of a page as far as it can be read.
func texts(page *source.Page) (all []string, err error) {
	for row, err := range page.Rows {
		if err != nil {
			return all, err
		}
		all = append(all, string(row.Raw))
	}
	return all, nil
}

func TestRowsOfAFeed(t *testing.T) {
	for name, tt := range map[string]struct {
		properties, want string
	}{
		"none":                          {"", `{}`},
		"a text":                        {`<d:Subject>a</d:Subject>`, `{"Subject":"a"}`},
		"two":                           {"<d:a>1</d:a> \n <d:b>2</d:b>", `{"a":"1","b":"2"}`},
		"an empty one":                  {`<d:Subject></d:Subject><d:ToIP/>`, `{"Subject":"","ToIP":""}`},
		"null":                          {`<d:ToIP m:null="true"/><d:a m:null="true">1</d:a>`, `{"ToIP":null,"a":null}`},
		"not null":                      {`<d:ToIP m:null="false">1</d:ToIP>`, `{"ToIP":"1"}`},
		"numbers":                       {`<d:a m:type="Edm.Int32">-5</d:a><d:b m:type="Edm.Int64">7</d:b>`, `{"a":-5,"b":7}`},
		"numbers that JSON has not":     {`<d:a m:type="Edm.Int32">+5</d:a><d:b m:type="Edm.Int64">007</d:b>`, `{"a":5,"b":7}`},
		"no numbers":                    {`<d:a m:type="Edm.Int32">x</d:a><d:b m:type="Edm.Double">7</d:b>`, `{"a":"x","b":"7"}`},
		"escapes":                       {`<d:a>&lt;&amp;"&#10;\é</d:a>`, `{"a":"<&\"\n\\é"}`},
		"CDATA and comments":            {`<d:a>x<![CDATA[<y>]]><!-- z -->!</d:a>`, `{"a":"x<y>!"}`},
		"elements in a text":            {`<d:a>x<d:b>y</d:b><c><d:e/></c>z</d:a><d:f/>`, `{"a":"xz","f":""}`},
		"elements of another namespace": {`<a>1</a><m:b>2<d:c>3</d:c></m:b><d:e>4</d:e>`, `{"e":"4"}`},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := texts(decode([]byte(feed+entry(tt.properties)+entry(`<d:last/>`)+`</feed>`), dialect, 0))
			require.NoError(t, err)
			assert.Equal(t, []string{tt.want, `{"last":""}`}, rows)
		})
	}
}

func TestADamagedFeedHasTheRowsBeforeTheDamage(t *testing.T) {
	whole := feed + entry(`<d:a>1</d:a>`) + entry(`<d:a>2</d:a>`)
	for name, tt := range map[string]struct {
		end  string
		says string
	}{
		"cut off":                 {"", "unexpected EOF"},
		"cut off in a tag":        {"<ent", "unexpected EOF"},
		"the wrong end":           {"</entry>", "closed by"},
		"cut off in a row":        {`<m:properties><d:a>`, "unexpected EOF"},
		"the wrong end in a row":  {`<m:properties><d:a>1</d:b>`, "closed by"},
		"no XML":                  {"\x00", "damaged XML after byte"},
		"too many attributes":     {"<a" + strings.Repeat(` a=""`, maxAttributes+1) + "/></feed>", errNested.Error()},
		"too deep":                {strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth) + "</feed>", errNested.Error()},
		"too deep in a property":  {"<m:properties><d:a>" + strings.Repeat("<a>", maxDepth), errNested.Error()},
		"a row that is too large": {entry(`<d:a>`+strings.Repeat("x", source.MaxValue)+`</d:a>`) + "</feed>", "more than 1 MiB"},
		"one that becomes it":     {entry(`<d:a>`+strings.Repeat("\n", source.MaxValue/2)+`</d:a>`) + "</feed>", "more than 1 MiB"},
		"too many members":        {entry(strings.Repeat(`<d:a/>`, 1001)) + "</feed>", "more than 1000 members"},
		"too much between rows":   {strings.Repeat("<a/>", source.MaxValue/4+1) + "</feed>", "more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := texts(decode([]byte(whole+tt.end), dialect, 0))
			require.ErrorContains(t, err, tt.says)
			assert.Equal(t, []string{`{"a":"1"}`, `{"a":"2"}`}, rows)
		})
	}
}

func TestWhatIsWithinTheLimitsOfAFeed(t *testing.T) {
	for name, part := range map[string]string{
		"attributes": "<a" + strings.Repeat(` a=""`, maxAttributes) + "/>",
		"depth":      strings.Repeat("<a>", maxDepth-1) + strings.Repeat("</a>", maxDepth-1),
		"a row":      entry(`<d:a>` + strings.Repeat("x", source.MaxValue-1000) + `</d:a>`),
		"members":    entry(strings.Repeat(`<d:a/>`, 1000)),
		"rows":       strings.Repeat("<m:properties/>", 250_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := texts(decode([]byte(feed+part+`</feed>`), dialect, 0))
			require.NoError(t, err)
		})
	}
}

func TestRowsOutsideAFeedAreNone(t *testing.T) {
	rows, err := texts(decode([]byte(strings.ReplaceAll(feed+entry(`<d:a/>`)+`</feed>`, "feed", "html")), dialect, 0))
	require.ErrorIs(t, err, source.ErrShape)
	assert.Empty(t, rows)
}

// FuzzAtom sees that rows of a feed are JSON objects with the texts that they had.
func FuzzAtom(f *testing.F) {
	for _, seed := range []string{
		``, `<d:a>1</d:a>`, `<d:a m:type="Edm.Int32">+5</d:a>`, `<d:a m:null="true"/>`, `<d:a>x<b>y</b>z</d:a><c/>`, `<d:a>&#xFFFD;"\` + "\t" + `</d:a>`,
		`</m:properties><m:properties>`, `<d:a>`, `<d:RecipientAddress>a</d:RecipientAddress><d:MessageTraceId>1</d:MessageTraceId>`,
		`</m:properties></content></entry><link rel="next" href="?a"/><entry><content><m:properties>`, `<!-- --><?x?><![CDATA[x]]>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, properties string) {
		page := decode([]byte(feed+entry(properties)+`</feed>`), dialect, 0)
		rows := 0
		for row, err := range page.Rows {
			if err != nil {
				return
			}
			rows++
			require.False(t, row.Malformed)
			require.True(t, utf8.Valid(row.Raw))
			var members map[string]any
			require.NoError(t, json.Unmarshal(row.Raw, &members), "%s", row.Raw)
			again := page.Row(row.Raw)
			require.Equal(t, string(row.ID), string(again.ID))
			require.Equal(t, string(row.Recipient), string(again.Recipient))
			if id, ok := members["MessageTraceId"].(string); ok {
				require.Equal(t, id, string(row.ID))
			}
		}
		require.Positive(t, rows)
	})
}
