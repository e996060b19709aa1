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
)

// maxMessage bounds, in bytes, what of a service's message reaches an error: enough for any message that a service is
// known to send, too little to fill a log.
const maxMessage = 500

// Error is a request for a page that brought none. It names host and path, never the query, which carries addresses.
type Error struct {
	// Target is host and path of what was asked for.
	Target string
	// Status is the HTTP status code, 0 if no response arrived.
	Status int
	// Code and Message are what the service says is wrong.
	Code, Message string
	// RequestID is what Microsoft's support asks for.
	RequestID string
	// RetryAfter is how long the service asks to be left alone, 0 if it does not say.
	RetryAfter time.Duration
	// Advice names the key or permission to change; it may be empty.
	Advice string
	// Err is what went wrong on this side.
	Err error
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

// Hint names the configuration key or the permission to change.
func (e *Error) Hint() string { return e.Advice }

// Unauthorized says that the service does not accept the token.
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }

// AboutQuery says that the service refuses this query, so that another window may still be answered.
func (e *Error) AboutQuery() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusOK:
		return true
	}
	return errors.Is(e.Err, ErrForeignLink)
}

// addresses matches what may be a mail address.
var addresses = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)

// Clean makes a text that a service chose fit for a log: one line of bounded length, without addresses and without the
// given secrets.
func Clean(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[masked]")
		}
	}
	text = addresses.ReplaceAllString(text, "[address]")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	text = strings.ToValidUTF8(text, "")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " …"
	}
	return text
}
