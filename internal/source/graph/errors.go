// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

const (
	// Role is the application permission that the service asks for (Microsoft Graph documentation, "List messageTraces").
	Role = "ExchangeMessageTrace.Read.All"
	// traceApp is the application of Microsoft's that must have a service principal in the tenant before message traces can
	// be read ("Message Trace Support Using Graph API", Exchange Team Blog, January 2026).
	traceApp = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
)

// Service explains the errors of Microsoft Graph.
type Service struct{ source.Errors }

// Advise names the permission or key to change.
func (Service) Advise(e *transport.Error) string {
	if strings.Contains(e.Message, traceApp) {
		return adviseOnTraceApp(e)
	}
	if advice := transport.AdviseOnRefusal(e); advice != "" {
		return advice
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return adviseOnPermission(e)
	case http.StatusNotFound:
		return "check endpoint: there is no message trace at this address"
	case http.StatusTooManyRequests:
		return "the tenant's quota of message trace requests is used up, perhaps by other tools: raise poll_interval if this goes on"
	case http.StatusBadRequest:
		switch {
		case e.Reason == transport.PageSize:
			return "set page_size to what the service accepts"
		case e.Message == "":
			return "the service does not say what is wrong: check endpoint and filter"
		}
	}
	return ""
}

func adviseOnTraceApp(e *transport.Error) string {
	if strings.Contains(e.Message, "disabled") {
		return "enable the service principal " + traceApp + " in the tenant, that of Microsoft's message trace application (Enterprise " +
			"applications: Enabled for users to sign in; or Update-MgServicePrincipal -AccountEnabled)"
	}
	return "create the service principal of Microsoft's message trace application in the tenant " +
		"(New-MgServicePrincipal -AppId " + traceApp + "); if it has just been created, wait: provisioning takes hours"
}

func adviseOnPermission(e *transport.Error) string {
	const principal = "see that the tenant has the service principal " + traceApp + ", which takes hours to be provisioned"
	advice := transport.AdviseOnRole(e, Role)
	if advice == "" {
		advice = "the token has the application permission " + Role + ": " + principal
	} else {
		advice += ", and " + principal
	}
	if e.Code == "" && e.Message != "" {
		// Graph names a code with every error.
		advice += "; if the answer does not come from Microsoft Graph, check endpoint and proxy_url"
	}
	return advice
}
