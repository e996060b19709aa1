// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package reporting

import (
	"cmp"
	"net/http"
	"regexp"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/source"
	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Role is the application permission that the service asks for, of Office 365 Exchange Online.
const Role = "ReportingWebService.Read.All"

// exchange is the ID of the application Office 365 Exchange Online ("Verify first-party Microsoft applications in sign-in
// reports"). Microsoft does not publish the ID of its role, so the command looks it up.
const exchange = "00000002-0000-0ff1-ce00-000000000000"

var permission = transport.Permission{
	Role: Role, RoleID: "$(az ad sp show --id " + exchange + " --query \"appRoles[?value=='" + Role + "'].id\" --output tsv)",
	API: "APIs my organization uses > Office 365 Exchange Online", APIID: exchange,
}

// globalReader is the ID of the directory role Global Reader ("Microsoft Entra built-in roles").
const globalReader = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"

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
func (Service) Advise(e *transport.Error) trouble.Advice {
	if retired.MatchString(e.Code + " " + e.Message) {
		return trouble.Advice{Hint: useGraph}
	}
	if advice := transport.AdviseOnRefusal(e); advice.Hint != "" {
		return advice
	}
	if e.Scope() == trouble.Tenant {
		return trouble.Advice{Hint: "the tenant is asked for too much, perhaps by other tools as well: raise poll_interval if this goes on"}
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return adviseOnPermission(e)
	case http.StatusNotFound, http.StatusGone:
		return trouble.Advice{Hint: "check endpoint: there is no message trace report at this address; where the Reporting Web Service has " +
			"been retired, set api to graph"}
	case http.StatusBadRequest:
		if e.Message == "" {
			return trouble.Advice{Hint: "the service does not say what is wrong: check endpoint and filter"}
		}
	}
	return trouble.Advice{}
}

// adviseOnPermission goes by what tenants have answered: without the permission 401, with the permission alone 403.
func adviseOnPermission(e *transport.Error) trouble.Advice {
	advice := transport.AdviseOnRole(e, permission)
	if advice.Hint == "" {
		return trouble.Advice{Hint: "the token has the application permission " + Role + ": " + directoryRole, Step: assignRole(e.Claims)}
	}
	advice.Hint += " (of Office 365 Exchange Online), and " + directoryRole
	if e.Claims == nil && e.Status == http.StatusUnauthorized {
		advice.Hint += "; with authentication.basic: Microsoft ended it in 2023"
	}
	return advice
}

// assignRole is how to give the application a directory role.
func assignRole(token *claims.Set) trouble.Step {
	return trouble.Step{
		Portal: "Microsoft Entra admin center > Roles & admins > Global Reader > Add assignments > the application",
		Command: `az rest --method POST --url https://graph.microsoft.com/v1.0/roleManagement/directory/roleAssignments --body ` +
			`'{"principalId":"` + cmp.Or(token.ObjectID(), "OBJECT_ID") + `","roleDefinitionId":"` + globalReader + `","directoryScopeId":"/"}'`,
	}
}
