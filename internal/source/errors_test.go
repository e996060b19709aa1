// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	const old = `{"odata.error":{"code":"7","message":{"lang":"de-DE","value":"Der Typ hat keine Eigenschaft dieses Namens."}}}`
	for name, c := range map[string]struct{ body, code, message string }{
		"of Graph":                   {`{"error":{"code":"BadRequest","message":"ResultSize is invalid","innerError":{"date":"d","request-id":"r"}}}`, "BadRequest", "ResultSize is invalid"},
		"of OData":                   {old, "7", "Der Typ hat keine Eigenschaft dieses Namens."},
		"a code alone":               {`{"error":{"code":"BadRequest"}}`, "BadRequest", ""},
		"a message alone":            {`{"Message":"Authorization has been denied for this request."}`, "", "Authorization has been denied for this request."},
		"bare":                       {`{"ErrorCode":"","Message":"No permission ."}`, "", "No permission ."},
		"of OAuth":                   {`{"error":"invalid_client","error_description":"AADSTS7000215: wrong"}`, "invalid_client", "AADSTS7000215: wrong"},
		"of a gateway":               {`{"statusCode":404,"message":"Resource not found"}`, "", "Resource not found"},
		"a list":                     {`[{"code":"1","message":"a"},{"code":"2","message":"b"}]`, "1", "a"},
		"an empty list":              {`[]`, "", ""},
		"null":                       {`{"error":null}`, "", ""},
		"a message that is a number": {`{"error":{"message":5}}`, "", ""},
		"a message that is a list":   {`{"error":{"message":["a"]}}`, "", "a"},
		"a message as an object":     {`{"error":{"code":"c","message":{"text":"a"}}}`, "c", "a"},
		"an object without a text":   {`{"error":{"code":"c","message":{}}}`, "c", ""},
		"JSON in JSON":               {`{"error":{"code":"UnknownError","message":"{\"error\":{\"code\":\"inner\",\"message\":\"real\"}}"}}`, "UnknownError", "real"},
		"no JSON in JSON":            {`{"error":{"message":"{a} is wrong"}}`, "", "{a} is wrong"},
		"nested": {
			`{"error":{"code":"BadRequest","message":"Invalid Operation","innererror":{"message":"Invalid Operation","internalexception":{"message":"|System.ArgumentException|The interval is too long.","type":"System.ArgumentException","stacktrace":""}}}}`,
			"BadRequest", "The interval is too long.",
		},
		"nested, with codes":         {`{"error":{"code":"a","message":"b","innerError":{"code":"c","innerError":{"code":"d"}}}}`, "d", "b"},
		"nested, in details alone":   {`{"error":{"code":"BadRequest","message":"Invalid Operation","details":[{"code":"Context","message":"|System.ArgumentException|The interval is too long."}]}}`, "BadRequest", "The interval is too long."},
		"empty details":              {`{"error":{"code":"a","message":"b","details":[]}}`, "a", "b"},
		"with a prefix":              {`{"error":{"message":"|Microsoft.Exchange.Management.Tasks.ValidationException|This report."}}`, "", "This report."},
		"with a prefix and an ID":    {`{"error":{"message":"Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|Not found."}}`, "", "Not found."},
		"with a generic type":        {"{\"error\":{\"message\":\"|System.Tuple`2|Not found.\"}}", "", "Not found."},
		"with bars of its own":       {`{"error":{"message":"a | b | c"}}`, "", "a | b | c"},
		"with a byte order mark":     {"\uFEFF" + old, "7", "Der Typ hat keine Eigenschaft dieses Namens."},
		"followed by something":      {old + "\r\n--", "7", "Der Typ hat keine Eigenschaft dieses Namens."},
		"cut off":                    {`{"error":{"code":"a","mess`, "", ""},
		"nothing":                    {"", "", ""},
		"blank":                      {" \r\n", "", ""},
		"a byte order mark alone":    {"\uFEFF", "", ""},
		"NUL bytes":                  {"\x00\x00\x00\x00", "", ""},
		"no text":                    {"\x01\x02", "", ""},
		"not UTF-8":                  {"caf\xe9", "", ""},
		"text":                       {"upstream connect error or disconnect/reset before headers\n", "", "upstream connect error or disconnect/reset before headers"},
		"a text in quotes":           {`"No luck."`, "", "No luck."},
		"HTML":                       {`<!DOCTYPE html><html><head><title>401 - Unauthorized: Access is denied &amp; so on.</title></head></html>`, "", "401 - Unauthorized: Access is denied & so on."},
		"HTML without a title":       {`<html><body><h1>503 <b>Service</b> Unavailable</h1></body></html>`, "", "503  Service  Unavailable"},
		"HTML with an empty title":   {`<html><title></title><body><h2>Blocked</h2></body></html>`, "", "Blocked"},
		"HTML without anything":      {`<html><body>Moved</body></html>`, "", ""},
		"a fault":                    {`<ServiceFault xmlns="http://schemas.datacontract.org/2004/07/X"><ErrorCode>7</ErrorCode><Message>Unsupported.</Message></ServiceFault>`, "7", "Unsupported."},
		"a fault of SOAP":            {`<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>c</faultcode><faultstring>Wrong.</faultstring></s:Fault></s:Body></s:Envelope>`, "c", "Wrong."},
		"OData in XML":               {`<?xml version="1.0"?><error xmlns="x"><code>5</code><message xml:lang="en">Bad</message></error>`, "5", "Bad"},
		"OData in XML, nested":       {`<m:error xmlns:m="x"><m:code/><m:message>An error has occurred.</m:message><m:innererror><m:message>|System.ArgumentException|Bad</m:message><m:type>T</m:type></m:innererror></m:error>`, "", "Bad"},
		"OData in XML, in UTF-16":    {string(utf16le("\uFEFF" + `<?xml version="1.0" encoding="utf-16"?><error><code>5</code><message>Bad</message></error>`)), "5", "Bad"},
		"JSON in UTF-16":             {string(utf16le(`{"error":{"code":"c","message":"m"}}`)), "c", "m"},
		"another document in XML":    {`<feed><message>m</message></feed>`, "", ""},
		"errors within errors":       {strings.Repeat(`{"error":`, 100) + `{"message":"m"}` + strings.Repeat("}", 100), "", ""},
		"more brackets than allowed": {strings.Repeat("[", 60_000), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, message := source.Errors{}.Explain([]byte(c.body))
			assert.Equal(t, c.code, code)
			assert.Equal(t, c.message, message)
		})
	}
}

func utf16le(text string) []byte {
	var b bytes.Buffer
	for _, unit := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(unit))
		b.WriteByte(byte(unit >> 8))
	}
	return b.Bytes()
}

func TestExplainNeverFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{
			"{", "}", "[", "]", `"error":`, `"message":`, `"innererror":`, `"a"`, `"{}"`, ",", "<error>", "<message>", "</message>", "&", "\x00", "\uFEFF", "|T|",
		})).Draw(t, "parts")
		_, _ = source.Errors{}.Explain([]byte(strings.Join(parts, "")))
		_, _ = source.Errors{}.Explain(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	})
}
