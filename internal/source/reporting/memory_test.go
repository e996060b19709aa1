// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package reporting

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/o365messagetrace/o365messagetrace/internal/memtest"
)

const (
	// largest is the most bytes that the transport lets a page have.
	largest = 64 << 20
	// maxPeak is the most memory, in bytes, that reading such a page may take, with the page itself.
	maxPeak = 200 << 20
)

// filled is a page of the largest size: part again and again, between a beginning and an end.
func filled(begin, part, end string) []byte {
	body := make([]byte, 0, largest)
	body = append(body, begin...)
	for len(body)+len(part)+len(end) <= largest {
		body = append(body, part...)
	}
	return append(body, end...)
}

// Whatever a page holds, reading it takes a bounded amount of memory. It makes no difference whether it was compressed.
func TestMemoryOfHostilePages(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	mebi := strings.Repeat("x", 1<<20-100)
	for name, page := range map[string][3]string{
		"a row of members":                 {`{"value":[{"":1`, `,"":1`, `}]}`},
		"members of the page":              {`{"":1`, `,"":1`, `}`},
		"escaped members of the page":      {`{"":1`, `,"\u0061":1`, `}`},
		"members behind the rows":          {`{"value":[]`, `,"":1`, `}`},
		"rows of a byte":                   {`{"value":[1`, `,1`, `]}`},
		"empty rows":                       {`{"value":[{}`, `,{}`, `]}`},
		"rows of a space":                  {`{"value":[ {}`, `, {}`, `]}`},
		"rows that name a property":        {`{"value":[{"Size":1}`, `,{"Size":1}`, `]}`},
		"rows of a mebibyte":               {`{"value":[{}`, `,{"Subject":"` + mebi + `"}`, `]}`},
		"escaped rows of a mebibyte":       {`{"value":[{}`, `,{"Subject":"\n` + mebi[1000:] + `"}`, `]}`},
		"broken rows of a mebibyte":        {`{"value":[{}`, `,{"Subject":"` + strings.Repeat("\xff", 1<<20-100) + `"}`, `]}`},
		"rows of members":                  {`{"value":[{}`, `,{` + strings.TrimSuffix(strings.Repeat(`"Subject":"\n",`, 900), ",") + `}`, `]}`},
		"depth":                            {`{"value":[{"a":`, `[`, ``},
		"depth of objects":                 {`{"value":[{"a":`, `{"":`, ``},
		"depth before the rows":            {`{"a":`, `[`, ``},
		"envelopes":                        {`{`, `"d":{`, ``},
		"a text":                           {`{"value":[{"Subject":"`, `x`, `"}]}`},
		"an escaped text":                  {`{"value":[{"Subject":"`, `\n`, `"}]}`},
		"a name":                           {`{"value":[{"`, `x`, `":1}]}`},
		"a number":                         {`{"value":[{"Size":`, `1`, `}]}`},
		"space":                            {`{"value":[`, ` `, `]}`},
		"a name before the rows":           {`{"`, `x`, `":1}`},
		"an escaped name before the rows":  {`{"`, `\n`, `":{x}`},
		"a name in a value":                {`{"a":{"`, `x`, `":{"y":}}}`},
		"a link":                           {`{"odata.nextLink":"`, `x`, `","value":[]}`},
		"an escaped link":                  {`{"odata.nextLink":"`, `\n`, `","value":[]}`},
		"a link behind the rows":           {`{"value":[{}],"odata.nextLink":"`, `x`, `"}`},
		"a text behind the rows":           {`{"value":[{}],"a":"`, `x`, `"}`},
		"an array behind the rows":         {`{"value":[{}],"a":[1`, `,1`, `]}`},
		"XML: rows":                        {feed, `<m:properties/>`, `</feed>`},
		"XML: rows with a property":        {feed, `<m:properties><d:Size m:type="Edm.Int32">1</d:Size></m:properties>`, `</feed>`},
		"XML: rows of a mebibyte":          {feed, `<m:properties><d:Subject>` + mebi[1000:] + `</d:Subject></m:properties>`, `</feed>`},
		"XML: escaped rows of a mebibyte":  {feed, `<m:properties><d:Subject>` + strings.Repeat(`"`, 1<<20-1000) + `</d:Subject></m:properties>`, `</feed>`},
		"XML: properties of a row":         {feed + `<m:properties>`, `<d:a/>`, `</m:properties></feed>`},
		"XML: other elements of a row":     {feed + `<m:properties>`, `<a/>`, `</m:properties></feed>`},
		"XML: elements in a property":      {feed + `<m:properties><d:a>`, `<a/>`, `</d:a></m:properties></feed>`},
		"XML: open elements in a property": {feed + `<m:properties><d:a>`, `<a>`, `</d:a></m:properties></feed>`},
		"XML: elements":                    {feed, `<a/>`, `</feed>`},
		"XML: open elements":               {feed, `<a>`, `</feed>`},
		"XML: open rows":                   {feed, `<m:properties>`, `</feed>`},
		"XML: attributes":                  {feed + `<a `, `a="" `, `/></feed>`},
		"XML: namespaces":                  {feed + `<a `, `xmlns:a="" `, `/></feed>`},
		"XML: attributes of open elements": {feed, `<a ` + strings.Repeat(`xmlns:abc="" `, 100) + `>`, `</feed>`},
		"XML: elements with attributes":    {feed, `<a ` + strings.Repeat(`xmlns:abc="" `, 100) + `/>`, `</feed>`},
		"XML: a text":                      {feed + `<m:properties><d:a>`, `x`, `</d:a></m:properties></feed>`},
		"XML: a text between rows":         {feed, `x`, `</feed>`},
		"XML: an escaped text":             {feed + `<m:properties><d:a>`, `&#10;`, `</d:a></m:properties></feed>`},
		"XML: CDATA":                       {feed + `<m:properties><d:a>`, `<![CDATA[x]]>`, `</d:a></m:properties></feed>`},
		"XML: a comment":                   {feed + `<!--`, `x`, `--></feed>`},
		"XML: comments in a property":      {feed + `<m:properties><d:a>`, `<!---->`, `</d:a></m:properties></feed>`},
		"XML: a processing instruction":    {feed + `<?a `, `x`, `?></feed>`},
		"XML: a directive":                 {feed + `<!`, `<a>`, `></feed>`},
		"XML: a name":                      {feed + `<`, `a`, `/></feed>`},
		"XML: a link":                      {feed + `<link rel="next" href="`, `x`, `"/></feed>`},
		"XML: links":                       {feed, `<link rel="next" href="` + mebi + `"/>`, `</feed>`},
		"XML: space":                       {``, ` `, feed + `</feed>`},
	} {
		t.Run(name, func(t *testing.T) {
			rows := 0
			var err error
			var body []byte
			peak := memtest.Peak(func() {
				body = filled(page[0], page[1], page[2])
				p := decode(body, dialect, 0)
				for _, err = range p.Rows {
					rows++
				}
				_ = p.Next()
			})
			t.Logf("%d bytes, %d rows, %v, peak %d MiB", len(body), rows, err, peak>>20)
			assert.LessOrEqual(t, peak, int64(maxPeak))
		})
	}
}
