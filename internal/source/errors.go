// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors explains the responses other than 200 of both services, which take many forms: errors of Microsoft Graph and of
// OData old and new, a bare code with a message, an XML fault, a page in HTML, text, or nothing at all.
type Errors struct{}

// Explain returns code and text of the innermost error: the outer ones are general, such as "Invalid Operation".
func (Errors) Explain(body []byte) (code, message string) {
	text := plain(body)
	if text == "" {
		return "", ""
	}
	switch text[0] {
	case '{', '[', '"':
		return explainJSON(text)
	case '<':
		return explainXML(text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) || !utf8.ValidString(text) {
		return "", ""
	}
	return "", withoutPrefix(text)
}

// plain returns the text of a body without byte order mark. Without the NUL bytes, UTF-16 is ASCII as far as it matters.
func plain(body []byte) string {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		body = bytes.TrimPrefix(body, []byte(mark))
	}
	return strings.TrimSpace(string(bytes.ReplaceAll(body, []byte{0}, nil)))
}

// exchangePrefix matches what Exchange puts ahead of a text: an identifier, perhaps, and the type of the exception.
var exchangePrefix = regexp.MustCompile(`^\w*\|[\w.+` + "`" + `]+\|\s*`)

func withoutPrefix(text string) string {
	return strings.TrimSpace(exchangePrefix.ReplaceAllString(strings.TrimSpace(text), ""))
}

// maxNesting bounds how many errors in one another are looked into.
const maxNesting = 16

func explainJSON(text string) (code, message string) {
	var value any
	// What follows the value does not matter.
	if json.NewDecoder(strings.NewReader(text)).Decode(&value) != nil {
		return "", ""
	}
	return explainValue(value, maxNesting)
}

var (
	codeNames    = []string{"code", "errorcode", "error_code"}
	messageNames = []string{"message", "error_description", "errormessage", "detail"}
	// nestedNames are the members that hold a more exact error, the most exact ones last.
	nestedNames = []string{"error", "odata.error", "innererror", "innerexception", "internalexception"}
)

// explainValue returns the code and the text of the innermost error in a JSON value.
func explainValue(value any, depth int) (code, message string) {
	if depth == 0 {
		return "", ""
	}
	switch value := value.(type) {
	case string:
		if strings.HasPrefix(strings.TrimSpace(value), "{") {
			if code, message := explainNested(value, depth); message != "" {
				return code, message
			}
		}
		return "", withoutPrefix(value)
	case []any:
		if len(value) > 0 {
			return explainValue(value[0], depth-1)
		}
	case map[string]any:
		return explainObject(value, depth)
	}
	return "", ""
}

// explainNested looks into a text that is JSON itself.
func explainNested(text string, depth int) (code, message string) {
	var value any
	if json.Unmarshal([]byte(text), &value) != nil {
		return "", ""
	}
	return explainValue(value, depth-1)
}

func explainObject(object map[string]any, depth int) (code, message string) {
	folded := make(map[string]any, len(object))
	for name, value := range object {
		folded[strings.ToLower(name)] = value
	}
	for _, name := range codeNames {
		if text, ok := folded[name].(string); ok && code == "" {
			code = text
		}
	}
	for _, name := range messageNames {
		if message == "" {
			_, message = explainText(folded[name], depth)
		}
	}
	inner := false
	for _, name := range nestedNames {
		if text, ok := folded[name].(string); ok && name == "error" && code == "" {
			// As OAuth 2.0 writes it.
			code = text
			continue
		}
		innerCode, innerMessage := explainValue(folded[name], depth-1)
		if innerCode != "" {
			code = innerCode
		}
		if innerMessage != "" {
			message, inner = innerMessage, true
		}
	}
	if _, detail := explainValue(folded["details"], depth-1); detail != "" && !inner {
		message = detail
	}
	return code, message
}

// explainText returns the text of a message, which may be an object of its language and its value.
func explainText(value any, depth int) (code, message string) {
	if object, ok := value.(map[string]any); ok {
		for _, name := range []string{"value", "text"} {
			if text, ok := object[name].(string); ok {
				return explainValue(text, depth-1)
			}
		}
	}
	return explainValue(value, depth-1)
}

// title matches the title and the headings of a page in HTML.
var title = regexp.MustCompile(`(?is)<(title|h1|h2)[^>]*>(.*?)</(?:title|h1|h2)>`)

// tag matches what is no text in HTML.
var tag = regexp.MustCompile(`<[^>]*>`)

func explainXML(text string) (code, message string) {
	if code, message, ok := explainFault(text); ok {
		return code, message
	}
	for _, match := range title.FindAllStringSubmatch(text, -1) {
		if found := strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(match[2], " "))); found != "" {
			return "", found
		}
	}
	return "", ""
}

// faults are the names of XML elements that are errors.
var faults = []string{"error", "servicefault", "fault"}

// explainFault reads an error in XML; ok is false if the document is something else.
func explainFault(text string) (code, message string, ok bool) {
	decoder := xml.NewDecoder(strings.NewReader(text))
	// UTF-16 has been made ASCII.
	decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	name := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return code, message, ok
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = strings.ToLower(token.Name.Local)
			if !ok && name != "envelope" && name != "body" && !slices.Contains(faults, name) {
				return "", "", false
			}
			ok = ok || slices.Contains(faults, name)
		case xml.EndElement:
			name = ""
		case xml.CharData:
			switch content := strings.TrimSpace(string(token)); {
			case content == "":
			case slices.Contains(codeNames, name), name == "faultcode":
				code = content
			case name == "message", name == "faultstring", name == "text":
				message = withoutPrefix(content)
			}
		}
	}
}
