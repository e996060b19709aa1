// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"fmt"
	"net/http"

	"github.com/o365messagetrace/o365messagetrace/simulator/internal/exchange"
)

// failure is an AADSTS error: Microsoft's number, the OAuth error it is filed
// under, the text behind "AADSTS<code>: ", and the HTTP status it comes with.
type failure struct {
	code   int
	status int
	err    string
	text   string
}

// The texts are those of Microsoft's documentation of AADSTS error codes and of
// answers quoted in public, where there are any.

func unknownTenant(tenant string) *failure {
	return &failure{90002, http.StatusBadRequest, "invalid_tenant", fmt.Sprintf(
		"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct "+
			"cloud. Check with your subscription administrator, this may happen if there are no active subscriptions "+
			"for the tenant.", tenant)}
}

func missingParameter(name string) *failure {
	return &failure{900144, http.StatusBadRequest, "invalid_request", fmt.Sprintf(
		"The request body must contain the following parameter: '%s'.", name)}
}

func unsupportedGrant(grant string) *failure {
	return &failure{70003, http.StatusBadRequest, "unsupported_grant_type", fmt.Sprintf(
		"The app requested an unsupported grant type '%s'.", grant)}
}

func unknownClient(clientID, tenant string) *failure {
	return &failure{700016, http.StatusBadRequest, "unauthorized_client", fmt.Sprintf(
		"Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has "+
			"not been installed by the administrator of the tenant or consented to by any user in the tenant. You may "+
			"have sent your authentication request to the wrong tenant.", clientID, tenant)}
}

func missingCredential() *failure {
	return &failure{
		7000218, http.StatusUnauthorized, "invalid_client",
		"The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
	}
}

func wrongSecret(clientID string) *failure {
	return &failure{7000215, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "+
			"the client secret ID, for a secret added to app '%s'.", clientID)}
}

func expiredSecret(clientID string) *failure {
	return &failure{7000222, http.StatusUnauthorized, "invalid_client", fmt.Sprintf(
		"The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your "+
			"app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "+
			"https://aka.ms/certCreds.", clientID)}
}

func unavailable() *failure {
	return &failure{90033, http.StatusServiceUnavailable, "temporarily_unavailable", "A transient error has occurred. Please try again."}
}

func throttled() *failure {
	return &failure{90055, http.StatusTooManyRequests, "temporarily_unavailable", "There are too many incoming requests."}
}

func invalidScope(scope string) *failure {
	return &failure{70011, http.StatusBadRequest, "invalid_scope", fmt.Sprintf(
		"The provided request must include a 'scope' input parameter. The provided value for the input parameter "+
			"'scope' is not valid. The scope %s is not valid.", scope)}
}

func unknownResource(identifier, tenant string) *failure {
	return &failure{500011, http.StatusBadRequest, "invalid_resource", fmt.Sprintf(
		"The resource principal named %s was not found in the tenant named %s. This can happen if the application has "+
			"not been installed by the administrator of the tenant or consented to by any user in the tenant. You "+
			"might have sent your authentication request to the wrong tenant.", identifier, tenant)}
}

func unknownInstance(endpoint string) *failure {
	return &failure{50049, http.StatusBadRequest, "invalid_instance", fmt.Sprintf(
		"Unknown or invalid instance '%s'.", endpoint)}
}

func wrongMethod(want, got string) *failure {
	return &failure{900561, http.StatusMethodNotAllowed, "invalid_request", fmt.Sprintf(
		"The endpoint only accepts %s requests. Received a %s request.", want, got)}
}

// refuse answers an error in Microsoft's shape.
func refuse(x *exchange.Exchange, e *failure) {
	at := x.Clock().UTC().Format("2006-01-02 15:04:05Z")
	answer(x, e.status, struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		Codes         []int  `json:"error_codes"`
		Timestamp     string `json:"timestamp"`
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
		URI           string `json:"error_uri"`
	}{
		Error: e.err,
		Description: fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			e.code, e.text, x.ID, x.ClientID, at),
		Codes:         []int{e.code},
		Timestamp:     at,
		TraceID:       x.ID,
		CorrelationID: x.ClientID,
		URI:           fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.code),
	})
}
