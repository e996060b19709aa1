// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
)

// The namespaces of an Atom feed of WCF Data Services (MC-CSDL and OData version 2, "Atom Format").
const (
	atomNamespace     = "http://www.w3.org/2005/Atom"
	dataNamespace     = "http://schemas.microsoft.com/ado/2007/08/dataservices"
	metadataNamespace = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
)

// What an Atom feed may hold beyond rows, to bound the memory that reading it takes.
const (
	// maxDepth is the most elements that may be open at once. A property of a row is the fifth.
	maxDepth = 100
	// maxAttributes is the most attributes of an element. Those of a feed have about five.
	maxAttributes = 100
)

var errNested = errors.New("an element has more than 100 attributes or others around it")

// atom reads the rows of an Atom feed as JSON light has them, so that rows have the same shape whatever format they came in.
type atom struct {
	in     bounded
	dec    *xml.Decoder
	depth  int
	isFeed bool
	next   string
}

// bounded hands out at most so many bytes as are left: a row and what is around it may have source.MaxValue.
type bounded struct {
	bytes.Reader
	left int
}

// ReadByte is what the XML decoder reads by.
func (b *bounded) ReadByte() (byte, error) {
	if b.left == 0 {
		return 0, source.ErrLarge
	}
	b.left--
	return b.Reader.ReadByte()
}

// fromAtom returns the page that an Atom feed is.
func fromAtom(feed []byte, dialect source.Dialect, asked int) *source.Page {
	a := &atom{}
	a.in.Reset(feed)
	a.dec = xml.NewDecoder(&a.in)
	return source.PageOf(a.rows, func() string { return a.next }, dialect, asked)
}

// rows walks the texts of the rows.
func (a *atom) rows(yield func(text []byte, err error) bool) {
	for {
		text, err := a.row()
		switch {
		case errors.Is(err, io.EOF) && a.isFeed:
			return
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("%w: XML, but no Atom feed", source.ErrShape)
		case err != nil:
			err = fmt.Errorf("damaged XML after byte %d: %w", a.dec.InputOffset(), err)
		}
		if !yield(text, err) || err != nil {
			return
		}
	}
}

// row returns the next row.
func (a *atom) row() (text []byte, err error) {
	a.in.left = source.MaxValue
	for {
		token, err := a.token()
		if err != nil {
			return nil, err
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch element.Name {
		case xml.Name{Space: atomNamespace, Local: "feed"}:
			a.isFeed = true
		case xml.Name{Space: atomNamespace, Local: "link"}:
			if attribute(element, "", "rel") == "next" {
				a.next = attribute(element, "", "href")
			}
		case xml.Name{Space: metadataNamespace, Local: "properties"}:
			if !a.isFeed {
				return nil, io.EOF
			}
			return a.properties()
		}
	}
}

// token returns the next token.
func (a *atom) token() (xml.Token, error) {
	token, err := a.dec.Token()
	switch element := token.(type) {
	case xml.StartElement:
		if a.depth++; a.depth > maxDepth || len(element.Attr) > maxAttributes {
			return nil, errNested
		}
	case xml.EndElement:
		a.depth--
	}
	return token, err
}

// properties reads the properties of an entry up to their end.
func (a *atom) properties() ([]byte, error) {
	row := append(make([]byte, 0, usualRow), '{')
	for depth := a.depth; ; {
		token, err := a.token()
		if err != nil {
			return nil, err
		}
		if a.depth < depth {
			return append(row, '}'), nil
		}
		element, ok := token.(xml.StartElement)
		if !ok || a.depth != depth+1 || element.Name.Space != dataNamespace {
			continue
		}
		if len(row) > 1 {
			row = append(row, ',')
		}
		if row, err = a.property(row, element); err != nil {
			return nil, err
		}
	}
}

// usualRow is the room, in bytes, that most rows need.
const usualRow = 640

// property reads a property up to its end, and appends it to a row.
func (a *atom) property(row []byte, e xml.StartElement) ([]byte, error) {
	var text []byte
	for depth := a.depth; a.depth >= depth; {
		token, err := a.token()
		if err != nil {
			return nil, err
		}
		if part, ok := token.(xml.CharData); ok && a.depth == depth {
			text = append(text, part...)
		}
	}
	row = append(appendText(row, e.Name.Local), ':')
	number, errNumber := strconv.ParseInt(string(text), 10, 64)
	switch {
	case attribute(e, metadataNamespace, "null") == "true":
		return append(row, "null"...), nil
	case strings.HasPrefix(attribute(e, metadataNamespace, "type"), "Edm.Int") && errNumber == nil:
		return strconv.AppendInt(row, number, 10), nil
	}
	return appendText(row, string(text)), nil
}

func attribute(e xml.StartElement, space, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == space {
			return a.Value
		}
	}
	return ""
}

func appendText(dst []byte, text string) []byte {
	// The XML decoder has accepted the text as UTF-8.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
