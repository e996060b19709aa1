// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"net/http"
	"regexp"
)

// Advice of either service, whatever is asked of it.
const (
	adviceOnTenant = "Exchange Online does not know the tenant: check tenant_id, and see that the tenant has a licence of Exchange Online"
	adviceOnPortal = "something other than Microsoft's service seems to answer, such as the login page of a proxy: check endpoint and " +
		"proxy_url"
	adviceOnWait = "Microsoft's service has trouble of its own: there is nothing to change here; if it goes on, look at Service health in " +
		"the Microsoft 365 admin center, and whether a proxy in proxy_url answers in its place"
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
func AdviseOnRefusal(e *Error) string {
	text := e.Code + " " + e.Message
	switch {
	case e.Status == http.StatusProxyAuthRequired:
		return AdviceOnProxy
	case e.Status == http.StatusNetworkAuthenticationRequired, e.Status >= 300 && e.Status < 400:
		return adviceOnPortal
	case e.Challenge != "", policy.MatchString(text):
		return AdviceOnPolicy
	case noExchange.MatchString(text), e.Code == "ResourceNotFound" && refusesTenant(e.Status):
		return adviceOnTenant
	case e.Status == http.StatusUnauthorized && tooOld.MatchString(text):
		return "set this machine's clock: the token counts as expired there"
	case e.Status == http.StatusUnauthorized && otherAudience.MatchString(text):
		return "check resource and api: the token is for another service"
	case e.Status >= http.StatusInternalServerError, e.Code == "ServiceUnavailable":
		return adviceOnWait
	}
	return ""
}

func refusesTenant(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusNotFound
}

// AdviseOnRole returns what to do about a token that lacks an application permission, with what the token has; nothing if it
// has the permission. Without a token that can be read it is not known whether it has.
func AdviseOnRole(e *Error, role string) string {
	grant := "grant the application permission " + role + " with admin consent to the application in authentication"
	if e.Claims == nil {
		return grant
	}
	if e.Claims.Has(role) {
		return ""
	}
	advice := e.Claims.ListRoles() + "; it lacks " + role + ": " + grant
	if e.Claims.Resource != "" {
		advice += "; Azure keeps the token of a managed identity for up to 24 hours, so that a permission may count only then"
	}
	return advice
}
