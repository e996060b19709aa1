// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// failure is a refused request: HTTP status, Graph's code and message.
type failure struct {
	status  int
	code    string
	message string
}

func badRequest(format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
}

// throttled has the text that the service's quota for message trace comes with.
func throttled() *failure {
	return &failure{
		http.StatusTooManyRequests, "TooManyRequests",
		"Your recent queries have surpassed the permitted limit, please try again later.",
	}
}

func noSuchSegment(rest string) *failure {
	segment := rest[strings.LastIndexByte(rest, '/')+1:]
	return badRequest("Resource not found for the segment '%s'.", segment)
}

func wrongMethod(method string) *failure {
	return &failure{http.StatusMethodNotAllowed, "Request_BadRequest", fmt.Sprintf("Specified HTTP method '%s' is not allowed.", method)}
}

// Refuse answers with an error that is not this package's to make.
func Refuse(x *exchange.Exchange, status int, code, message string) {
	refuse(x, &failure{status, code, message})
}

// refuse answers in the error format of the Microsoft Graph documentation.
func refuse(x *exchange.Exchange, e *failure) {
	type inner struct {
		Date            string `json:"date"`
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	}
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   inner  `json:"innerError"`
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(map[string]body{"error": {
		Code:    e.code,
		Message: e.message,
		Inner:   inner{Date: x.Clock().UTC().Format("2006-01-02T15:04:05"), RequestID: x.ID, ClientRequestID: x.ClientID},
	}})
	if err != nil {
		text.Reset() // never: strings only
	}
	x.JSON(e.status, bytes.TrimSpace(text.Bytes()))
}
