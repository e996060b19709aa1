// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
)

// Error is a sign-in that brought no token.
type Error struct {
	// Code is the number after AADSTS, 0 if Entra gave none.
	Code int
	// Message is what Entra says, or what kept it from being asked.
	Message string
	// Advice names the key to change; it may be empty.
	Advice string
	// Err is what kept Entra from being asked; it may be nil.
	Err error
}

func (e *Error) Error() string { return "sign-in failed: " + e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Hint names the configuration key to change.
func (e *Error) Hint() string { return e.Advice }

// final says that trying again with the same configuration is of no use.
func (e *Error) final() bool {
	return e.Code == badSecret || e.Code == expiredSecret || e.Code == unknownClient
}

// Error codes, from Microsoft's documentation "Microsoft Entra authentication and authorization error codes".
const (
	badSecret       = 7000215
	expiredSecret   = 7000222
	unknownClient   = 700016
	unknownTenant   = 90002
	badAssertion    = 700027
	assertionTiming = 700024
	badScope        = 70011
	unknownResource = 500011
)

var advice = map[int]string{
	badSecret: "set authentication.oauth.client_secret (or client_secret_file) to the value of a client secret of the " +
		"application, not to the secret's ID",
	expiredSecret: "create a new client secret for the application and set authentication.oauth.client_secret (or " +
		"client_secret_file) to it",
	unknownClient:   "check authentication.oauth.client_id and tenant_id: this tenant has no such application",
	unknownTenant:   "check tenant_id, and that subscription_plan or authority_host is of the tenant's cloud",
	badAssertion:    "upload the certificate in use to the application, or check that it is the application's",
	assertionTiming: "set this machine's clock: sign-in accepts only a small deviation",
	badScope:        "check authentication.oauth.resource",
	unknownResource: "check authentication.oauth.resource: the tenant does not know it",
}

// newError makes an error of what azidentity returns; sendErr is why the request got no response, if it did not. The
// secret is masked, though nobody should repeat it.
func newError(err, sendErr error, secret string) *Error {
	clean := func(text string) string { return transport.Clean(text, secret, url.QueryEscape(secret)) }
	if sendErr != nil {
		return unanswered(sendErr, clean)
	}
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return &Error{Message: clean(repeated.ReplaceAllString(err.Error(), ""))}
	}
	// A body that cannot be read leaves the status to speak.
	body, _ := runtime.Payload(failed.RawResponse)
	code, description := describe(body)
	if description == "" {
		description = fmt.Sprintf("the login host answered with status %d", failed.RawResponse.StatusCode)
	}
	return &Error{Code: code, Message: clean(description), Advice: advice[code]}
}

// repeated matches how azidentity's library repeats an answer that it cannot make sense of. A token may be in it.
var repeated = regexp.MustCompile(`(?s)\s*(raw message was|json message bytes were).*`)

func unanswered(err error, clean func(string) string) *Error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	e := &Error{
		Message: clean(err.Error()),
		Err:     err,
		Advice:  "the login host cannot be reached: check authority_host, the firewall and proxy_url",
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		e.Advice = "the certificate of the login host is not trusted: name its authority in tls.ca_file"
	}
	return e
}

var aadsts = regexp.MustCompile(`AADSTS(\d+)`)

// describe returns code and description of an error response of the login host.
func describe(body []byte) (code int, description string) {
	var response struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &response) != nil {
		return 0, ""
	}
	if match := aadsts.FindStringSubmatch(response.Description); match != nil {
		code, _ = strconv.Atoi(match[1])
	}
	return code, beforeTrace(response.Description)
}

// beforeTrace cuts off the identifiers that Entra appends to a description.
func beforeTrace(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	return strings.TrimSpace(text)
}
