// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/o365messagetrace/o365messagetrace/internal/claims"
	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
)

// maxMessage bounds, in bytes, what of a service's message reaches an error: enough for any message that a service is
// known to send, too little to fill a log.
const maxMessage = 500

// Error is a request for a page that brought none. It names host and path, never the query, which carries addresses.
type Error struct {
	// Target is host and path of the endpoint.
	Target string
	// Status is the HTTP status code, 0 if no response arrived.
	Status int
	// Code and Message are the service's own account of what is wrong.
	Code, Message string
	// RequestID is what Microsoft's support asks for.
	RequestID string
	// RetryAfter is how long the service asks to be left alone, 0 if it does not.
	RetryAfter time.Duration
	// Challenge is the claims that the service demands of the next token, as a JSON object; empty if it demands none.
	Challenge string
	// Claims are those of the token that was refused; nil if there was none that can be read.
	Claims *claims.Set
	// Advice names the key or permission to change; it may be empty.
	Advice trouble.Advice
	// Err is what went wrong on this side.
	Err error
	// Damaged reports whether a page arrived whole, but is not what it should be.
	Damaged bool
	// Paused is for how long the tenant is not asked again because of the error, 0 if it is.
	Paused time.Duration
	// Reason is why the service refuses the query, as far as the dialect knows.
	Reason Reason
}

func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Status == http.StatusUnauthorized:
		b.WriteString("request refused: token invalid: ")
	case e.Status != 0 && e.Err == nil:
		b.WriteString("request refused: ")
	}
	b.WriteString(e.Target)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.RequestID != "" {
		b.WriteString(" (request id " + e.RequestID + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Kind tells one kind of error from another, without the texts, which may differ each time. In an outage a service answers
// now this, now that from 500 on.
func (e *Error) Kind() string {
	if e.Status >= http.StatusInternalServerError && e.Err == nil {
		return "5xx"
	}
	return fmt.Sprint(e.Status, " ", e.Code, " ", e.Advice.Hint, " damaged:", e.Damaged, " foreign:", errors.Is(e.Err, ErrForeignLink),
		" large:", errors.Is(e.Err, ErrTooLarge), " late:", e.Err != nil && timedOut(e.Err))
}

// Hint names the configuration key or the permission to change.
func (e *Error) Hint() string { return e.Advice.Hint }

// NextStep returns how to do what the hint asks for.
func (e *Error) NextStep() trouble.Step { return e.Advice.Step }

// tooMany matches how services word that the tenant has used up its requests, should they say so with another status than 429.
var tooMany = regexp.MustCompile(`(?i)too ?many ?requests|surpassed the permitted limit`)

// throttled reports whether the tenant has used up its requests.
func (e *Error) throttled() bool {
	switch e.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadRequest, http.StatusForbidden:
		return e.Err == nil && tooMany.MatchString(e.Code+" "+e.Message)
	}
	return false
}

// Scope returns what the error is about, as far as one answer tells. Whether the service as a whole is in trouble or only
// this window, other answers must show.
func (e *Error) Scope() trouble.Scope {
	switch {
	case e.throttled(), e.Paused > 0:
		return trouble.Tenant
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return trouble.SignIn
	case e.Err == nil && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound || e.Status == http.StatusGone):
		return trouble.Query
	case e.Damaged, errors.Is(e.Err, ErrTooLarge), errors.Is(e.Err, ErrForeignLink):
		return trouble.Window
	}
	return trouble.Service
}

// Silent reports whether no answer came in time.
func (e *Error) Silent() bool { return e.Err != nil && timedOut(e.Err) }

// addresses matches what may be a mail address, also as it stands in a URL.
var addresses = regexp.MustCompile(`("[^"]*"|[^\s<>"'(),;:@][^\s<>"(),;:@]*)(@|%40)[^\s<>"'(),;:]+`)

// maxNested is how often addresses may be within the quotes of others.
const maxNested = 3

// credentials matches what may be a JWT or the content of a header Authorization.
var credentials = regexp.MustCompile(`eyJ[\w-]{8,}(\.[\w-]*)*|(?i:\b(bearer|basic)(\s|%20|\+)+[\w~+/.=%-]{16,})`)

// unreadable matches how net/http repeats an answer that it cannot read.
var unreadable = regexp.MustCompile(`(?s)(malformed (HTTP (response|status code|version)|MIME header)).*`)

// Clean makes a text that a service chose fit for a log: one line of bounded length, without addresses and without the
// given secrets, nor whatever else looks like credentials.
func Clean(text string, secrets ...string) string {
	text = strings.ToValidUTF8(text, "")
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[masked]")
		}
	}
	// One line first: what becomes a space must not hide credentials or an address before.
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	text = localPort.ReplaceAllString(text, "")
	text = unreadable.ReplaceAllString(text, "$1")
	text = credentials.ReplaceAllString(text, "[masked]")
	// What is left of an address in quotes may be one again.
	for range maxNested {
		text = addresses.ReplaceAllString(text, "[address]")
	}
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " …"
	}
	return text
}

// masked is an error whose text is fit for a log.
type masked struct {
	err  error
	text string
}

func (m *masked) Error() string { return m.text }

func (m *masked) Unwrap() error { return m.err }

// localPort matches this side of a connection in the text of a net.OpError. It differs each time, and so would make a new
// failure of every repetition.
var localPort = regexp.MustCompile(`\S+:\d+->`)

// mask keeps what the service chose, such as a header that makes no sense, out of the text of err.
func mask(err error, secrets ...string) error {
	return &masked{err: err, text: Clean(err.Error(), secrets...)}
}
