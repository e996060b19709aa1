// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Advice of either service, whatever is asked of it.
var (
	adviceOnTenant = trouble.Advice{
		Hint: "Exchange Online does not know the tenant: check tenant_id, and see that the tenant has a licence of Exchange Online",
		Step: trouble.Step{
			Portal:  "Microsoft 365 admin center > Billing > Licenses; the tenant's ID: Microsoft Entra admin center > Overview",
			Command: `az rest --url https://graph.microsoft.com/v1.0/subscribedSkus --query "value[].servicePlans[].servicePlanName"`,
		},
	}
	adviceOnWait = trouble.Advice{
		Hint: "Microsoft's service has trouble of its own: there is nothing to change here; if it goes on, look at Service health in " +
			"the Microsoft 365 admin center, and whether a proxy in proxy_url answers in its place",
		Step: trouble.Step{Portal: "Microsoft 365 admin center > Health > Service health > Exchange Online"},
	}
)

const (
	hintOnPortal = "something other than Microsoft's service seems to answer, such as the login page of a proxy: check endpoint and " +
		"proxy_url"
	hintOnClock = "set this machine's clock: the token counts as expired there"
)

var (
	// policy matches refusals by Conditional Access and continuous access evaluation.
	policy = regexp.MustCompile(`(?i)AADSTS(50131|5300[0-9]|53011|530032|530034|530035|530084)\b|conditional access|` +
		`continuous access evaluation|TokenCreatedWithOutdatedPolicies|TokenIssuedBeforeRevocationTimestamp|LocationCondition`)
	// noExchange matches what tenants without Exchange Online answer.
	noExchange = regexp.MustCompile(`(?i)OrganizationFromTenantGuidNotFound|the tenant for tenant guid|MailboxNotEnabledForRESTAPI`)
	// tooOld and otherAudience match what services answer to tokens that are too old or for another service.
	tooOld        = regexp.MustCompile(`(?i)lifetime validation failed|token (is|has) expired`)
	otherAudience = regexp.MustCompile(`(?i)invalid audience|audience .*(invalid|validation failed)`)
)

// AdviseOnRefusal returns what to change after an error that means the same with both services; nothing after others.
func AdviseOnRefusal(e *Error) trouble.Advice {
	text := e.Code + " " + e.Message
	host, _, _ := strings.Cut(e.Target, "/")
	switch {
	case e.Status == http.StatusProxyAuthRequired:
		return trouble.Advice{Hint: AdviceOnProxy, Step: StepTo(host)}
	case e.Status == http.StatusNetworkAuthenticationRequired:
		return trouble.Advice{Hint: hintOnPortal, Step: StepTo(host)}
	case e.Challenge != "", policy.MatchString(text):
		return AdviceOnPolicy
	case noExchange.MatchString(text), e.Code == "ResourceNotFound" && refusesTenant(e.Status):
		return adviceOnTenant
	case e.Status == http.StatusUnauthorized && tooOld.MatchString(text):
		return trouble.Advice{Hint: hintOnClock, Step: StepOnClock(host)}
	case e.Status == http.StatusUnauthorized && otherAudience.MatchString(text):
		return trouble.Advice{Hint: "check resource and api: the token is for another service"}
	case e.Status >= http.StatusInternalServerError, e.Code == "ServiceUnavailable":
		return adviceOnWait
	case e.Status != 0 && !slices.Contains(spoken, e.Status):
		return trouble.Advice{Hint: hintOnPortal, Step: StepTo(host)}
	}
	return trouble.Advice{}
}

// spoken are the statuses below 500 with which the services are known to refuse, or may well.
var spoken = []int{
	http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusGone,
	http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
}

// StepOnClock shows this machine's clock beside that of a host.
func StepOnClock(host string) trouble.Step {
	return trouble.Step{Command: "date -u; curl --silent --head https://" + Clean(host) + "/ | grep -i ^date"}
}

func refusesTenant(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusNotFound
}

// Permission is an application permission.
type Permission struct {
	// Role is its name, and RoleID its ID among those of the API; the ID may be an expression of the shell.
	Role, RoleID string
	// API is the name of the application that has the permission, and APIID its application ID.
	API, APIID string
}

// AdviseOnRole returns what to do about a token that lacks an application permission, with what the token has; nothing if it
// has the permission. Without a token that can be read it is not known whether it has.
func AdviseOnRole(e *Error, p Permission) trouble.Advice {
	advice := trouble.Advice{
		Hint: "grant the application permission " + p.Role + " with admin consent to the application in authentication", Step: p.grant(e.Claims),
	}
	switch {
	case e.Claims == nil:
		return advice
	case e.Claims.Has(p.Role):
		return trouble.Advice{}
	}
	advice.Hint = e.Claims.ListRoles() + "; it lacks " + p.Role + ": " + advice.Hint
	if e.Claims.Resource != "" {
		advice.Hint += "; Azure keeps the token of a managed identity for up to 24 hours, so that a permission may count only then"
	}
	return advice
}

// grant is how to grant the permission. The portal cannot grant one to a managed identity.
func (p Permission) grant(token *claims.Set) trouble.Step {
	if token != nil && token.Resource != "" {
		principal := cmp.Or(token.ObjectID(), "OBJECT_ID")
		return trouble.Step{Command: `az rest --method POST --url https://graph.microsoft.com/v1.0/servicePrincipals/` + principal +
			`/appRoleAssignments --body "{\"principalId\":\"` + principal + `\",\"resourceId\":\"$(az ad sp show --id ` + p.APIID +
			` --query id --output tsv)\",\"appRoleId\":\"` + p.RoleID + `\"}"`}
	}
	application := "CLIENT_ID"
	if token != nil {
		application = cmp.Or(token.ClientID(), application)
	}
	return trouble.Step{
		Portal: "Microsoft Entra admin center > App registrations > All applications > the application > API permissions > Add a permission > " +
			p.API + " > Application permissions > " + p.Role + "; then Grant admin consent",
		Command: "az ad app permission add --id " + application + " --api " + p.APIID + " --api-permissions " + p.RoleID + "=Role && " +
			"az ad app permission admin-consent --id " + application,
	}
}
