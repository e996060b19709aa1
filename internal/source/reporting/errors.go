// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"net/http"
	"regexp"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Service explains the errors of the Reporting Web Service.
type Service struct{}

// Explain reads the five forms in which the service says what is wrong: OData errors old and new, a bare code with a
// message, an XML fault, and a page in HTML.
func (Service) Explain(body []byte) (code, message string) {
	if text := bytes.TrimSpace(body); len(text) > 0 && text[0] == '<' {
		return explainXML(text)
	}
	type odata struct {
		Code    string `json:"code"`
		Message struct {
			Value string `json:"value"`
		} `json:"message"`
	}
	var response struct {
		New       *odata `json:"odata.error"`
		Old       *odata `json:"error"`
		ErrorCode string
		Message   string
	}
	if json.Unmarshal(body, &response) != nil {
		return "", ""
	}
	for _, e := range []*odata{response.New, response.Old} {
		if e != nil {
			return e.Code, e.Message.Value
		}
	}
	return response.ErrorCode, response.Message
}

var title = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func explainXML(text []byte) (code, message string) {
	var fault struct {
		XMLName   xml.Name
		ErrorCode string
		Message   string
	}
	if xml.Unmarshal(text, &fault) == nil && fault.XMLName.Local == "ServiceFault" {
		return fault.ErrorCode, fault.Message
	}
	// An OData error of the Atom format has its parts in lower case.
	var odata struct {
		XMLName xml.Name
		Code    string `xml:"code"`
		Message string `xml:"message"`
	}
	if xml.Unmarshal(text, &odata) == nil && odata.XMLName.Local == "error" {
		return odata.Code, odata.Message
	}
	if match := title.FindSubmatch(text); match != nil {
		return "", html.UnescapeString(string(match[1]))
	}
	return "", ""
}

// Advise names the permission or key to change.
func (Service) Advise(e *transport.Error) string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "the application is not authorised: grant it the application permission ReportingWebService.Read.All of Office 365 " +
			"Exchange Online with admin consent, and a directory role (Global Reader, Security Reader or Exchange Administrator); " +
			"with authentication.basic: Microsoft ended it in 2023"
	case http.StatusForbidden:
		return "give the application a directory role (Global Reader, Security Reader or Exchange Administrator), and see that it has " +
			"the application permission ReportingWebService.Read.All with admin consent"
	case http.StatusNotFound:
		return "check endpoint: there is no message trace report at this address; where the Reporting Web Service has been retired, " +
			"set api to graph"
	}
	return ""
}
