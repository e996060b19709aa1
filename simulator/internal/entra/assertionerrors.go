// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"fmt"
	"net/http"
	"time"
)

// What is wrong with client assertions. Texts and codes are those of Microsoft's
// documentation of AADSTS error codes and of answers quoted in public issues,
// unless a comment names another.

// badSignature is also what an unknown key gets. The thumbprint is in capital
// letters; found is the validity of the key, if there is one.
func badSignature(clientID, reason, thumbprint, found string) *failure {
	if found != "" {
		found = fmt.Sprintf(" Found key '%s',", found)
	}
	return &failure{700027, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"Client assertion contains an invalid signature. [Reason - %s, Thumbprint of key used by client: '%s',%s Please "+
			"visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.]",
		reason, thumbprint, found, clientID)}
}

func outsideTime(now, from, until time.Time) *failure {
	const layout = "2006-01-02T15:04:05.0000000Z"
	return &failure{700024, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of "+
			"assertion %s. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
		now.UTC().Format(layout), from.UTC().Format(layout), until.UTC().Format(layout))}
}

func foreignAssertion() *failure {
	return &failure{
		700021, http.StatusUnauthorized, "invalid_client",
		"Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at " +
			"https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
	}
}

func wrongRealm() *failure {
	return &failure{
		700023, http.StatusUnauthorized, "invalid_client",
		"Client assertion audience claim does not match Realm issuer. Review the documentation at " +
			"https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
	}
}

// noFederation has the same words for issuer, audience and subject, each with a
// code of its own. Those for the subject are quoted most.
func noFederation(code int, what, value string) *failure {
	return &failure{code, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"No matching federated identity record found for presented assertion %s '%s'. Check your federated identity "+
			"credential Subject, Audience and Issuer against the presented assertion. "+
			"https://learn.microsoft.com/entra/workload-id/workload-identity-federation", what, value)}
}

func unsupportedAlgorithm(algorithm, supported string) *failure {
	return &failure{5002738, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"Invalid JWT token. '%s' is not a supported signature algorithm. Supported signing algorithms are: '%s'.",
		algorithm, supported)}
}

func malformedAssertion() *failure {
	return &failure{50027, http.StatusBadRequest, "invalid_request", "JWT token is invalid or malformed."}
}

// unsupportedAssertion has a made-up text.
func unsupportedAssertion(kind string) *failure {
	return &failure{90023, http.StatusBadRequest, "invalid_request", fmt.Sprintf(
		"Unsupported value '%s' of the parameter 'client_assertion_type'.", kind)}
}
