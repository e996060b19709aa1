// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"cmp"
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Error codes after which sign-in rests longer, from Microsoft's documentation "Microsoft Entra authentication and
// authorization error codes", like those of the hints.
const (
	badSecret     = 7000215
	expiredSecret = 7000222
	unknownClient = 700016
	// malformed is also the answer to a secret with characters that no secret has.
	malformed = 9002313
	tooOften  = 50196
)

// advice returns what to change after an error code.
func (c Config) advice(code int) trouble.Advice {
	if policyRefuses[code] {
		return transport.AdviceOnPolicy
	}
	known := strings.NewReplacer("BLOCK", c.Block, "CLIENT_ID", cmp.Or(c.ClientID, "CLIENT_ID"), "TENANT_ID", c.TenantID,
		"RESOURCE", c.Resource, "LOGIN_HOST", c.authority())
	step := steps[code]
	return trouble.Advice{
		Hint: known.Replace(hints[code]),
		Step: trouble.Step{Portal: known.Replace(step.Portal), Command: known.Replace(step.Command)},
	}
}

const (
	noSuchFederation = "add a federated credential to the application whose issuer, subject and audience are those of the token in " +
		"BLOCK.token_file"
	otherCloud      = "check subscription_plan and authority_host: the application or the tenant is in another cloud"
	unknownResource = "check BLOCK.resource: the tenant does not know it, or has no service principal for it; without a licence of " +
		"Exchange Online it has none for its services"
	disabledClient = "the application of BLOCK.client_id is disabled in the tenant: enable it under Enterprise applications (Enabled for " +
		"users to sign in), or have its owner enable it"
	noCredential = "check which block of authentication is set: the application must sign in with a secret, a certificate or a federated token"
)

// hints are what to change after the error codes.
var hints = map[int]string{ //nolint:gosec // it names where secrets belong, and is none
	badSecret: "set BLOCK.client_secret (or client_secret_file) to the value of a client secret of the application, not to the " +
		"secret's ID",
	expiredSecret: "create a new client secret for the application and set BLOCK.client_secret (or client_secret_file) to it",
	malformed:     "check tenant_id, BLOCK.client_id and the secret: one of them has characters that do not belong there",
	7000216:       noCredential,
	7000218:       noCredential,

	unknownClient: "check BLOCK.client_id and tenant_id: this tenant has no such application",
	7000112:       disabledClient,
	7000229: "the tenant has no service principal of the application: grant the application admin consent in this tenant, or create it " +
		"(New-MgServicePrincipal -AppId with BLOCK.client_id); check tenant_id",
	501051: "the application must be assigned to the resource: grant it the application permission with admin consent",

	90002:  "check tenant_id, and that subscription_plan or authority_host is of the tenant's cloud",
	900023: "check tenant_id: it is neither the GUID nor a verified domain of a tenant",
	90051:  otherCloud,
	900382: otherCloud,
	900432: otherCloud,
	900439: otherCloud,

	70011:  "check BLOCK.resource",
	500011: unknownResource,
	650052: unknownResource,
	500014: "the service principal of the resource is disabled in the tenant: enable it under Enterprise applications (Enabled for users " +
		"to sign in); for Graph that is Microsoft Graph, for the Reporting Web Service Office 365 Exchange Online",

	700027:  "upload the certificate of BLOCK.cert_file to the application, or check that BLOCK.client_id is the application's",
	700024:  "set this machine's clock: sign-in accepts only a small deviation; a token in BLOCK.token_file may also have expired",
	70021:   noSuchFederation,
	700211:  noSuchFederation,
	700212:  noSuchFederation,
	700213:  noSuchFederation,
	7002121: noSuchFederation,

	tooOften: "something signs in too often with this application, and Entra refuses it for some minutes: see that no other program with " +
		"the same client_id signs in again and again; this receiver waits",
}

// policyRefuses are the codes of refusals by Conditional Access.
var policyRefuses = map[int]bool{
	50131: true, 53000: true, 53001: true, 53003: true, 53011: true, 530032: true, 530034: true, 530035: true, 530084: true,
}

// Where things are in the Microsoft Entra admin center.
const (
	ofApplication  = "Microsoft Entra admin center > App registrations > All applications > the application CLIENT_ID"
	ofCredentials  = ofApplication + " > Certificates & secrets"
	ofPrincipals   = "Microsoft Entra admin center > Enterprise applications > All applications (without the filter of application types)"
	grantConsent   = " > API permissions > Grant admin consent"
	enabledForUser = " > Properties > Enabled for users to sign in > Yes"
)

var (
	newSecret = trouble.Step{
		Portal:  ofCredentials + " > Client secrets > New client secret; copy the value",
		Command: "az ad app credential reset --id CLIENT_ID --append --query password --output tsv",
	}
	listCredentials = trouble.Step{
		Portal: ofCredentials, Command: "az ad app credential list --id CLIENT_ID; az ad app credential list --id CLIENT_ID --cert",
	}
	findTenant = trouble.Step{
		Portal:  "Microsoft Entra admin center > Overview > Tenant ID",
		Command: "curl --silent https://LOGIN_HOST/TENANT_ID/v2.0/.well-known/openid-configuration",
	}
	findResource = trouble.Step{
		Portal:  ofPrincipals + "; licences: Microsoft 365 admin center > Billing > Licenses",
		Command: "az ad sp show --id RESOURCE",
	}
	federate = trouble.Step{
		Portal:  ofCredentials + " > Federated credentials > Add credential",
		Command: "az ad app federated-credential list --id CLIENT_ID",
	}
)

// steps are how to do what the hints ask for, by Microsoft's documentation of its admin center and of the Azure CLI.
var steps = map[int]trouble.Step{
	badSecret:     newSecret,
	expiredSecret: newSecret,
	malformed:     {Portal: ofApplication + " > Overview", Command: "az ad app show --id CLIENT_ID --query appId"},
	7000216:       listCredentials,
	7000218:       listCredentials,

	unknownClient: {
		Portal:  ofApplication + " > Overview: Application (client) ID and Directory (tenant) ID",
		Command: "az ad sp show --id CLIENT_ID",
	},
	7000112: {Portal: ofPrincipals + " > CLIENT_ID" + enabledForUser, Command: "az ad sp update --id CLIENT_ID --set accountEnabled=true"},
	7000229: {Portal: ofApplication + grantConsent, Command: "az ad sp create --id CLIENT_ID"},
	501051:  {Portal: ofApplication + grantConsent, Command: "az ad app permission admin-consent --id CLIENT_ID"},

	90002:  findTenant,
	900023: findTenant,
	90051:  findTenant,
	900382: findTenant,
	900432: findTenant,
	900439: findTenant,

	500011: findResource,
	650052: findResource,
	500014: {
		Portal:  ofPrincipals + " > the service principal of RESOURCE" + enabledForUser,
		Command: "az ad sp update --id RESOURCE --set accountEnabled=true",
	},

	700027: {
		Portal:  ofCredentials + " > Certificates > Upload certificate",
		Command: "az ad app credential reset --id CLIENT_ID --append --cert @CERT_FILE",
	},
	700024:  transport.StepOnClock("LOGIN_HOST"),
	70021:   federate,
	700211:  federate,
	700212:  federate,
	700213:  federate,
	7002121: federate,

	tooOften: {Portal: "Microsoft Entra admin center > Monitoring & health > Sign-in logs > Service principal sign-ins"},
}
