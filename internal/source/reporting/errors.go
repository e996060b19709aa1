// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"net/http"
	"regexp"

	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Role is the application permission that the service asks for, of Office 365 Exchange Online.
const Role = "ReportingWebService.Read.All"

// Service explains the errors of the Reporting Web Service.
type Service struct{ source.Errors }

const (
	directoryRole = "give the application a directory role (Global Reader, Security Reader or Exchange Administrator)"
	useGraph      = "this service has been retired for the tenant, it seems: set api to graph; in clouds without message traces in " +
		"Microsoft Graph, ask Microsoft's support"
)

// retired matches how the service speaks of its retirement and of what takes its place.
var retired = regexp.MustCompile(`(?i)\bretire|deprecat|decommission|\bsunset|end of (life|support)|no longer (available|supported)|` +
	`new message trace|MessageTraceV2|\bV2\b|use (Microsoft )?Graph`)

// Advise names the permission or key to change.
func (Service) Advise(e *transport.Error) string {
	if retired.MatchString(e.Code + " " + e.Message) {
		return useGraph
	}
	if advice := transport.AdviseOnRefusal(e); advice != "" {
		return advice
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return adviseOnPermission(e)
	case http.StatusNotFound, http.StatusGone:
		return "check endpoint: there is no message trace report at this address; where the Reporting Web Service has been retired, " +
			"set api to graph"
	case http.StatusTooManyRequests:
		return "the tenant is asked for too much, perhaps by other tools as well: raise poll_interval if this goes on"
	case http.StatusBadRequest:
		if e.Message == "" {
			return "the service does not say what is wrong: check endpoint and filter"
		}
	}
	return ""
}

// adviseOnPermission goes by what tenants have answered: without the permission 401, with the permission alone 403.
func adviseOnPermission(e *transport.Error) string {
	advice := transport.AdviseOnRole(e, Role)
	if advice == "" {
		return "the token has the application permission " + Role + ": " + directoryRole
	}
	advice += " (of Office 365 Exchange Online), and " + directoryRole
	if e.Claims == nil && e.Status == http.StatusUnauthorized {
		advice += "; with authentication.basic: Microsoft ended it in 2023"
	}
	return advice
}
