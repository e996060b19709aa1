// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"strings"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Error codes after which sign-in rests longer, from Microsoft's documentation "Microsoft Entra authentication and
// authorization error codes", like those of the hints.
const (
	badSecret     = 7000215
	expiredSecret = 7000222
	unknownClient = 700016
	// malformed is also the answer to a secret with characters that no secret has.
	malformed = 9002313
)

// hint returns what to change after an error code, for the block of authentication that signs in.
func hint(code int, block string) string { return strings.ReplaceAll(hints[code], "BLOCK", block) }

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

	50131:  transport.AdviceOnPolicy,
	53000:  transport.AdviceOnPolicy,
	53001:  transport.AdviceOnPolicy,
	53003:  transport.AdviceOnPolicy,
	53011:  transport.AdviceOnPolicy,
	530032: transport.AdviceOnPolicy,
	530034: transport.AdviceOnPolicy,
	530035: transport.AdviceOnPolicy,
	530084: transport.AdviceOnPolicy,

	50196: "something signs in too often with this application, and Entra refuses it for some minutes: see that no other program with the " +
		"same client_id signs in again and again; this receiver waits",
}
