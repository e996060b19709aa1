// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package entra

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/o365messagetrace/o365messagetrace/internal/transport"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// Error is a sign-in that brought no token.
type Error struct {
	// Status is the HTTP status code of the answer, 0 if there was none.
	Status int
	// Code is the number after AADSTS, 0 if Entra gave none.
	Code int
	// Message is the text of Entra, or what kept it from being asked.
	Message string
	// RetryAfter is how long the login host asks to be left alone, 0 if it does not ask.
	RetryAfter time.Duration
	// Advice names the key to change; it may be empty.
	Advice trouble.Advice
	// Err is what kept Entra from being asked; it may be nil.
	Err error
	// busy reports that the login host has answered that it has trouble of its own.
	busy bool
	// foreign reports that something other than the login host seems to have answered, which is no refusal.
	foreign bool
	// outOfDate reports that a certificate is not valid at this time, which no rotation of its file explains.
	outOfDate bool
}

func (e *Error) Error() string { return "sign-in failed: " + e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Hint names the configuration key to change.
func (e *Error) Hint() string { return e.Advice.Hint }

// NextStep returns how to do what the hint asks for.
func (e *Error) NextStep() trouble.Step { return e.Advice.Step }

// Temporary reports whether trying again within seconds may help: the login host could not be asked, or has trouble, and
// does not ask for more time.
func (e *Error) Temporary() bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
	if e.Err != nil {
		return !untrusted
	}
	return e.RetryAfter == 0 && (e.busy || e.Status == http.StatusRequestTimeout || e.Status >= http.StatusInternalServerError)
}

const (
	// pauseAfterWrongSecret is how long sign-in rests after a refusal that only a changed configuration can mend, so that
	// Entra does not block the application for guessing.
	pauseAfterWrongSecret = 15 * time.Minute
	// pauseAfterRefusal is how long it rests after another refusal, which an administrator may mend.
	pauseAfterRefusal = 5 * time.Minute
	// pauseWhenThrottled is how long it rests when the login host is asked too often and names no time.
	pauseWhenThrottled = time.Minute
	// maxPause bounds how long it rests because the login host asks for it.
	maxPause = time.Hour
)

// pause returns how long sign-in rests after the error, 0 if the next attempt need not wait.
func (e *Error) pause() time.Duration {
	asked := min(e.RetryAfter, maxPause)
	switch {
	case e.Code == badSecret, e.Code == expiredSecret, e.Code == unknownClient:
		return max(asked, pauseAfterWrongSecret)
	case asked > 0:
		return asked
	case e.Status == http.StatusTooManyRequests:
		return pauseWhenThrottled
	case e.Temporary(), e.foreign, e.Status < http.StatusBadRequest, e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		// A machine's identity service that is being updated answers 404 or 410 (Microsoft's documentation "How to use managed
		// identities for Azure resources on an Azure VM to acquire an access token").
		return 0
	}
	return pauseAfterRefusal
}

const (
	// loginHost is who is asked for tokens in texts.
	loginHost = "the login host"
	// somethingElse is what to do when the login host does not seem to be what answers.
	somethingElse = "something other than the login host seems to answer, such as the login page of a proxy: check authority_host and " +
		"proxy_url"
)

// explain makes an error of what azidentity returns. Secrets are masked, though nobody should repeat them.
func (s *TokenSource) explain(err error) *Error {
	masked := slices.Clone(s.material.secrets)
	for _, secret := range s.material.secrets {
		masked = append(masked, url.QueryEscape(secret))
	}
	clean := func(text string) string { return transport.Clean(text, masked...) }
	e := s.explainAnswer(err, clean)
	if s.material.machine {
		e.ofMachine(s.cfg.Block)
	}
	if suspicion := s.material.suspicion; suspicion != "" && (e.Code == badSecret || e.Code == malformed) {
		e.Advice.Hint = "look at the secret: " + suspicion + "; " + e.Advice.Hint
	}
	return e
}

func (s *TokenSource) explainAnswer(err error, clean func(string) string) *Error {
	if s.last.err != nil {
		e := unanswered(s.last.err, clean, s.cfg.authority())
		if !s.material.machine {
			// Of what a proxy answers, the error may have a word and nothing else.
			e.Message = clean(s.cfg.authority()) + ": " + e.Message
		}
		return e
	}
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		e := &Error{Message: clean(repeated.ReplaceAllString(err.Error(), ""))}
		if s.last.resp != nil {
			// An answer that is no refusal and yet has no token.
			e.Advice.Hint = somethingElse
		}
		return e
	}
	answer := failed.RawResponse
	e := &Error{Status: answer.StatusCode, RetryAfter: transport.RetryAfter(answer.Header, s.now())}
	// A body that cannot be read leaves the status to speak.
	body, _ := runtime.Payload(answer)
	e.describe(body, clean)
	if e.Message == "" {
		e.Message = fmt.Sprintf("%s answered with status %d", loginHost, e.Status)
	}
	switch e.Advice = s.cfg.advice(e.Code); {
	case e.Advice.Hint != "":
	case e.Status == http.StatusProxyAuthRequired:
		e.Advice.Hint = transport.AdviceOnProxy
	case e.Status == http.StatusTooManyRequests:
		e.Advice.Hint = hints[tooOften]
	case e.Status < http.StatusInternalServerError && s.last.foreign(), e.Status < http.StatusBadRequest:
		e.foreign, e.Advice.Hint = true, somethingElse
	}
	return e
}

// ofMachine changes the error to that of a managed identity, for which not the login host is asked but the machine.
func (e *Error) ofMachine(block string) {
	e.Message = strings.Replace(e.Message, loginHost, "the identity service of this machine", 1)
	e.Advice = trouble.Advice{
		Hint: "a managed identity works on Azure alone: see that this machine has been given one, and that " + block +
			".client_id, if it is set, is that of one of them",
		Step: trouble.Step{
			Portal:  "Azure portal > the machine > Security > Identity > System assigned or User assigned",
			Command: "az vm identity show --resource-group GROUP --name MACHINE",
		},
	}
}

// repeated matches how azidentity's library repeats an answer that it cannot make sense of, in which a token may be, and what
// it says of itself.
var repeated = regexp.MustCompile(`(?s)\s*(raw message was|json message bytes were|To troubleshoot, visit).*`)

func unanswered(err error, clean func(string) string, host string) *Error {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		err = withURL.Err
	}
	e := &Error{Message: clean(err.Error()), Err: err}
	switch e.Advice = transport.AdviseOnCertificate(err, host, "authority_host"); {
	case errors.Is(err, errTooLarge):
		e.Err, e.Advice.Hint = nil, somethingElse
	case e.Advice.Hint == "":
		const unreachable = loginHost + " cannot be reached: check authority_host, the firewall and proxy_url"
		e.Advice = trouble.Advice{Hint: cmp.Or(transport.HintOnTunnel(err, "authority_host"), unreachable), Step: transport.StepTo(host)}
	}
	return e
}

var (
	aadsts = regexp.MustCompile(`AADSTS(\d+)`)
	// described matches a description wherever it is in an object.
	described = regexp.MustCompile(`AADSTS\d+[^"<]*`)
)

// describe takes code and description from an error response of the login host.
func (e *Error) describe(body []byte, clean func(string) string) {
	var response struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	switch err := json.Unmarshal(body, &response); {
	case !json.Valid(body):
		return
	case err != nil, response.Description == "":
		response.Description = string(described.Find(body))
	}
	if match := aadsts.FindStringSubmatch(response.Description); match != nil {
		e.Code, _ = strconv.Atoi(match[1])
	}
	// RFC 6749, section 4.1.2.1.
	e.busy = response.Error == "temporarily_unavailable" || response.Error == "server_error"
	e.Message = clean(beforeTrace(response.Description))
}

// beforeTrace cuts off the identifiers that Entra appends to a description.
func beforeTrace(description string) string {
	text, _, _ := strings.Cut(description, "Trace ID:")
	return strings.TrimSpace(text)
}
