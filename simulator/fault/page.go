// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// member is a name and a value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// parseObject splits a JSON object into its members, in their order.
func parseObject(text []byte) ([]member, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	var list []member
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, false
		}
		m := member{name: name}
		if decoder.Decode(&m.value) != nil {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

func formatObject(list []member) []byte {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, m := range list {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write(quote(m.name))
		text.WriteByte(':')
		text.Write(m.value)
	}
	text.WriteByte('}')
	return text.Bytes()
}

// quote writes a string as JSON, and & as &.
func quote(s string) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // never fails
	return bytes.TrimSpace(text.Bytes())
}

// page is a page of rows taken apart. It can do so with any that has its rows in
// "value" and its link in a member that ends in "nextLink", which is so for
// Graph and for the JSON light of older services.
type page struct {
	members []member
	rows    []json.RawMessage
	null    bool // value is null, and there are no rows
}

func parsePage(text []byte) (*page, bool) {
	members, ok := parseObject(text)
	p := &page{members: members}
	at := p.value()
	if !ok || at < 0 || json.Unmarshal(members[at].value, &p.rows) != nil {
		return nil, false
	}
	return p, true
}

func (p *page) value() int {
	return slices.IndexFunc(p.members, func(m member) bool { return m.name == "value" })
}

func (p *page) next() int {
	return slices.IndexFunc(p.members, func(m member) bool { return strings.HasSuffix(m.name, "nextLink") })
}

// link returns the link to the next page, or nothing.
func (p *page) link() string {
	link := ""
	if at := p.next(); at >= 0 {
		_ = json.Unmarshal(p.members[at].value, &link)
	}
	return link
}

// setLink replaces the link, or puts one where there was none, by the name that
// goes with the other members. An empty one is removed.
func (p *page) setLink(link string) {
	at := p.next()
	switch {
	case at >= 0 && link == "":
		p.members = slices.Delete(p.members, at, at+1)
	case at >= 0:
		p.members[at].value = quote(link)
	case link != "":
		name := "@odata.nextLink"
		if slices.ContainsFunc(p.members, func(m member) bool { return strings.HasPrefix(m.name, "odata.") }) {
			name = "odata.nextLink"
		}
		p.members = slices.Insert(p.members, p.value(), member{name, quote(link)})
	}
}

func (p *page) text() []byte {
	var value bytes.Buffer
	value.WriteByte('[')
	for i, row := range p.rows {
		if i > 0 {
			value.WriteByte(',')
		}
		value.Write(row)
	}
	value.WriteByte(']')
	if p.null {
		value.Reset()
		value.WriteString("null")
	}
	p.members[p.value()].value = value.Bytes()
	return formatObject(p.members)
}

// editing makes a behavior of a function that edits pages.
func editing(edit func(c *call, p *page) bool) func(c *call, a *answer) bool {
	return func(c *call, a *answer) bool {
		if a.status != http.StatusOK {
			return false
		}
		p, ok := parsePage(a.body.Bytes())
		if !ok || !edit(c, p) {
			return false
		}
		c.x.Send(a.status, a.contentType(), p.text())
		return true
	}
}
