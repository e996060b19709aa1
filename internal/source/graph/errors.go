// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"net/http"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

const (
	// Role is the application permission that the service asks for (Microsoft Graph documentation, "List messageTraces").
	Role = "ExchangeMessageTrace.Read.All"
	// traceApp is the application of Microsoft's that must have a service principal in the tenant before message traces can
	// be read ("Message Trace Support Using Graph API", Exchange Team Blog, January 2026).
	traceApp = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
)

// permission is what has the role. The IDs are those of Microsoft's "Microsoft Graph permissions reference".
var permission = transport.Permission{
	Role: Role, RoleID: "89b20d8a-76e2-4057-867b-9961f800b9a4", API: "Microsoft Graph", APIID: "00000003-0000-0000-c000-000000000000",
}

// Service explains the errors of Microsoft Graph.
type Service struct{ source.Errors }

// Advise names the permission or key to change.
func (Service) Advise(e *transport.Error) trouble.Advice {
	if strings.Contains(e.Message, traceApp) {
		return adviseOnTraceApp(e)
	}
	if advice := transport.AdviseOnRefusal(e); advice.Hint != "" {
		return advice
	}
	if e.Scope() == trouble.Tenant {
		return trouble.Advice{Hint: "the tenant's quota of message trace requests is used up, perhaps by other tools: raise poll_interval if " +
			"this goes on"}
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return adviseOnPermission(e)
	case http.StatusNotFound, http.StatusGone:
		return noTraces
	case http.StatusBadRequest:
		switch {
		case strings.Contains(e.Message, "Resource not found for the segment"):
			return noTraces
		case e.Reason == transport.PageSize:
			return trouble.Advice{Hint: "set page_size to what the service accepts"}
		case e.Message == "":
			return trouble.Advice{Hint: "the service does not say what is wrong: check endpoint and filter"}
		}
	}
	return trouble.Advice{}
}

// noTraces is what to do at a wrong address. Graph answers 400 to a path that it does not know, and 404 where nothing is.
var noTraces = trouble.Advice{Hint: "check endpoint: there is no message trace at this address"}

func adviseOnTraceApp(e *transport.Error) trouble.Advice {
	if strings.Contains(e.Message, "disabled") {
		return trouble.Advice{
			Hint: "enable the service principal " + traceApp + " in the tenant, that of Microsoft's message trace application (Enterprise " +
				"applications: Enabled for users to sign in; or Update-MgServicePrincipal -AccountEnabled)",
			Step: trouble.Step{
				Portal: "Microsoft Entra admin center > Enterprise applications > All applications (without the filter of application types) > " +
					traceApp + " > Properties > Enabled for users to sign in > Yes",
				Command: "az ad sp update --id " + traceApp + " --set accountEnabled=true",
			},
		}
	}
	return trouble.Advice{
		Hint: "create the service principal of Microsoft's message trace application in the tenant " +
			"(New-MgServicePrincipal -AppId " + traceApp + "); if it has just been created, wait: provisioning takes hours",
		Step: createTraceApp,
	}
}

// createTraceApp creates the service principal; no portal can.
var createTraceApp = trouble.Step{Command: "az ad sp create --id " + traceApp}

func adviseOnPermission(e *transport.Error) trouble.Advice {
	const principal = "see that the tenant has the service principal " + traceApp + ", which takes hours to be provisioned"
	advice := transport.AdviseOnRole(e, permission)
	if advice.Hint == "" {
		advice = trouble.Advice{
			Hint: "the token has the application permission " + Role + ": " + principal,
			Step: trouble.Step{Command: "az ad sp show --id " + traceApp + " || " + createTraceApp.Command},
		}
	} else {
		advice.Hint += ", and " + principal
	}
	if e.Code == "" && e.Message != "" {
		// Graph names a code with every error.
		advice.Hint += "; if the answer does not come from Microsoft Graph, check endpoint and proxy_url"
	}
	return advice
}
