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
	"slices"
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
	// outOfDate says that a certificate is not valid at this time, which no rotation of its file explains.
	outOfDate bool
}

func (e *Error) Error() string { return "sign-in failed: " + e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Hint names the configuration key to change.
func (e *Error) Hint() string { return e.Advice }

// Temporary says that the login host could not be asked this time, so that it may answer the next.
func (e *Error) Temporary() bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
	return e.Err != nil && !untrusted
}

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
	noFederation    = 700213
	badScope        = 70011
	unknownResource = 500011
)

// advise returns what to change after an error code.
func advise(code int, block string) string {
	text, ok := advice[code]
	if !ok {
		return ""
	}
	return strings.ReplaceAll(text, "BLOCK", block)
}

var advice = map[int]string{ //nolint:gosec // it names where secrets belong, and is none
	badSecret: "set BLOCK.client_secret (or client_secret_file) to the value of a client secret of the application, not to the " +
		"secret's ID",
	expiredSecret:   "create a new client secret for the application and set BLOCK.client_secret (or client_secret_file) to it",
	unknownClient:   "check BLOCK.client_id and tenant_id: this tenant has no such application",
	unknownTenant:   "check tenant_id, and that subscription_plan or authority_host is of the tenant's cloud",
	badAssertion:    "upload the certificate of BLOCK.cert_file to the application, or check that BLOCK.client_id is the application's",
	assertionTiming: "set this machine's clock: sign-in accepts only a small deviation; a token in BLOCK.token_file may also have expired",
	noFederation: "add a federated credential to the application whose issuer, subject and audience are those of the token in " +
		"BLOCK.token_file",
	badScope:        "check BLOCK.resource",
	unknownResource: "check BLOCK.resource: the tenant does not know it",
}

// newError makes an error of what azidentity returns; sendErr is why the request got no response, if it did not. Secrets
// are masked, though nobody should repeat them.
func newError(err, sendErr error, block string, secrets []string) *Error {
	masked := slices.Clone(secrets)
	for _, secret := range secrets {
		masked = append(masked, url.QueryEscape(secret))
	}
	clean := func(text string) string { return transport.Clean(text, masked...) }
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
		description = fmt.Sprintf("%s answered with status %d", loginHost, failed.RawResponse.StatusCode)
	}
	return &Error{Code: code, Message: clean(description), Advice: advise(code, block)}
}

// loginHost is who is asked for tokens in texts.
const loginHost = "the login host"

// ofMachine returns the error of a managed identity, for which not the login host is asked but the machine.
func (e *Error) ofMachine(block string) *Error {
	machine := *e
	machine.Message = strings.Replace(e.Message, loginHost, "the identity service of this machine", 1)
	machine.Advice = "a managed identity works on Azure alone: see that this machine has been given one, and that " + block +
		".client_id, if it is set, is that of one of them"
	return &machine
}

// repeated matches how azidentity's library repeats an answer that it cannot make sense of. A token may be in it.
var repeated = regexp.MustCompile(`(?s)\s*(raw message was|json message bytes were).*`)

func unanswered(err error, clean func(string) string) *Error {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	e := &Error{
		Message: clean(err.Error()),
		Err:     err,
		Advice:  loginHost + " cannot be reached: check authority_host, the firewall and proxy_url",
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
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
