// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"fmt"
	"net/http"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
	"github.com/o365messagetrace/o365messagetrace/simulator/internal/odata"
)

// failure is a refused request. The service has five shapes of errors, which go
// by the place where the error comes from, not by the format asked for.
type failure struct {
	status      int
	contentType string
	body        []byte
}

func refuse(x *exchange.Exchange, e *failure) { x.Send(e.status, e.contentType, e.body) }

// Refuse answers with an error that is not this package's to make. Its code is
// Graph's and has no place here.
func Refuse(x *exchange.Exchange, status int, _, message string) {
	refuse(x, invalid(status, "%s", message))
}

const jsonType = "application/json;charset=utf-8"

// invalid is the error of a query that is wrong, in the shape of Microsoft's
// documentation of errors of the Reporting Web Service.
func invalid(status int, format string, args ...any) *failure {
	body := []byte(`{"error":{"code":"","message":{"lang":"en-US","value":`)
	body = odata.AppendASCII(body, fmt.Sprintf(format, args...))
	return &failure{status, jsonType, append(body, `}}}`...)}
}

func badRequest(format string, args ...any) *failure {
	return invalid(http.StatusBadRequest, format, args...)
}

// wrongMethod and the next have texts of WCF Data Services.
func wrongMethod() *failure { return invalid(http.StatusMethodNotAllowed, "Method Not Allowed") }

func noSuchReport(name string) *failure {
	return invalid(http.StatusNotFound, "Resource not found for the segment '%s'.", name)
}

func unsupportedFormat() *failure {
	return invalid(http.StatusUnsupportedMediaType, "Unsupported media type requested.")
}

// beyondLimit is the service's error about rows behind the first million, as
// recorded by somebody who asked Microsoft about it.
func beyondLimit() *failure {
	return &failure{
		http.StatusInternalServerError, jsonType,
		[]byte(`{"odata.error":{"code":"UnknownError","message":{"lang":"","value":"An error has occurred on the server."}}}`),
	}
}

// forbidden is the answer, as recorded, to a token without the permission, or of
// an application without a directory role. It is JSON, but not of OData.
func forbidden() *failure {
	return &failure{
		http.StatusForbidden, jsonType,
		[]byte(`{"ErrorCode":"","Message":"No permission to access the report for the organization ."}`),
	}
}

// unauthorized is the page of IIS, with the texts that were recorded.
func unauthorized() *failure {
	const title = "401 - Unauthorized: Access is denied due to invalid credentials."
	return &failure{http.StatusUnauthorized, "text/html", []byte(
		`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">` + "\r\n" +
			`<html xmlns="http://www.w3.org/1999/xhtml">` + "\r\n<head>\r\n" +
			`<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"/>` + "\r\n" +
			"<title>" + title + "</title>\r\n</head>\r\n<body>\r\n" +
			`<div id="header"><h1>Server Error</h1></div>` + "\r\n" + `<div id="content">` + "\r\n" +
			` <div class="content-container"><fieldset>` + "\r\n  <h2>" + title + "</h2>\r\n" +
			"  <h3>You do not have permission to view this directory or page using the credentials that you supplied.</h3>\r\n" +
			" </fieldset></div>\r\n</div>\r\n</body>\r\n</html>\r\n")}
}

// serviceFault is an error from in front of OData. Microsoft's documentation
// shows the document; the end of the namespace, the codes and the status are
// inferred.
func serviceFault(code, message string) *failure {
	return &failure{http.StatusBadRequest, "application/xml; charset=utf-8", fmt.Appendf(nil,
		`<ServiceFault xmlns="http://schemas.datacontract.org/2004/07/Microsoft.Exchange.Management.ReportingWebService" `+
			`xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ErrorCode>%s</ErrorCode><Message>%s</Message></ServiceFault>`,
		code, message)}
}
