// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// traceApp is the application of Microsoft's that must have a service principal in the tenant before message traces can
// be read ("Message Trace Support Using Graph API", Exchange Team Blog, January 2026).
const traceApp = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"

// Service explains the errors of Microsoft Graph.
type Service struct{}

// Explain reads the error of Graph's error responses (Microsoft Graph documentation, "Error responses").
func (Service) Explain(body []byte) (code, message string) {
	var response struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &response) != nil {
		return "", ""
	}
	return response.Error.Code, response.Error.Message
}

// Advise names the permission or key to change.
func (Service) Advise(e *transport.Error) string {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return advisePermission(e)
	case http.StatusNotFound:
		return "check endpoint: there is no message trace at this address"
	case http.StatusTooManyRequests:
		return "the tenant's quota of message trace requests is used up, perhaps by other tools: raise poll_interval if this goes on"
	}
	return ""
}

func advisePermission(e *transport.Error) string {
	if strings.Contains(e.Message, traceApp) {
		return "create the service principal of Microsoft's message trace application in the tenant " +
			"(New-MgServicePrincipal -AppId " + traceApp + "); if it has just been created, wait: provisioning takes hours"
	}
	return "grant the application permission ExchangeMessageTrace.Read.All with admin consent to the application in " +
		"authentication, and see that the tenant has the service principal " + traceApp
}
