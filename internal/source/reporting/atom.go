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

// fromAtom writes an Atom feed as a page in JSON light, so that rows have the same shape whatever format they came in.
func fromAtom(feed []byte) ([]byte, error) {
	a := &atom{dec: xml.NewDecoder(bytes.NewReader(feed)), page: []byte(`{"value":[`)}
	for {
		token, err := a.dec.Token()
		atEnd := errors.Is(err, io.EOF)
		if atEnd && a.isFeed {
			return a.end(), nil
		}
		if atEnd {
			err = fmt.Errorf("%w: XML, but no Atom feed", source.ErrShape)
		}
		if err != nil {
			return nil, fmt.Errorf("damaged XML: %w", err)
		}
		if element, ok := token.(xml.StartElement); ok {
			if err := a.element(element); err != nil {
				return nil, fmt.Errorf("damaged XML: %w", err)
			}
		}
	}
}

type atom struct {
	dec    *xml.Decoder
	isFeed bool
	rows   int
	page   []byte
	next   string
}

func (a *atom) element(e xml.StartElement) error {
	switch e.Name {
	case xml.Name{Space: atomNamespace, Local: "feed"}:
		a.isFeed = true
	case xml.Name{Space: atomNamespace, Local: "link"}:
		if attribute(e, "", "rel") == "next" {
			a.next = attribute(e, "", "href")
		}
	case xml.Name{Space: metadataNamespace, Local: "properties"}:
		return a.row()
	}
	return nil
}

// row reads the properties of an entry up to their end.
func (a *atom) row() error {
	if a.rows > 0 {
		a.page = append(a.page, ',')
	}
	a.rows++
	a.page = append(a.page, '{')
	for properties := 0; ; {
		token, err := a.dec.Token()
		if err != nil {
			return err
		}
		switch element := token.(type) {
		case xml.EndElement:
			a.page = append(a.page, '}')
			return nil
		case xml.StartElement:
			if element.Name.Space != dataNamespace {
				if err := a.dec.Skip(); err != nil {
					return err
				}
				continue
			}
			if properties++; properties > 1 {
				a.page = append(a.page, ',')
			}
			if err := a.property(element); err != nil {
				return err
			}
		}
	}
}

func (a *atom) property(e xml.StartElement) error {
	var value struct {
		Text string `xml:",chardata"`
	}
	if err := a.dec.DecodeElement(&value, &e); err != nil {
		return err
	}
	a.page = append(appendText(a.page, e.Name.Local), ':')
	kind := attribute(e, metadataNamespace, "type")
	_, errNumber := strconv.ParseInt(value.Text, 10, 64)
	switch {
	case attribute(e, metadataNamespace, "null") == "true":
		a.page = append(a.page, "null"...)
	case strings.HasPrefix(kind, "Edm.Int") && errNumber == nil:
		a.page = append(a.page, value.Text...)
	default:
		a.page = appendText(a.page, value.Text)
	}
	return nil
}

func (a *atom) end() []byte {
	a.page = append(a.page, ']')
	if a.next != "" {
		a.page = appendText(append(a.page, `,"odata.nextLink":`...), a.next)
	}
	return append(a.page, '}')
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
